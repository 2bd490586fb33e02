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


POINT = re.compile(r"^\s*([-+]?[\d.]+)\s*:\s*\(?\s*([-+]?[\d.]+(?:[eE][-+]?\d+)?)\s*\)?\s*$")


def from_text(text: str, interpolation: str, domain: str) -> Curve:
    """A curve from text such as `0: 0, 8: 1.2, 24: 0`.

    Points may also be on separate lines, and values may be in brackets. Raises MotionError if a part is not a point.
    """
    points: dict[float, float] = {}
    for part in re.split(r"[,;\n]", text):
        if not part.strip():
            continue
        match = POINT.match(part)
        try:
            position, value = (float(number) for number in match.groups()) if match else (None, None)
        except ValueError:
            position = value = None
        if position is None or value is None:
            raise MotionError(
                "'{part}' is not a point of a schedule: write a position and a value, such as '8: 1.2', and"
                " separate points by commas.",
                part=part.strip(),
            )
        if position in points:
            raise MotionError("The schedule has two values at {position}: keep one of them.", position=f"{position:g}")
        points[position] = value
    if not points:
        raise MotionError("The schedule is empty: write points, such as '0: 0, 8: 1.2, 24: 0'.")
    return Curve(tuple(sorted(points.items())), interpolation, domain)


def from_curve(curve: Any, length: int, domain: str) -> Curve:
    """A curve of ComfyUI, with x and y in 0..1, stretched over `length` frames or steps.

    curve: the output of ComfyUI's curve editor. It is an object with `interp(x)`; older versions give (x, y) points.
    """
    positions = np.linspace(0, 1, length)
    if hasattr(curve, "interp"):
        return from_values([float(curve.interp(x)) for x in positions], domain)
    points = curve["points"] if isinstance(curve, dict) else curve
    return from_values(
        Curve(tuple(sorted((x, y) for x, y in points)), "cubic", domain).at(positions.tolist()).tolist(), domain
    )


def from_values(values: Sequence[float], domain: str) -> Curve:
    """A curve with one value for each frame or step. The last value holds."""
    if not len(values):
        raise MotionError("The list of values for the schedule is empty: give at least one number.")
    return Curve(tuple((float(index), float(value)) for index, value in enumerate(values)), "linear", domain)
