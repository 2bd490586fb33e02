"""The route of timelines in a running ComfyUI."""

from tests.host.server import Server

PATH = "/animatediff_xl/timeline"


def test_the_server_draws_a_text_and_refuses_malformed_requests(server: Server) -> None:
    inputs = {"prompts": "0: a\n8: b"}  # the others have their defaults
    drawn = server.post(PATH, {"node": "ADXL_PromptTravel", "inputs": inputs})
    assert drawn["text"] == "0: a\n8: b" and [key["span"] for key in drawn["keys"]] == [[3, 4], [8, 9]]
    assert drawn["shares"][4] == [0, 1, 0.5]
    assert set(server.post(PATH, {"node": "KSampler", "inputs": {}})) == {"error"}
