"""The node of prompts that travel, with the text encoders of the tiny SDXL."""

import torch
from animatediff_xl.nodes.prompt import PromptTravel

from tests.nodes.test_nodes import defaults, report_of
from tests.tiny.evaluation import tiny_models


@torch.inference_mode()
def test_prompt_travel_shows_what_it_has_read() -> None:
    clip = tiny_models().clip
    output = PromptTravel.execute(clip=clip, **defaults(PromptTravel) | {"before": "oil"})
    assert report_of(output) == (
        "Read as lines, as in sd-webui-animatediff, for 16 frames.\nBefore every prompt: 'oil'.\n"
        "0: a forest in spring\n8: a forest in autumn"
    )
    closed = PromptTravel.execute(clip=clip, **defaults(PromptTravel) | {"closed_loop": True})
    assert report_of(closed).endswith("\nThe last prompt travels back to the first one.")
    ((text, options),) = output.args[0]
    assert text.shape == (16, 77, 48) and options["pooled_output"].shape == (16, 32)
    single = {"prompts": "0: oil, a forest in spring", "frames": 1, "mix": "predictions", "closed_loop": True}
    whole = PromptTravel.execute(clip=clip, **defaults(PromptTravel) | single)
    assert torch.equal(whole.args[0][0][0][0], text[0])
