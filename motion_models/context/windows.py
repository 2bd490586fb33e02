"""Context windows: the frames of a long clip that the model sees together, and the weights that mix their results.

A plan is the windows of one sampler step. In every plan, each frame is in a window, no window has a frame twice, and
the weights of a frame are positive and add up to 1.

The names come from animatediff-cli and from ComfyUI (`comfy/context_windows.py`). If the clip divides evenly, the
windows of standard_static, batched and open looped_uniform are ComfyUI's. If not, ComfyUI's windows repeat frames, and
leave the clip with strides above 1. Here they are spread evenly instead, so that all seams are alike. The windows of
standard_uniform and of closed loops move differently from step to step.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..errors import MotionError

Starts = list[int]
"""First frames of windows, ascending."""


@dataclass(frozen=True)
class ContextSettings:
    """How a clip is divided into windows. Raises MotionError for settings without a valid plan."""

    length: int = 16
    """Frames of a window."""
    overlap: int = 4
    """Minimum of frames that neighbouring windows share."""
    stride: int = 1
    """Number of dilations. 1: consecutive frames. 2: also every second frame. 3: also every fourth frame."""
    schedule: str = "standard_static"
    """A key of WINDOW_SCHEDULES."""
    fuse: str = "pyramid"
    """A key of FUSE_METHODS."""
    closed_loop: bool = False
    """Whether the first frame follows the last."""

    def __post_init__(self) -> None:
        if self.overlap >= self.length:
            raise MotionError(
                "context_overlap is {overlap}, but windows have only {length} frames: set context_overlap "
                "to {most} or less, usually to a quarter of context_length.",
                overlap=self.overlap,
                length=self.length,
                most=self.length - 1,
            )
        if self.stride > 1 and self.schedule not in MOVING:
            raise MotionError(
                "context_schedule {schedule} works only with context_stride 1: set context_stride to 1, or "
                "context_schedule to {moving}.",
                schedule=self.schedule,
                moving=" or ".join(MOVING),
            )
        if self.closed_loop and (self.schedule == "batched" or not self.overlap):
            raise MotionError(
                "Windows that do not overlap cannot close a loop: set context_overlap to 1 or more, and do not use "
                "batched as context_schedule."
            )


@dataclass(frozen=True)
class WindowPlan:
    """The windows of one sampler step."""

    frames: int
    indices: np.ndarray
    """Frames of each window, (windows, length)."""
    weights: np.ndarray
    """Weight of each window in each of its frames, (windows, length)."""

    def beginning_with(self, frame: int) -> "WindowPlan":
        """The same windows, those with a frame first. In the same order if no window has it."""
        order = np.argsort(~(self.indices == frame).any(1), kind="stable")
        return WindowPlan(self.frames, self.indices[order], self.weights[order])

    def beginning(self, windows: int) -> "WindowPlan":
        """The first windows only."""
        return WindowPlan(self.frames, self.indices[:windows], self.weights[:windows])


def plan(settings: ContextSettings, frames: int, step: int = 0) -> WindowPlan:
    """The windows of a clip at a sampler step, counted from 0.

    A clip that is not longer than a window has one window. As a closed loop, it has several with different starts.
    """
    length, overlap = window_size(settings, frames)
    indices = np.concatenate(
        [
            (np.array(starts)[:, None] + dilation * np.arange(length)) % frames
            for dilation, starts in window_starts(settings, frames, step)
        ]
    )
    return WindowPlan(frames, indices, fuse_weights(FUSE_METHODS[settings.fuse], indices, frames, overlap))


def window_size(settings: ContextSettings, frames: int) -> tuple[int, int]:
    """Length and overlap of the windows of a clip, which can be shorter than a window."""
    if frames >= settings.length:
        return settings.length, settings.overlap
    return frames, min(settings.overlap, frames // 2)


def window_starts(settings: ContextSettings, frames: int, step: int) -> list[tuple[int, Starts]]:
    """(dilation, starts) of the windows of a clip at a sampler step."""
    length, overlap = window_size(settings, frames)
    starts_of = WINDOW_SCHEDULES[settings.schedule]
    return [
        (
            dilation,
            # the span is from the first to the last frame of a window
            starts_of(frames, (length - 1) * dilation + 1, length * dilation - overlap, step, settings.closed_loop),
        )
        for dilation in dilations(settings, length, frames)
    ]


def dilations(settings: ContextSettings, length: int, frames: int) -> list[int]:
    """Distances between the frames of a window: 1, 2, 4 and so on, while the window is not longer than the clip."""
    return [2**level for level in range(settings.stride) if level == 0 or (length - 1) * 2**level < frames]


# Window schedules


def linear_starts(frames: int, span: int, spacing: int) -> Starts:
    """Starts from the beginning to the end of the clip, evenly spread, at most `spacing` apart."""
    last_start = frames - span
    gaps = math.ceil(last_start / spacing)
    return [round(index * last_start / gaps) for index in range(gaps + 1)] if gaps else [0]


def circular_starts(frames: int, spacing: int) -> Starts:
    """Starts around a closed loop, evenly spread, at most `spacing` apart."""
    count = math.ceil(frames / spacing)
    return [round(index * frames / count) for index in range(count)]


def ordered_halving(step: int) -> float:
    """0, 1/2, 1/4, 3/4, 1/8 and so on: the reversed bits of `step` as a binary fraction.

    The values of neighbouring steps are far apart, and over many steps they cover the range evenly.
    """
    return int(f"{step:b}"[::-1], 2) / 2 ** step.bit_length() if step else 0.0


def static(frames: int, span: int, spacing: int, _step: int, closed: bool) -> Starts:
    return circular_starts(frames, spacing) if closed else linear_starts(frames, span, spacing)


def uniform(frames: int, span: int, spacing: int, step: int, closed: bool) -> Starts:
    """Windows whose seams move from step to step."""
    shift = ordered_halving(step)
    if closed:
        starts = circular_starts(frames, spacing)
        return [start + round(shift * frames / len(starts)) for start in starts]
    last_start = frames - span
    shifted = range(-round(shift * spacing), last_start + spacing, spacing)
    return sorted({min(max(start, 0), last_start) for start in shifted})


def looped(frames: int, span: int, spacing: int, step: int, closed: bool) -> Starts:
    """Windows that rotate around the clip from step to step, so that some hold both its end and its beginning.

    Without closed_loop, there is one place where windows do not overlap, and it differs from step to step. With
    closed_loop, they overlap everywhere.
    Other implementations rotate a closed loop by a fraction of the clip, so windows often return to earlier positions.
    Here they rotate by a fraction of the distance between two windows.
    """
    if closed:
        return uniform(frames, span, spacing, step, closed)
    shift = round(frames * ordered_halving(step))
    return [start + shift for start in linear_starts(frames, span, spacing)]


def batched(frames: int, span: int, _spacing: int, _step: int, _closed: bool) -> Starts:
    """Windows without overlap, except if the length of the clip is not a multiple of the window's."""
    return linear_starts(frames, span, span)


WINDOW_SCHEDULES: dict[str, Callable[[int, int, int, int, bool], Starts]] = {
    "standard_static": static,
    "standard_uniform": uniform,
    "looped_uniform": looped,
    "batched": batched,
}
MOVING = ("standard_uniform", "looped_uniform")
"""The window schedules whose windows differ from step to step."""
CIRCULAR = ("looped_uniform",)
"""The window schedules whose windows cross the end of the clip, also without closed_loop."""

# Fuse methods

Fuse = Callable[[int, int, bool, bool], np.ndarray]
"""(length, overlap, whether other windows have its first frame, and its last) -> weights (length,), above 0."""


def fuse_weights(fuse: Fuse, indices: np.ndarray, frames: int, overlap: int) -> np.ndarray:
    """Weights of the windows, (windows, length). The weights of each frame add up to 1."""
    covered = np.bincount(indices.ravel(), minlength=frames)
    length = indices.shape[1]
    shared = covered > 1
    weights = np.stack(
        [fuse(length, overlap, bool(shared[window[0]]), bool(shared[window[-1]])) for window in indices]
    ).astype(np.float64)
    return weights / np.bincount(indices.ravel(), weights.ravel(), frames)[indices]


def pyramid(length: int, _overlap: int, _shared_first: bool, _shared_last: bool) -> np.ndarray:
    """The most weight in the middle, falling linearly to both ends."""
    position = np.arange(length)
    return np.minimum(position + 1, length - position)


def linear(length: int, overlap: int, shared_first: bool, shared_last: bool) -> np.ndarray:
    """A linear fade over the overlap at each end that another window shares, including the seam of a closed loop."""
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
    """A pyramid whose weight is only 0.01 at the ends."""
    from_middle = np.abs(np.arange(length) - (length - 1) / 2)
    return np.maximum(0.01, 1 - from_middle / ((length - 1 + 0.01) / 2))


FUSE_METHODS: dict[str, Fuse] = {"pyramid": pyramid, "overlap-linear": linear, "flat": flat, "relative": relative}
