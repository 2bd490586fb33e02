"""Strengths that change over the frames of a clip or over the steps of a sampling run."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import MotionError

Points = tuple[np.ndarray, np.ndarray]
"""Positions, rising, and the values there."""


def linear(points: Points, at: np.ndarray) -> np.ndarray:
    return np.interp(at, *points)


def ease(points: Points, at: np.ndarray) -> np.ndarray:
    """Slow at both points, fast between: the smoothstep 3 t^2 - 2 t^3."""
    positions, _ = points
    where = np.interp(at, positions, np.arange(len(positions)))  # 1.25: a quarter of the way from point 1 to 2
    whole = np.floor(where)
    part = where - whole
    return np.interp(whole + part**2 * (3 - 2 * part), np.arange(len(positions)), points[1])


def step(points: Points, at: np.ndarray) -> np.ndarray:
    """Each value holds until the next point."""
    positions, values = points
    return values[np.clip(np.searchsorted(positions, at, side="right") - 1, 0, None)]


def cubic(points: Points, at: np.ndarray) -> np.ndarray:
    """A smooth curve that never leaves the range of two neighbouring points, as the host's curves are."""
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
"""What happens between two points. Before the first and after the last point their values hold."""

FRAMES, STEPS = "frames", "sampling steps"


@dataclass(frozen=True)
class Curve:
    points: tuple[tuple[float, float], ...]
    """(position, value), rising; the first frame and the first step are 0."""
    interpolation: str
    """A key of INTERPOLATIONS."""
    domain: str
    """FRAMES or STEPS."""

    def at(self, positions: Sequence[float]) -> np.ndarray:
        where, values = np.array(self.points, dtype=np.float64).T
        return INTERPOLATIONS[self.interpolation]((where, values), np.asarray(positions, dtype=np.float64))


StrengthSchedule = tuple[Curve, ...]
"""Curves whose values are multiplied."""


def strengths(
    strength_schedule: StrengthSchedule, strength: float, frames: Sequence[int], step: float
) -> float | Tensor:
    """A strength times a schedule: one number, or (f,) if a curve runs over the frames.

    frames: which frames of the clip are asked for. step: which step of the sampling run, fractions between.
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


POINT = re.compile(r"^\s*([-+]?[\d.]+)\s*:\s*\(?\s*([-+]?[\d.]+(?:[eE][-+]?\d+)?)\s*\)?\s*$")


def from_text(text: str, interpolation: str, domain: str) -> Curve:
    """A curve from text such as `0: 0, 8: 1.2, 24: 0`; also one point a line, and values in brackets.

    Raises MotionError with the part that cannot be read.
    """
    points: dict[float, float] = {}
    for part in re.split(r"[,;\n]", text):
        if not part.strip():
            continue
        found = POINT.match(part)
        try:
            position, value = (float(number) for number in found.groups()) if found else (None, None)
        except ValueError:
            position = value = None
        if position is None or value is None:
            raise MotionError(
                f"'{part.strip()}' is not a point of a schedule: write a position and a value, such as "
                f"'0: 0, 8: 1.2, 24: 0'."
            )
        if position in points:
            raise MotionError(f"The schedule has two values at {position:g}: keep one of them.")
        points[position] = value
    if not points:
        raise MotionError("The schedule is empty: write positions and values, such as '0: 0, 8: 1.2, 24: 0'.")
    return Curve(tuple(sorted(points.items())), interpolation, domain)


def from_curve(curve: Any, length: int, domain: str) -> Curve:
    """A curve of the host, x and y in 0..1, stretched over so many frames or steps.

    curve: what the host's curve editor gives, an object with `interp(x)`, or the (x, y) points that older ones give.
    """
    places = np.linspace(0, 1, length)
    if hasattr(curve, "interp"):
        return from_values([float(curve.interp(x)) for x in places], domain)
    points = curve["points"] if isinstance(curve, dict) else curve
    return from_values(
        Curve(tuple(sorted((x, y) for x, y in points)), "cubic", domain).at(places.tolist()).tolist(), domain
    )


def from_values(values: Sequence[float], domain: str) -> Curve:
    """A curve with one value for each frame or step, the last one held."""
    if not len(values):
        raise MotionError("The list of values for the schedule is empty: give at least one number.")
    return Curve(tuple((float(index), float(value)) for index, value in enumerate(values)), "linear", domain)
