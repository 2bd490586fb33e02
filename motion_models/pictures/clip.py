"""The latents and the noise mask of a clip with given frames.

Differential denoising (Levin and Fried, arXiv 2306.00950) sets a frame free in the step whose noise its mask allows.
The mask rises with the distance to the nearest given frame. So the frames beside it stay noised pictures for longest,
and the motion modules see a clip that holds together. A mask that is 1 beside a given frame leaves a jump there.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class KeptFrames:
    """The given frames of a clip."""

    latents: Tensor
    """(n 4 h w), one for each place."""
    places: tuple[int, ...]
    """Their frames in the clip, in any order."""
    frames: int
    """Of the clip."""
    closed_loop: bool = False
    """Whether the last frame of the clip is followed by the first."""


def cross_faded(kept: KeptFrames) -> Tensor:
    """Latents (f 4 h w): the given frames, and between two of them a cross-fade. Beyond the outermost they repeat."""
    order = sorted(range(len(kept.places)), key=kept.places.__getitem__)
    positions = [kept.places[index] for index in order]
    if kept.closed_loop:
        order = [order[-1], *order, order[0]]
        positions = [positions[-1] - kept.frames, *positions, positions[0] + kept.frames]
    # 1.25 is a quarter of the way from the second given frame to the third
    between = np.interp(np.arange(kept.frames), positions, np.arange(len(order)))
    before = np.floor(between).astype(int)
    after = np.minimum(before + 1, len(order) - 1)
    share = torch.from_numpy(between - before).to(kept.latents)[:, None, None, None]
    indices = torch.tensor(order)
    return torch.lerp(kept.latents[indices[before]], kept.latents[indices[after]], share)


def noise_mask(kept: KeptFrames, hold: float) -> Tensor:
    """(f 1 h w): 0 in the given frames, and 1 from `hold` frames away.

    hold: in frames. With 1 or less, the mask is 1 everywhere else.
    """
    distance = np.abs(np.subtract.outer(np.arange(kept.frames), kept.places))
    if kept.closed_loop:
        distance = np.minimum(distance, kept.frames - distance)
    rising = torch.from_numpy(distance.min(1) / max(1.0, hold)).clamp(max=1)
    return rising.to(kept.latents)[:, None, None, None].repeat(1, 1, *kept.latents.shape[-2:])
