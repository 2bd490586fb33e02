"""Prompts that travel, in clips of the committed small model."""

from collections.abc import Callable

import comfy.sample
import numpy as np
import pytest
import torch
from animatediff_xl.motion_models.prompts.travel import travel

from tests.tiny.clips import CFG, SAMPLER, STEPS
from tests.tiny.evaluation import Tiny, encoded, with_motion
from tests.tiny.measure import object_mask
from tests.tiny.synthetic_dataset import FRAMES, SIZE

TEXT = f"0: a red circle moving left\n{FRAMES - 1}: a blue circle moving left"


def clip_of(tiny: Tiny, mix: str, seed: int) -> np.ndarray:
    """A clip (f h w 3) in 0..1, with the settings of the tiny example workflow."""
    positive = travel(TEXT, FRAMES, "linear", closed_loop=False).conditioning(tiny.clip, mix)
    (negative,) = encoded(tiny, [""])
    empty = torch.zeros(FRAMES, 4, SIZE // 8, SIZE // 8)
    latents = comfy.sample.sample(
        with_motion(tiny), comfy.sample.prepare_noise(empty, seed), STEPS, CFG, *SAMPLER, positive, negative, empty,
        disable_pbar=True, seed=seed,
    )  # fmt: skip
    return tiny.vae.decode(latents).numpy()


def largest_step(frames: np.ndarray) -> float:
    """The largest difference of neighbouring frames, divided by the median."""
    steps = np.abs(np.diff(frames, axis=0)).mean((1, 2, 3))
    return float(steps.max() / np.median(steps))


def shares(frames: np.ndarray, colour: str) -> np.ndarray:
    """The share of a colour in each frame."""
    return np.array([object_mask(frame, colour).mean() for frame in frames])


@pytest.mark.measured
def test_mixed_predictions_fade_from_colour_to_colour(tiny: Tiny, report: Callable[[str], None]) -> None:
    """Mixed texts switch at one frame."""
    steps: dict[str, list[float]] = {"predictions": [], "text": []}
    for seed in range(3):
        for mix, largest in steps.items():
            frames = clip_of(tiny, mix, seed)
            largest.append(largest_step(frames))
            red, blue = shares(frames, "red"), shares(frames, "blue")
            assert red[0] > 0.04 > red[-1] and blue[-1] > 0.04 > blue[0], (mix, seed)
    report(f"largest step of clips that travel, by the median one: {steps}")
    assert np.mean(steps["predictions"]) < 0.7 * np.mean(steps["text"])
