"""Strengths that change over the frames of a clip or over the steps of a sampling run."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import MotionError
from .points import check_values, finite, read_points

Points = tuple[np.ndarray, np.ndarray]
"""Ascending positions, and the value at each."""


def linear(points: Points, at: np.ndarray) -> np.ndarray:
    return np.interp(at, *points)


def ease(points: Points, at: np.ndarray) -> np.ndarray:
    """Slow at both points and fast between them: the smoothstep 3 t^2 - 2 t^3."""
    positions, _ = points
    # an index of 1.25 is a quarter of the way from point 1 to point 2
    index = np.interp(at, positions, np.arange(len(positions)))
    whole = np.floor(index)
    fraction = index - whole
    return np.interp(whole + fraction**2 * (3 - 2 * fraction), np.arange(len(positions)), points[1])


def step(points: Points, at: np.ndarray) -> np.ndarray:
    """Each value holds until the next point."""
    positions, values = points
    return values[np.clip(np.searchsorted(positions, at, side="right") - 1, 0, None)]


def cubic(points: Points, at: np.ndarray) -> np.ndarray:
    """A smooth curve that stays within the values of the two neighbouring points, like ComfyUI's curves."""
    from scipy.interpolate import PchipInterpolator  # slow to import

    positions, values = points
    if len(positions) == 1:
        return np.full(at.shape, values[0])
    return PchipInterpolator(positions, values)(np.clip(at, positions[0], positions[-1]))


INTERPOLATIONS: dict[str, Callable[[Points, np.ndarray], np.ndarray]] = {
    "linear": linear,
    "ease": ease,
    "step": step,
    "cubic": cubic,
}
"""Interpolations between two points. The first value holds before its point, and the last value after its point."""

FRAMES, STEPS = "frames", "sampling steps"


@dataclass(frozen=True)
class Curve:
    points: tuple[tuple[float, float], ...]
    """(position, value), with ascending positions. The first frame and the first step are 0."""
    interpolation: str
    """A key of INTERPOLATIONS."""
    domain: str
    """FRAMES or STEPS: the unit of the positions."""

    def at(self, positions: Sequence[float]) -> np.ndarray:
        """The values at some positions."""
        point_positions, values = np.array(self.points, dtype=np.float64).T
        return INTERPOLATIONS[self.interpolation]((point_positions, values), np.asarray(positions, dtype=np.float64))


StrengthSchedule = tuple[Curve, ...]
"""Curves, whose values are multiplied."""


def strengths(
    strength_schedule: StrengthSchedule, strength: float, frames: Sequence[int], step: float
) -> float | Tensor:
    """A strength times a strength schedule: one number, or (f,) if a curve runs over the frames.

    frames: indices of frames in the clip. step: sampler step of the run, with fractions between two steps.
    """
    for curve in strength_schedule:
        if curve.domain == STEPS:
            strength *= float(curve.at([step])[0])
    over_frames = [curve.at(frames) for curve in strength_schedule if curve.domain == FRAMES]
    if not over_frames:
        return strength
    return torch.from_numpy(strength * np.prod(over_frames, axis=0)).float()


def is_over_steps(strength_schedule: StrengthSchedule) -> bool:
    return any(curve.domain == STEPS for curve in strength_schedule)


def from_text(text: str, interpolation: str, domain: str) -> Curve:
    """A curve from text such as `0: 0, 8: 1.2, 24: 0`. Raises MotionError for a part that is not a point."""
    points = sorted((point.position, point.value) for point in read_points(text))
    return Curve(tuple(points), interpolation, domain)


def from_curve(curve: Any, length: int, domain: str) -> Curve:
    """A curve of ComfyUI, with x and y in 0..1, stretched over a number of frames or steps.

    curve: the output of ComfyUI's Curve Editor, an object with `interp(x)`. Older versions give (x, y) points of a
    monotone cubic curve.
    """
    positions = np.linspace(0, 1, length)
    try:
        if hasattr(curve, "interp"):
            return from_values([curve.interp(float(x)) for x in positions], domain)
        points = tuple(sorted((finite(x), finite(y)) for x, y in curve))
        if not points or len({x for x, _ in points}) < len(points):
            raise ValueError
    except (TypeError, ValueError, RuntimeError) as error:  # RuntimeError: a tensor without numbers
        raise MotionError(
            "curve is not a curve: connect ComfyUI's Curve Editor, with finite points at different places."
        ) from error
    return from_values(Curve(points, "cubic", domain).at(positions.tolist()).tolist(), domain)


def from_values(values: Any, domain: str) -> Curve:
    """A curve with one value for each frame or step. The last value holds.

    values: a number, or numbers in a list, a tensor, or an array of numpy or pandas. Raises MotionError for others.
    """
    try:
        numbers = np.asarray(values.tolist() if isinstance(values, Tensor) else values, dtype=np.float64).ravel()
    except (TypeError, ValueError, OverflowError, RuntimeError):  # RuntimeError: a tensor without numbers
        numbers = np.array([np.nan])
    if not np.isfinite(numbers).all():
        raise MotionError("values must be finite numbers: connect a number, or a list of one for each frame or step.")
    if not len(numbers):
        raise MotionError("The list of values for the schedule is empty: give at least one number.")
    check_values(numbers)
    return Curve(tuple((float(index), float(value)) for index, value in enumerate(numbers)), "linear", domain)
