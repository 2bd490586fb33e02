"""Warnings about runs that work but give poor clips."""

import copy

import comfy.supported_models
import pytest
import torch
from animatediff_xl.motion_models.sampling.motion_config import MotionConfig
from animatediff_xl.motion_models.sampling.warnings import (
    DISTILLED,
    length_warnings,
    mask_warnings,
    model_warnings,
    prompt_warnings,
    step_warnings,
)
from comfy_extras.nodes_model_advanced import ModelSamplingDiscrete

from tests.motion_models.conftest import SETTINGS


@pytest.mark.parametrize("name", ["sd_xl_turbo_1.0", "SDXL-Lightning-4step", "dreamshaper_lcm", "Hyper-SDXL"])
def test_a_distilled_checkpoint_is_recognised_by_its_name(pair, motion, name: str) -> None:
    model = pair.model.clone()
    model.cached_patcher_init = (print, (f"/models/checkpoints/{name}.safetensors", None))
    (warning,) = model_warnings(model, motion)
    assert warning.startswith(f"{name}.safetensors is distilled to few steps, by its name (")
    assert any(f"({word})" in warning for word in DISTILLED)


def test_a_plain_checkpoint_gives_no_warning(pair, motion) -> None:
    model = pair.model.clone()
    model.cached_patcher_init = (print, ("/models/turbo/sd_xl_base_1.0.safetensors", None))
    assert not model_warnings(model, motion) and not model_warnings(pair.model, motion)


def test_a_model_of_another_architecture_gives_a_warning(pair, motion) -> None:
    model = pair.model.clone()
    model.model = copy.copy(model.model)
    model.model.model_config = comfy.supported_models.SD20(dict(model.model.model_config.unet_config))
    assert "This MODEL is SD20: expect worse motion" in model_warnings(model, motion)[0]


def test_a_v_prediction_checkpoint_gives_a_warning(pair, motion) -> None:
    (model,) = ModelSamplingDiscrete().patch(pair.model, "v_prediction", False)
    assert "This MODEL predicts v" in model_warnings(model, motion)[0]


@pytest.mark.parametrize(
    ("frames", "sentence"), [(1, "still picture"), (7, "too few"), (8, ""), (16, ""), (17, "17 frames at once")]
)
def test_short_and_long_clips_are_warned_about(motion, frames: int, sentence: str) -> None:
    warnings = length_warnings(frames, motion, motion.family.trained_frames)
    assert bool(warnings) == bool(sentence) and all(sentence in warning for warning in warnings)


@pytest.mark.parametrize(
    ("height", "width", "warned"), [(64, 64, False), (32, 16, False), (65, 64, True), (64, 72, True)]
)
def test_a_mask_larger_than_the_picture_gives_a_warning(height: int, width: int, warned: bool) -> None:
    """As in Ultimate SD Upscale, which samples each tile by itself."""
    warnings = mask_warnings(torch.ones(1, height, width), 8, 8)
    assert bool(warnings) == warned
    assert all(f"The mask has {width}x{height} pixels, the picture 64x64." in warning for warning in warnings)


@pytest.mark.parametrize(
    ("largest", "first", "steps", "warned"),
    [
        (65.93, 65.9, 8, True),
        (65.93, 50.0, 1, True),
        (65.93, 65.9, 9, False),
        (65.93, 4.0, 7, False),
        (14.61, 14.6, 4, False),
        (25.15, 25.1, 4, False),
        (None, 65.9, 4, False),
    ],
)
def test_few_steps_with_a_noisy_schedule_are_warned_about(motion, largest, first, steps: int, warned: bool) -> None:
    """Not with the schedule of SDXL or SD1.5, and not in a second pass, which begins at less noise."""
    config = MotionConfig(motion, SETTINGS, (), "", largest)
    warnings = step_warnings(torch.linspace(first, 0, steps + 1), config)
    assert [f"schedule ({steps}): use 20" in text for text in warnings] == [True] * warned


@pytest.mark.parametrize(
    ("prompts", "masks", "warned"),
    [((1, 16), (), False), ((1, 8), (), False), ((16, 24), (), True), ((1,), (24,), True), ((1,), (1, 8, 16), False)],
)
def test_prompts_for_another_number_of_frames_give_a_warning(prompts, masks, warned: bool) -> None:
    """In a batch of two clips of 8 frames."""
    side = [{"cross_attn": torch.ones(count, 7, 4)} for count in prompts]
    side += [{"cross_attn": torch.ones(1, 7, 4), "mask": torch.ones(count, 1, 1)} for count in masks]
    warnings = prompt_warnings({"positive": [], "negative": side}, batch=16, clip=8)
    assert bool(warnings) == warned
    assert all("A prompt is for 24 frames, and the clip has 8" in warning for warning in warnings)
