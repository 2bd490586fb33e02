"""What a clip shows without optical flow: change, flicker of the brightness, and the seam of a loop."""

import numpy as np

LUMA = np.array([0.299, 0.587, 0.114])
"""Brightness of red, green and blue (ITU-R BT.601), as OpenCV's grey."""
SMALLEST_CHANGE = 1e-4
"""Between two frames in 0..1. Less is a still clip, which has no usual change."""


def changes(frames: np.ndarray) -> np.ndarray:
    """Mean absolute difference of neighbouring frames (f h w 3), (f - 1). VBench's temporal flickering is 1 minus their
    mean. It counts motion as flicker."""
    return np.array([np.abs(after - before).mean() for before, after in zip(frames, frames[1:], strict=False)])


def seam(frames: np.ndarray) -> float:
    """Difference of the last frame from the first, divided by the median difference of neighbouring frames. Near 1 it
    cannot be seen; far above is a jump, far below a standstill."""
    return float(np.abs(frames[-1] - frames[0]).mean() / max(usual_change(frames), SMALLEST_CHANGE))


def usual_change(frames: np.ndarray) -> float:
    return float(np.median(changes(frames)))


def brightness(frames: np.ndarray) -> np.ndarray:
    """Mean brightness of each frame (f h w 3), (f) in 0..1."""
    return frames.mean((1, 2), dtype=np.float64) @ LUMA


def flicker(levels: np.ndarray, closed_loop: bool = False) -> float:
    """By how much the brightness goes up and down from frame to frame, relative to its mean: 0.1 if it alternates
    between 0.9 and 1.1. A fade does not count.

    It is a quarter of the mean absolute second difference. levels: from `brightness`. 0 for fewer than three frames.
    """
    around = np.concatenate([levels, levels[:2]]) if closed_loop else levels
    bends = np.abs(np.diff(around, n=2))
    mean = float(levels.mean())
    return float(bends.mean()) / 4 / mean if len(bends) and mean > SMALLEST_CHANGE else 0.0
