"""The figures of a clip: the outputs of the node, the table and the picture."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .clip import ClipMeasures


def camera_speeds(clip: ClipMeasures) -> np.ndarray:
    """Pixels a second in each step, NaN where motion could not be followed."""
    shifts = clip.over_steps(lambda step: float(np.hypot(step.camera.right, step.camera.down)))
    return shifts * clip.scale * clip.fps


def object_speeds(clip: ClipMeasures) -> np.ndarray:
    """Pixels a second in each step, NaN where motion could not be followed."""
    return clip.over_steps(lambda step: step.objects.speed) * clip.scale * clip.fps


def camera_speed(clip: ClipMeasures) -> float:
    """Mean speed in pixels a second. A camera that goes to and fro has a speed, but its shifts cancel out."""
    return clip.mean(lambda step: float(np.hypot(step.camera.right, step.camera.down))) * clip.scale * clip.fps


def direction_of(right: float, down: float) -> float:
    """Degrees from -180 to 180: 0 is to the right, 90 up. 0 for no motion, whatever the sign of zero."""
    return float(np.degrees(np.arctan2(0.0 - down, right + 0.0)))


ONE_WAY = 0.5
"""Share of the mean speed that the mean motion has, at least, if all goes the same way and does not turn back."""


def camera_goes_one_way(clip: ClipMeasures) -> bool:
    return float(np.hypot(clip.camera.right, clip.camera.down)) * clip.fps > ONE_WAY * camera_speed(clip)


def objects_go_one_way(clip: ClipMeasures) -> bool:
    return float(np.hypot(clip.objects.right, clip.objects.down)) > ONE_WAY * clip.objects.speed


def camera_direction(clip: ClipMeasures) -> float:
    """Opposite to that of the picture."""
    return direction_of(-clip.camera.right, -clip.camera.down)


def zoom(clip: ClipMeasures) -> float:
    """Percent a second. Above 0 the camera zooms in."""
    return clip.camera.growth * clip.fps * 100


def roll(clip: ClipMeasures) -> float:
    """Degrees a second. Above 0 the camera rolls clockwise, and the picture turns anticlockwise."""
    return 0.0 - clip.camera.clockwise * clip.fps  # no sign before zero


def object_speed(clip: ClipMeasures) -> float:
    """Mean speed in pixels a second."""
    return clip.objects.speed * clip.fps


def object_direction(clip: ClipMeasures) -> float:
    return direction_of(clip.objects.right, clip.objects.down)


LEAST_MOTION = 0.3
"""Pixels from one measured frame to the next. Speeds are right within 5 percent from there on. In noise, a camera of
0.05 can be measured as 0.08, so a multiple of it says nothing (docs/measurements.md)."""


def least_speed(clip: ClipMeasures) -> float:
    """Pixels a second."""
    return LEAST_MOTION * clip.scale * clip.fps


@dataclass(frozen=True)
class Figure:
    """A column of the table, and a block of bars in the picture."""

    title: str
    unit: str
    value: Callable[[ClipMeasures], float]
    decimals: int
    least: Callable[[ClipMeasures], float] | None
    """A smaller value is nothing. None if the sign says which way, so that multiples mean nothing."""
    direction: Callable[[ClipMeasures], float] | None = None
    """Degrees."""
    goes_one_way: Callable[[ClipMeasures], bool] = lambda _: False

    def text(self, clip: ClipMeasures) -> str:
        return f"{self.rounded(self.value(clip)):.{self.decimals}f}"

    def rounded(self, value: float) -> float:
        """Without a sign before zero."""
        return round(value, self.decimals) + 0.0

    def change(self, clip: ClipMeasures, reference: ClipMeasures) -> str:
        """The multiple of the reference's value, or the difference from it."""
        value, before = self.value(clip), self.value(reference)
        if self.least is None or before < self.least(reference):
            return f"{self.rounded(value - before):+.{self.decimals}f}"
        return f"x {value / before:.2f}"

    def has_direction(self, clip: ClipMeasures) -> bool:
        return self.least is not None and self.value(clip) >= self.least(clip) and self.goes_one_way(clip)


FIGURES = (
    Figure("camera", "px/s", camera_speed, 1, least_speed, camera_direction, camera_goes_one_way),
    Figure("objects", "px/s", object_speed, 1, least_speed, object_direction, objects_go_one_way),
    Figure("zoom", "%/s", zoom, 1, None),
    Figure("roll", "deg/s", roll, 1, None),
    Figure("warp error", "1e-3", lambda clip: clip.warp_error * 1000, 3, lambda _: 0.001),
    Figure("flicker", "%", lambda clip: clip.flicker * 100, 2, lambda _: 0.01),
    Figure("seam", "x usual", lambda clip: clip.seam, 2, lambda _: 0.01),
    Figure("valid", "% of pixels", lambda clip: clip.valid * 100, 1, lambda _: 1.0),
)
