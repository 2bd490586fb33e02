"""Windows inside the motion modules only: the rest of the UNet sees the whole clip."""

import dataclasses

import pytest
import torch
from animatediff_xl.motion_models.conditioning.curves import FRAMES, STEPS, Curve

from tests.motion_models.conftest import SETTINGS
from tests.sampling import sample
from tests.windowed import CLIP, long_sample, same, windowed

BATCHED = {"schedule": "batched", "overlap": 0, "in_motion_modules": True}
TWO_WINDOWS = 8
"""Frames of a clip that two windows of four divide without an overlap."""


def test_one_window_gives_the_same_bits(pair, animate) -> None:
    model = animate(pair.model)
    assert torch.equal(sample(windowed(model, length=16, in_motion_modules=True)), sample(model))


def test_windows_without_motion_change_nothing(pair, animate) -> None:
    still = animate(pair.model, settings=dataclasses.replace(SETTINGS, strength=0.0))
    assert torch.equal(long_sample(windowed(still, in_motion_modules=True)), long_sample(still))


def test_windows_without_overlap_equal_clips_of_their_own(pair, animate) -> None:
    """The norms of the UNet see one frame in this family."""
    clips = animate(pair.model, settings=dataclasses.replace(SETTINGS, clip_frames=4))
    model = windowed(animate(pair.model), **BATCHED)
    assert same(long_sample(model, TWO_WINDOWS), long_sample(clips, TWO_WINDOWS))


@pytest.mark.parametrize("schedule", ["standard_static", "standard_uniform", "looped_uniform"])
def test_every_schedule_differs_from_windows_of_the_model(pair, animate, schedule: str) -> None:
    model = animate(pair.model)
    settings = {"schedule": schedule, "closed_loop": schedule != "standard_static"}
    found = long_sample(windowed(model, in_motion_modules=True, **settings))
    assert found.isfinite().all() and not same(found, long_sample(windowed(model, **settings)))


def test_a_lora_schedule_over_frames_follows_the_frames(pair, animate, rising_lora) -> None:
    """A constant curve over the frames gives what a constant curve over the steps gives. A rising one does not."""

    def sampled(*points: tuple[float, float], over: str) -> torch.Tensor:
        lora = dataclasses.replace(rising_lora, strength_schedule=(Curve(points, "linear", over),))
        return long_sample(windowed(animate(pair.model, loras=(lora,)), in_motion_modules=True))

    expected = sampled((0, 1.0), over=STEPS)
    assert same(sampled((0, 1.0), over=FRAMES), expected)
    assert not same(sampled((0, 1.0), (CLIP - 1, 2.0), over=FRAMES), expected)
