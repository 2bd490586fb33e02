"""Optical flow between two frames, and the pixels for which it is valid."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .opencv import opencv

FINEST_SCALE, PATCH_STRIDE = 0, 4
"""OpenCV's medium preset stops at half the size. A pan of 0.3 pixels is then 17 percent too fast, here 2 percent."""
RELATIVE_TOLERANCE, TOLERANCE = 0.01, 0.5
"""Of forward and backward flow that agree (Sundaram et al., ECCV 2010)."""
OUTSIDE = 1e3
"""Backward flow of a pixel that leaves the picture. It never agrees."""


@dataclass(frozen=True)
class Flow:
    """From one frame to the next."""

    motion: np.ndarray
    """(h w 2) as x, y in pixels: how far each pixel of the first frame moves."""
    valid: np.ndarray
    """(h w): stays in the picture, and the flow from the second frame to the first leads back."""
    warp_error: float
    """Mean squared difference of the first frame, in 0..1, from the second one warped back along the flow, over valid
    pixels: flicker without motion (Lai et al., ECCV 2018). Over all pixels if none is valid."""
    likeness: float
    """Correlation of the brightness of the same pixels: 1 if only the light changes, 0 if one frame is plain."""


def grey(frame: np.ndarray) -> np.ndarray:
    """A frame (h w 3) in 0..1 as brightness (h w) in 0..255."""
    cv2 = opencv()
    return cv2.cvtColor((frame * 255).round().astype(np.uint8), cv2.COLOR_RGB2GRAY)


def grid(height: int, width: int) -> np.ndarray:
    """The position of each pixel, (h w 2) as x, y."""
    return np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).astype(np.float32)


def flow_between(frames: Sequence[np.ndarray]) -> Flow:
    """From the first of two frames (h w 3) in 0..1 to the second: DIS (Kroeger et al., arXiv 1603.03590)."""
    cv2 = opencv()
    method = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    method.setFinestScale(FINEST_SCALE)
    method.setPatchStride(PATCH_STRIDE)
    before, after = (grey(frame) for frame in frames)
    forward, back = method.calc(before, after, None), method.calc(after, before, None)
    arrived = grid(*before.shape) + forward
    returned = cv2.remap(back, arrived, None, cv2.INTER_LINEAR, borderValue=(OUTSIDE, OUTSIDE))
    lengths = np.square(forward).sum(-1) + np.square(returned).sum(-1)
    valid = np.square(forward + returned).sum(-1) <= RELATIVE_TOLERANCE * lengths + TOLERANCE
    warped = cv2.remap(frames[1].astype(np.float32), arrived, None, cv2.INTER_LINEAR)
    counted = valid if valid.any() else np.ones_like(valid)
    warp_error = float(np.square(frames[0] - warped)[counted].mean())
    like = cv2.remap(after, arrived, None, cv2.INTER_LINEAR)
    return Flow(forward, valid, warp_error, correlation(before[counted], like[counted]))


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    """From -1 to 1. 0 if all values of one are equal."""
    one, other = one - one.mean(), other - other.mean()
    spread = float(np.sqrt(np.square(one).mean() * np.square(other).mean()))
    return float((one * other).mean()) / spread if spread else 0.0
