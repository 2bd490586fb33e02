"""Clips of the tiny SDXL, sampled in this process, and what they show in comparison with others."""

from dataclasses import dataclass
from typing import Any

import comfy.sample
import numpy as np
import torch
from animatediff_xl.motion_models import host
from animatediff_xl.motion_models.sampling.apply import AUTO_BETA_SCHEDULE, apply_motion_model
from animatediff_xl.motion_models.sampling.motion_config import MotionSettings

from tests.tiny.evaluation import Tiny
from tests.tiny.measure import direction_of, displacement, warp_error
from tests.tiny.synthetic_dataset import FRAMES, SIZE, scene_of
from tests.workflows.clips import TINY

STEPS, CFG, SAMPLER = TINY.steps, TINY.cfg, ("euler", "ddim_uniform")
"""As in the workflow of the tiny model."""


def animated(tiny: Tiny, negative_strength: float = 1.0) -> host.ModelPatcher:
    settings = MotionSettings(
        strength=1.0, start_percent=0.0, end_percent=1.0, clip_frames=0, negative_strength=negative_strength
    )
    return apply_motion_model(tiny.model, tiny.motion, settings, AUTO_BETA_SCHEDULE)


def sampled_clip(
    tiny: Tiny, model: host.ModelPatcher, seed: int, cfg: float = CFG, steps: int = STEPS, frames: int = FRAMES
) -> np.ndarray:
    """Frames (f h w 3) in 0..1 of the seed's scene."""
    positive, negative = (
        tiny.clip.encode_from_tokens_scheduled(tiny.clip.tokenize(text)) for text in (scene_of(seed).caption, "")
    )
    latents = torch.zeros(frames, 4, SIZE // host.PIXELS, SIZE // host.PIXELS)
    given: Any = (model, comfy.sample.prepare_noise(latents, seed), steps, cfg, *SAMPLER)
    samples = comfy.sample.sample(*given, positive, negative, latents, disable_pbar=True, seed=seed)
    return tiny.vae.decode(samples).clamp(0, 1).numpy()


@dataclass(frozen=True)
class Shown:
    """Measurements of one clip."""

    error: float
    """Warp error, mean over all pairs of neighbouring frames."""
    moved: float
    """Displacement of the object in pixels. NaN if it is missing."""
    as_prompted: bool
    """Whether it moves in the direction of the prompt."""


def shown(frames: np.ndarray, seed: int) -> Shown:
    moved = displacement(frames, scene_of(seed).colour)
    errors = [warp_error(before, after) for before, after in zip(frames, frames[1:], strict=False)]
    return Shown(float(np.mean(errors)), float(np.hypot(*moved)), direction_of(moved) == scene_of(seed).direction)


@dataclass(frozen=True)
class Comparison:
    """Clips of the same seeds with a setting and without it."""

    plain: list[Shown]
    changed: list[Shown]

    @property
    def error_ratio(self) -> float:
        """Geometric mean of the ratios of the warp errors."""
        ratios = [after.error / before.error for before, after in zip(self.plain, self.changed, strict=True)]
        return float(np.exp(np.mean(np.log(ratios))))

    @property
    def steadier(self) -> int:
        """Clips with a smaller warp error."""
        return sum(after.error < before.error for before, after in zip(self.plain, self.changed, strict=True))

    @property
    def moved_ratio(self) -> float:
        before, after = (np.nanmean([clip.moved for clip in clips]) for clips in (self.plain, self.changed))
        return float(after / before)

    @property
    def directions(self) -> tuple[int, int]:
        """Clips that move as the prompt says, without the setting and with it."""
        before, after = (sum(clip.as_prompted for clip in clips) for clips in (self.plain, self.changed))
        return before, after

    def line(self) -> str:
        before, after = self.directions
        count = len(self.plain)
        return (
            f"warp error {self.error_ratio:.2f} of plain, smaller in {self.steadier} of {count}; displacement "
            f"{self.moved_ratio:.2f} of plain; direction right in {after} of {count} (plain {before})"
        )
