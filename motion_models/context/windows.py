"""Which frames of a long clip the model sees together: context windows, and how their results are put together.

A plan belongs to one sampling step. Whatever the settings: every frame is in a window, no window has a frame twice, and
the weights of a frame are positive and add up to 1. The names are those of animatediff-cli and of the host
(`comfy/context_windows.py`), whose windows these are where the clip divides evenly; elsewhere windows are spread evenly
here, so that all seams are alike, while theirs repeat frames and leave the clip with strides above 1.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..errors import MotionError

Starts = list[int]
"""First frames of windows, rising."""


@dataclass(frozen=True)
class ContextSettings:
    """How a clip is cut into windows. Raises MotionError for what has no plan."""

    length: int = 16
    """Frames of a window."""
    overlap: int = 4
    """Frames that neighbouring windows share, at least."""
    stride: int = 1
    """Kinds of windows in each step: 1 is neighbouring frames, 2 also every second frame, 3 also every fourth."""
    schedule: str = "standard_static"
    """A key of SCHEDULES."""
    fuse: str = "pyramid"
    """A key of FUSES."""
    closed_loop: bool = False
    """The last frame is followed by the first."""

    def __post_init__(self) -> None:
        for name, least in (("length", 1), ("overlap", 0), ("stride", 1)):
            value = getattr(self, name)
            if not isinstance(value, int) or value < least:
                raise MotionError(f"context_{name} is {value!r:.80}, and must be a whole number from {least} on.")
        if self.overlap >= self.length:
            raise MotionError(
                f"Windows of {self.length} frames cannot overlap by {self.overlap}: set context_overlap to "
                f"{self.length - 1} at most; a quarter of the length is usual."
            )
        if self.stride > 1 and self.schedule not in MOVING:
            raise MotionError(
                f"The schedule {self.schedule} has windows of neighbouring frames only: set context_stride to 1, or "
                f"context_schedule to {' or '.join(MOVING)}."
            )
        if self.closed_loop and (self.schedule == "batched" or not self.overlap):
            raise MotionError(
                "Windows that do not overlap cannot close a loop: set context_overlap to 1 at least, and "
                "context_schedule to another than batched."
            )


@dataclass(frozen=True)
class WindowPlan:
    """The windows of one sampling step."""

    frames: int
    indices: np.ndarray
    """Frames of each window, (windows, length)."""
    weights: np.ndarray
    """Share of each window in its frames, (windows, length)."""

    @property
    def evaluations(self) -> float:
        """How often the UNet is run for a frame, on average."""
        return self.indices.size / self.frames


def plan(settings: ContextSettings, frames: int, step: int = 0) -> WindowPlan:
    """The windows of a clip at a sampling step, counted from 0. A clip shorter than a window is one window, or, as a
    closed loop, several that begin at different frames."""
    length = min(settings.length, frames)
    overlap = settings.overlap if length == settings.length else min(settings.overlap, length // 2)
    windows = []
    for dilation in dilations(settings, length, frames):
        span = (length - 1) * dilation + 1  # from the first frame of a window to its last
        starts = WINDOW_SCHEDULES[settings.schedule](
            frames, span, length * dilation - overlap, step, settings.closed_loop
        )
        windows += [[(start + dilation * index) % frames for index in range(length)] for start in starts]
    indices = np.array(windows)
    return WindowPlan(frames, indices, fuse_weights(FUSE_METHODS[settings.fuse], indices, frames, overlap))


def dilations(settings: ContextSettings, length: int, frames: int) -> list[int]:
    """How far apart the frames of a window are: 1, 2, 4 and so on, as long as the window is not longer than the
    clip."""
    return [2**level for level in range(settings.stride) if level == 0 or (length - 1) * 2**level < frames]


# Schedules


def linear_starts(frames: int, span: int, spacing: int) -> Starts:
    """From the first frame to the last, evenly spread, at most `spacing` apart."""
    room = frames - span
    gaps = math.ceil(room / spacing)
    return [round(index * room / gaps) for index in range(gaps + 1)] if gaps else [0]


def circular_starts(frames: int, spacing: int) -> Starts:
    """All around the clip, evenly spread, at most `spacing` apart."""
    count = math.ceil(frames / spacing)
    return [round(index * frames / count) for index in range(count)]


def ordered_halving(step: int) -> float:
    """0, 1/2, 1/4, 3/4, 1/8 and so on: the bits of `step` behind the point, reversed. Neighbouring steps are far apart,
    and all places get their turn."""
    return int(f"{step:b}"[::-1], 2) / 2 ** step.bit_length() if step else 0.0


def static(frames: int, span: int, spacing: int, _step: int, closed: bool) -> Starts:
    return circular_starts(frames, spacing) if closed else linear_starts(frames, span, spacing)


def uniform(frames: int, span: int, spacing: int, step: int, closed: bool) -> Starts:
    """The seams lie elsewhere in each step."""
    shift = ordered_halving(step)
    if closed:
        starts = circular_starts(frames, spacing)
        return [start + round(shift * frames / len(starts)) for start in starts]
    room = frames - span
    shifted = range(-round(shift * spacing), room + spacing, spacing)
    return sorted({min(max(start, 0), room) for start in shifted})


def looped(frames: int, span: int, spacing: int, step: int, closed: bool) -> Starts:
    """All windows turn around the clip, and some hold its end and its beginning. The clip is open at one place, which
    is elsewhere in each step, or nowhere. Others turn a closed loop by a share of its frames, which often puts windows
    where others were; here it is a share of the distance between two."""
    if closed:
        return uniform(frames, span, spacing, step, closed)
    turn = round(frames * ordered_halving(step))
    return [start + turn for start in linear_starts(frames, span, spacing)]


def batched(frames: int, span: int, _spacing: int, _step: int, _closed: bool) -> Starts:
    """Side by side: overlapping only where the clip does not divide."""
    return linear_starts(frames, span, span)


WINDOW_SCHEDULES: dict[str, Callable[[int, int, int, int, bool], Starts]] = {
    "standard_static": static,
    "standard_uniform": uniform,
    "looped_uniform": looped,
    "batched": batched,
}
MOVING = ("standard_uniform", "looped_uniform")
"""The schedules whose windows differ from step to step."""

# Fusing

Fuse = Callable[[int, int, bool, bool], np.ndarray]
"""(length, overlap, others have its first frame, others have its last frame) -> weights (length,), above 0."""


def fuse_weights(fuse: Fuse, indices: np.ndarray, frames: int, overlap: int) -> np.ndarray:
    """Weights of the windows (windows, length), those of each frame adding up to 1."""
    covered = np.bincount(indices.ravel(), minlength=frames)
    length = indices.shape[1]
    shared = covered > 1
    weights = np.stack(
        [fuse(length, overlap, bool(shared[window[0]]), bool(shared[window[-1]])) for window in indices]
    ).astype(np.float64)
    return weights / np.bincount(indices.ravel(), weights.ravel(), frames)[indices]


def pyramid(length: int, _overlap: int, _shared_first: bool, _shared_last: bool) -> np.ndarray:
    """Most in the middle, and in even steps down to the ends."""
    position = np.arange(length)
    return np.minimum(position + 1, length - position)


def linear(length: int, overlap: int, shared_first: bool, shared_last: bool) -> np.ndarray:
    """In and out over the overlap, where another window takes over; also where a loop is closed."""
    rise = np.arange(1, length + 1) / (overlap + 1)
    weights = np.ones(length)
    if shared_first:
        weights = np.minimum(weights, rise)
    if shared_last:
        weights = np.minimum(weights, rise[::-1])
    return weights


def flat(length: int, _overlap: int, _shared_first: bool, _shared_last: bool) -> np.ndarray:
    return np.ones(length)


def relative(length: int, _overlap: int, _shared_first: bool, _shared_last: bool) -> np.ndarray:
    """A pyramid that comes down to almost nothing (0.01) at the ends."""
    from_middle = np.abs(np.arange(length) - (length - 1) / 2)
    return np.maximum(0.01, 1 - from_middle / ((length - 1 + 0.01) / 2))


FUSE_METHODS: dict[str, Fuse] = {"pyramid": pyramid, "overlap-linear": linear, "flat": flat, "relative": relative}
