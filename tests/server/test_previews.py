"""Previews in a running ComfyUI: a client that plays them gets sheets, and others get frames."""

import io
from collections.abc import Callable, Iterator

import pytest
from PIL import Image

from tests.host.server import Server
from tests.server.conftest import Prompt

ROUTE = "/animatediff_xl/preview"
FRAMES, STEPS = 6, 2
SHEET, FRAME = (512, 341), (512, 512)
"""Three by two frames, and one, in the size in which ComfyUI sends pictures."""


@pytest.fixture
def previews(server: Server, tiny_prompt: Callable[..., Prompt]) -> Iterator[Callable[[int], list[object]]]:
    """Sizes of the pictures of a run with a seed. Sheets are announced by the id of their node."""

    def run(seed: int) -> list[object]:
        size = {"width": 64, "height": 64, "frames": FRAMES}
        prompt = tiny_prompt(ADXL_EmptyLatentFrames=size, KSampler={"steps": STEPS, "seed": seed})
        content = {"prompt": prompt, "client_id": server.client, "extra_data": {"preview_method": "latent2rgb"}}
        del server.pictures[:]
        events = list(server.events(server.post("/prompt", content)["prompt_id"]))
        assert events[-1]["type"] == "execution_success"
        nodes = {event["data"]["node"] for event in events if event["type"] == "animatediff_xl.preview"}
        assert all(prompt[node]["class_type"] == "KSampler" for node in nodes)
        return [*nodes, *(Image.open(io.BytesIO(picture)).size for picture in server.pictures)]

    yield run
    server.post(ROUTE, {"client_id": server.client, "plays": False})


def test_a_client_that_plays_previews_gets_sheets(server: Server, previews: Callable[[int], list[object]]) -> None:
    assert previews(1) == [FRAME] * STEPS
    assert server.post(ROUTE, {"client_id": server.client, "plays": True}) == {"plays": True}
    assert previews(2)[1:] == [SHEET] * STEPS + [FRAME]
    assert server.post(ROUTE, {"client_id": server.client, "plays": False}) == {"plays": False}
    assert previews(3) == [FRAME] * STEPS


@pytest.mark.parametrize("content", [[], {}, {"client_id": 3}])
def test_a_request_without_a_page_is_refused(server: Server, content: object) -> None:
    assert server.post(ROUTE, content) == {
        "error": "This request names no page: send an object with the key 'client_id'."
    }
