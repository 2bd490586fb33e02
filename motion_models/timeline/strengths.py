"""The timeline of a strength schedule."""

import math

import numpy as np

from ..conditioning.curves import FRAMES, Curve, from_text
from ..conditioning.points import Point, read_points
from .drawing import Drawing, DrawnKey
from .edits import Add, Edit, Move
from .items import replaced, with_item, without

SAMPLES = 256
"""Of a curve, evenly spaced."""
BEFORE = 1e-6
"""Just before a point, where a curve in steps still has its last value."""
MOST_VALUES = 64
SEPARATOR = ", "


def draw(text: str, interpolation: str, domain: str, length: int) -> Drawing:
    """length: frames or steps on the ruler, which goes on to the last point. Raises MotionError."""
    curve = from_text(text, interpolation, domain)
    points = by_position(text)
    end = max(length - 1, math.ceil(points[-1].position))
    keys = [DrawnKey(point.position, text[slice(*point.span)], point.span, value=point.value) for point in points]
    values = np.round(curve.at(range(end + 1)), 5).tolist() if domain == FRAMES and end < MOST_VALUES else []
    return Drawing(text, keys, end, curve=sampled(curve, end), values=values)


def sampled(curve: Curve, end: int) -> list[tuple[float, float]]:
    inside = [position for position, _ in curve.points if 0 <= position <= end]
    positions = np.unique([*np.linspace(0, end, SAMPLES), *inside, *(position - BEFORE for position in inside)])
    return list(zip(positions.tolist(), np.round(curve.at(positions.tolist()), 5).tolist(), strict=True))


def by_position(text: str) -> list[Point]:
    return sorted(read_points(text), key=lambda point: point.position)


def edited(text: str, edit: Edit, interpolation: str, domain: str) -> str:
    """The text after an edit. It can be one that cannot be read. Raises MotionError if the text before cannot."""
    points = by_position(text)
    if isinstance(edit, Add):
        there = from_text(text, interpolation, domain).at([edit.position])[0]
        return added(text, points, edit.position, there if edit.value is None else edit.value)
    if isinstance(edit, Move):
        return moved(text, points[edit.key], edit)
    spans = sorted(point.span for point in points)
    return without(text, spans, spans.index(points[edit.key].span))


def moved(text: str, point: Point, edit: Move) -> str:
    """Only a number that changes is written again. The value stands behind the position, so it is replaced first."""
    if edit.value is not None and edit.value != point.value:
        text = replaced(text, point.value_span, written(edit.value))
    if edit.position is not None and edit.position != point.position:
        text = replaced(text, point.position_span, written(edit.position))
    return text


def added(text: str, points: list[Point], position: float, value: float) -> str:
    """A point beside the one before it, and with the same colon and brackets."""
    neighbour = next((point for point in reversed(points) if point.position <= position), points[0])
    between = text[neighbour.position_span[1] : neighbour.value_span[0]]
    item = written(position) + between + written(value) + text[neighbour.value_span[1] : neighbour.span[1]]
    spans = sorted(point.span for point in points)
    before = position < neighbour.position
    return with_item(text, spans, spans.index(neighbour.span), item, before, SEPARATOR)


def written(number: float) -> str:
    return f"{number:.6g}"
