"""One or more clips, measured alike."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from .. import host
from ..drawing.sheet import shown_frames
from ..errors import MotionError
from .clip import ClipMeasures, measure_clip, measured_size

COLUMNS = 6
"""Frames of a clip that the picture shows, at most."""
LEAST_FRAMES, LEAST_SIDE = 2, 32
"""LEAST_SIDE: pixels of a measured frame. Half of them are too near to an edge to follow objects."""
REFERENCE = "reference"


@dataclass(frozen=True)
class MeasureSettings:
    fps: float
    closed_loop: bool
    clip_frames: int
    """Of each clip in a batch. 0: a batch is one clip."""


@dataclass(frozen=True)
class MeasuredClip:
    name: str
    frames: np.ndarray
    """(f h w 3) in 0..1"""
    measures: ClipMeasures

    def is_as_long_as(self, other: "MeasuredClip") -> bool:
        """Whether the two can be compared frame by frame."""
        return len(self.frames) == len(other.frames)


@dataclass(frozen=True)
class Comparison:
    clips: list[MeasuredClip]
    reference: MeasuredClip | None
    settings: MeasureSettings

    @property
    def everything(self) -> list[MeasuredClip]:
        """The reference comes first."""
        return [self.reference, *self.clips] if self.reference else self.clips


def measure_clips(
    batches: Sequence[Tensor], reference: Tensor | None, names: Sequence[str], settings: MeasureSettings
) -> Comparison:
    """batches, reference: (f h w 3) in 0..1. names: of clips, in order. A clip without one gets a number.

    Raises MotionError if clips cannot be measured or compared.
    """
    clips = [clip for batch in batches for clip in divided(batch.cpu().numpy(), settings.clip_frames)]
    given = [*names, *([""] * len(clips))]
    named = [(given[index].strip() or f"clip {index + 1}", clip) for index, clip in enumerate(clips)]
    if reference is not None:
        named.insert(0, (REFERENCE, reference.cpu().numpy()))
    check_sizes(named)
    bar = host.progress_bar(sum(len(frames) - 1 + settings.closed_loop for _, frames in named))

    def on_step() -> None:
        host.stop_if_interrupted()
        bar.update(1)

    measured = []
    for name, frames in named:
        shown = shown_steps(len(frames), len(frames) - 1 + settings.closed_loop)
        measures = measure_clip(frames, settings.fps, settings.closed_loop, shown, on_step)
        measured.append(MeasuredClip(name, frames, measures))
    return Comparison(measured[reference is not None :], measured[0] if reference is not None else None, settings)


def divided(frames: np.ndarray, clip_frames: int) -> list[np.ndarray]:
    """The clips of a batch."""
    if clip_frames and len(frames) % clip_frames:
        raise MotionError(
            "The batch of {frames} frames cannot be divided into clips of {clip_frames}: set "
            "clip_frames to a divisor of {frames}, or to 0 if the batch is one clip.",
            frames=len(frames),
            clip_frames=clip_frames,
        )
    return np.split(frames, len(frames) // (clip_frames or len(frames)))


def check_sizes(clips: Sequence[tuple[str, np.ndarray]]) -> None:
    if not clips:
        raise MotionError("There is no clip to measure: connect the frames of one to images.")
    first_name, first = clips[0]
    for name, frames in clips:
        height, width = frames.shape[1:3]
        if len(frames) < LEAST_FRAMES:
            raise MotionError("A single frame has no motion, and '{clip}' has no more: give all frames.", clip=name)
        if min(measured_size(width, height)) < LEAST_SIDE:
            raise MotionError(
                "Motion cannot be measured in frames of {size} pixels: use larger ones, less long and narrow.",
                size=f"{width}x{height}",
            )
        if frames.shape[1:3] != first.shape[1:3]:
            raise MotionError(
                "Clips of one size can be compared, but '{clip}' has {size} pixels and '{first}' has {other}: scale "
                "one of them with Upscale Image.",
                clip=name,
                size=f"{width}x{height}",
                first=first_name,
                other=f"{first.shape[2]}x{first.shape[1]}",
            )


def shown_steps(frames: int, steps: int) -> list[int]:
    """The steps whose flow a picture shows, below the frames where they begin. The last frame of an open clip has none,
    and shows that of the frame before."""
    return [min(index, steps - 1) for index in shown_frames(frames, COLUMNS)]


def names_of(labels: Sequence[str]) -> list[str]:
    """Names of clips from one text, a line for each, or from a list of texts, one for each."""
    if len(labels) == 1:
        return labels[0].splitlines()
    return [" ".join(label.split()) for label in labels]
