"""Reading the points of a strength schedule: `0: 0, 8: 1.2, 24: 0`."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import MotionError

PART = re.compile(r"[^,;\n]+")
EXAMPLE = "'0: 0, 8: 1.2, 24: 0'"
LARGEST = 100.0
"""Largest value of a schedule. Far larger ones give frames that are not finite."""
FARTHEST = 10**7
"""Largest position of a point. Prompts have as many frames, and curves are not exact far beyond."""
DECIMALS = 6
"""Of a position. Slopes between nearer points can be too large for a float."""


@dataclass(frozen=True)
class Point:
    """A point of the text. Spans are the index of the first character and the index after the last."""

    position: float
    value: float
    span: tuple[int, int]
    position_span: tuple[int, int]
    value_span: tuple[int, int]
    """Without brackets."""


def read_points(text: str) -> list[Point]:
    """The points in the order of the text. Each can have its own line, and values can have brackets.

    Raises MotionError for a part that is not a point.
    """
    points: dict[float, Point] = {}
    for part in PART.finditer(text):
        if not part[0].strip():
            continue
        point = read_point(text, *stripped(text, part.start(), part.end()))
        if point.position in points:
            raise MotionError(
                "The schedule has two values at {position}: keep one of them.", position=f"{point.position:g}"
            )
        points[point.position] = point
    if not points:
        raise MotionError("The schedule is empty: write positions and values, such as {example}.", example=EXAMPLE)
    check_values(point.value for point in points.values())
    check_positions(points)
    return list(points.values())


def read_point(text: str, start: int, stop: int) -> Point:
    colon = text.find(":", start, stop)
    position_span = stripped(text, start, stop if colon < 0 else colon)
    value_at, value_end = stripped(text, stop if colon < 0 else colon + 1, stop)
    value_at += text.startswith("(", value_at, value_end)
    value_end -= text.endswith(")", value_at, value_end)
    value_span = stripped(text, value_at, value_end)
    try:
        position, value = (finite(text[slice(*span)]) for span in (position_span, value_span))
    except ValueError:
        raise MotionError(
            "'{part}' is not a point of a schedule: write a position and a value, such as '8: 1.2', and separate "
            "points by commas.",
            part=text[start:stop],
        ) from None
    return Point(round(position, DECIMALS) + 0.0, value, (start, stop), position_span, value_span)


def stripped(text: str, start: int, stop: int) -> tuple[int, int]:
    """The span without the blanks at its ends."""
    part = text[start:stop]
    start += len(part) - len(part.lstrip())
    return start, start + len(part.strip())


def finite(value: Any) -> float:
    """A number. Raises ValueError if it is not finite."""
    try:
        number = float(value)
    except OverflowError as error:
        raise ValueError from error
    if not np.isfinite(number):
        raise ValueError
    return number


def check_values(values: Iterable[float]) -> None:
    """Raises MotionError if a value of a schedule is too large."""
    largest = max(values, key=abs)
    if abs(largest) > LARGEST:
        raise MotionError(
            "A value of the schedule is {value}: use values from -{most} to {most}.",
            value=f"{largest:g}",
            most=f"{LARGEST:g}",
        )


def check_positions(positions: Iterable[float]) -> None:
    """Raises MotionError if a point of a schedule is too far away."""
    farthest = max(positions, key=abs)
    if abs(farthest) > FARTHEST:
        raise MotionError(
            "A position of the schedule is {position}: use positions from -{most} to {most}.",
            position=f"{farthest:g}",
            most=FARTHEST,
        )
