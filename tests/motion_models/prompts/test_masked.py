"""Predictions of prompts that travel are mixed frame by frame, and a prompt runs only where it counts."""

from collections.abc import Callable
from typing import Any

import comfy.supported_models
import pytest
import torch
from animatediff_xl.motion_models import host
from animatediff_xl.motion_models.context.conditions import conditions_of
from animatediff_xl.motion_models.context.handler import ContextHandler, add_context
from animatediff_xl.motion_models.context.reference import Reference, add_reference
from animatediff_xl.motion_models.context.windows import ContextSettings
from animatediff_xl.motion_models.prompts.encoding import FRAME_MASK
from animatediff_xl.motion_models.prompts.travel import travel
from node_helpers import conditioning_set_values
from torch import Tensor

from nodes import ConditioningSetMask
from tests.small import CONTEXT, conditioning
from tests.windowed import CLIP, host_windowed, long_sample, same, windowed


class NumberClip:
    """A text encoder for prompts that are numbers."""

    def tokenize(self, text: str) -> dict[str, list]:
        return {"numbers": [[text]]}

    def encode_from_tokens_scheduled(self, tokens: dict[str, list]) -> list:
        number = float(tokens["numbers"][0][0] or 0)
        return [[torch.full((1, 7, CONTEXT), number), {**conditioning(1)[0][1]}]]


def predictions(text: str, frames: int = CLIP, between: str = "linear") -> list:
    return travel(text, frames, between, False).conditioning(NumberClip(), "predictions")


def number(text: str) -> list:
    return NumberClip().encode_from_tokens_scheduled(NumberClip().tokenize(text))


def mean_text(c: dict) -> Tensor:
    return c["c_crossattn"].mean((1, 2))


class Painting:
    """A MODEL that predicts the number of the prompt, and counts the latents that it runs."""

    def __init__(self, model: Any):
        self.model = model.clone()
        self.model.set_model_unet_function_wrapper(self.predict)
        self.calls: list[int] = []

    def predict(self, _apply_model: Any, args: dict) -> Tensor:
        self.calls.append(len(args["input"]))
        return mean_text(args["c"]).view(-1, 1, 1, 1).expand_as(args["input"]).clone()


WINDOWS: dict[str, Callable] = {
    "none": lambda model: model,
    "ours": windowed,
    "ours, several in a call": lambda model: windowed(model, per_batch=3),
    "ours, as many as fit": lambda model: windowed(model, per_batch=0),
    "ours in a loop": lambda model: windowed(model, schedule="looped_uniform", closed_loop=True),
    "ComfyUI's": host_windowed,
    "ComfyUI's with an anchor frame": lambda model: host_windowed(model, anchor=True),
}


def numbers_of(latents: Tensor) -> Tensor:
    """The number that each frame shows."""
    scaled = comfy.supported_models.SDXL.latent_format().process_in(latents)
    assert torch.allclose(scaled, scaled.mean((1, 2, 3), keepdim=True), atol=1e-3)
    return scaled.mean((1, 2, 3))


@pytest.mark.parametrize("windows", WINDOWS)
def test_predictions_fade_frame_by_frame(pair, animate, windows: str) -> None:
    painting = Painting(WINDOWS[windows](animate(pair.model)))
    found = numbers_of(long_sample(painting.model, positive=predictions("1: 2\n5: 6\n7: 0"), cfg=1.0))
    assert torch.allclose(found, torch.tensor([2.0, 2, 3, 4, 5, 6, 3, 0, 0, 0]), atol=1e-3)


THREE = '0:3 = "1", 4:7 = "2", 8:10 = "3"'
"""In windows of 4 frames that overlap by 2, the prompts are: 1, 1 and 2, 2, 2 and 3."""
EXPECTED = {
    "none": {10 * (3 + 1)},
    "ours in a loop": {4 * (1 + 2 + 1 + 2 + 2) + 4 * 5},
    # ComfyUI 0.16.3 has no anchor frames
    "ComfyUI's with an anchor frame": {4 * 1 + 5 * (2 + 2 + 2) + 4 + 5 * 3, 4 * (1 + 2 + 1 + 2) + 4 * 4},
}
"""Latents that run in a step, of the positive prompts and of the negative one."""


@pytest.mark.parametrize("windows", WINDOWS)
def test_a_prompt_runs_only_in_windows_where_it_counts(pair, animate, windows: str) -> None:
    painting = Painting(WINDOWS[windows](animate(pair.model)))
    found = numbers_of(long_sample(painting.model, positive=predictions(THREE, between="step"), cfg=2.0, steps=1))
    assert found[0] != found[-1]
    assert sum(painting.calls) in EXPECTED.get(windows, {4 * (1 + 2 + 1 + 2) + 4 * 4})


@pytest.mark.parametrize("windows", WINDOWS)
def test_prompts_that_do_not_run_change_nothing(pair, animate, monkeypatch, windows: str) -> None:
    """With real networks."""
    positive = [[text / 9, options] for text, options in predictions(THREE)]
    model = WINDOWS[windows](animate(pair.model))
    found = long_sample(model, positive=positive, steps=1)
    monkeypatch.setattr("animatediff_xl.motion_models.prompts.masked.with_active_frames", lambda each, _: each)
    assert same(found, long_sample(model, positive=positive, steps=1))


def test_prompts_beyond_the_clip_do_not_run(pair, animate) -> None:
    painting = Painting(animate(pair.model))
    long_sample(painting.model, frames=4, positive=predictions(THREE), cfg=1.0, steps=1)
    assert sum(painting.calls) == 4 * 2


def test_a_reference_frame_serves_prompts_of_other_windows(pair, animate, monkeypatch) -> None:
    """The window that holds it runs every prompt, because the others need its tokens."""
    positive = [[text / 9, options] for text, options in predictions(THREE, between="step")]
    reference = Reference(0, 0.5)
    model = add_reference(animate(pair.model), reference)
    handler = ContextHandler(ContextSettings(length=4, overlap=2), 1, reference=reference)
    found = long_sample(add_context(model, handler), positive=positive, steps=1)
    without = long_sample(windowed(animate(pair.model)), positive=positive, steps=1)
    monkeypatch.setattr("animatediff_xl.motion_models.prompts.masked.with_active_frames", lambda each, _: each)
    assert same(found, long_sample(add_context(model, handler), positive=positive, steps=1))
    assert not any(same(found[frame], without[frame], rounding=1e-3) for frame in range(CLIP))


class Halves(host.ContextHandler):
    """Context windows of another pack, which do not say which frames they have."""

    def should_use_context(self, model, conds, x_in, timestep, model_options) -> bool:
        return True

    def get_resized_cond(self, cond_in, x_in, window, device=None) -> list:
        return cond_in

    def execute(self, calc_cond_batch, model, conds, x_in, timestep, model_options) -> list[Tensor]:
        halves = []
        for rows in (slice(0, CLIP // 2), slice(CLIP // 2, CLIP)):

            def select(batch: Tensor, rows: slice = rows) -> Tensor:
                return batch[rows] if len(batch) > 1 else batch

            sides = [conditions_of(side, select) for side in conds]
            halves.append(calc_cond_batch(model, sides, x_in[rows], timestep[rows], model_options))
        return [torch.cat(parts) for parts in zip(*halves, strict=True)]


def test_windows_of_another_pack_run_every_prompt(pair, animate) -> None:
    painting = Painting(animate(pair.model))
    host.set_context_handler(painting.model.model_options, Halves())
    found = numbers_of(long_sample(painting.model, positive=predictions(THREE, between="step"), cfg=1.0))
    assert torch.allclose(found, torch.tensor([1.0] * 4 + [2.0] * 4 + [3.0] * 2), atol=1e-3)


def test_a_region_limits_each_prompt(pair, animate) -> None:
    """A later node replaces the mask of a prompt. Both count."""
    left, right = torch.zeros(1, 64, 64), torch.ones(1, 64, 64)
    left[..., :32], right[..., :32] = 1, 0
    travelling = ConditioningSetMask().append(predictions("0: 1\n9: 3"), left, "default", 1.0)[0]
    still = ConditioningSetMask().append(number("5"), right, "default", 1.0)[0]
    for windows in ("none", "ours", "ComfyUI's"):
        painting = Painting(WINDOWS[windows](animate(pair.model)))
        found = long_sample(painting.model, positive=travelling + still, cfg=1.0)
        scaled = comfy.supported_models.SDXL.latent_format().process_in(found)
        assert torch.allclose(scaled[..., 0].mean((1, 2)), torch.linspace(1, 3, CLIP), atol=1e-3)
        assert torch.allclose(scaled[..., -1], torch.tensor(5.0), atol=1e-3)


def test_a_default_condition_covers_what_masks_leave(pair, animate) -> None:
    (one, _) = predictions('0:5 = "1", 5:10 = "2"', between="step")
    default = conditioning_set_values(number("7"), {"default": True})
    for windows in ("none", "ours", "ComfyUI's"):
        painting = Painting(WINDOWS[windows](animate(pair.model)))
        found = numbers_of(long_sample(painting.model, positive=[one, *default], cfg=1.0))
        assert torch.allclose(found, torch.tensor([1.0] * 5 + [7.0] * 5), atol=1e-3)


def test_a_conditioning_of_the_node_is_left_as_it_was(pair, animate) -> None:
    positive = predictions("0: 1\n9: 3")
    masks = [options["mask"] for _, options in positive]
    long_sample(windowed(animate(pair.model)), positive=positive)
    for (_, options), mask in zip(positive, masks, strict=True):
        assert options["mask"] is mask and options[FRAME_MASK] is mask
