"""Curves over the frames, a line for each clip."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from ...drawing.axes import ticks
from ...drawing.canvas import BACKGROUND, DARK, MARGIN, TEXT_COLOUR, TEXT_HEIGHT, WIDTH, font
from ..clip import ClipMeasures
from ..figures import camera_speeds, object_speeds

PANEL_WIDTH, PANEL_HEIGHT = WIDTH // 2, 170
LEFT, RIGHT = 64, MARGIN
SMOOTHING = 2
"""Lines are drawn so many times larger and scaled down."""
LINE_WIDTH, DOT = 3, 3
TICKS = 4


@dataclass(frozen=True)
class Curve:
    title: str
    values: Callable[[ClipMeasures], np.ndarray]
    """For each step or frame, NaN where it is unknown."""
    least_range: float
    """Of the axis, so that noise does not fill it."""
    from_zero: bool = True
    at: float = 0.5
    """Frames from a frame to its value. A step is between two frames."""


CURVES = (
    Curve("camera, px/s", camera_speeds, 8.0),
    Curve("objects, px/s", object_speeds, 8.0),
    Curve("zoom, %/s", lambda clip: clip.over_steps(lambda step: step.camera.growth * clip.fps * 100), 8.0, False),
    Curve("roll, deg/s", lambda clip: clip.over_steps(lambda step: -step.camera.clockwise * clip.fps), 8.0, False),
    Curve("warp error, 1e-3", lambda clip: np.array([step.warp_error for step in clip.steps]) * 1000, 0.2),
    Curve("brightness, %", lambda clip: clip.levels * 100, 4.0, False, 0.0),
)


def panel(curve: Curve, clips: Sequence[ClipMeasures], colours: Sequence[tuple[int, int, int]]) -> Image.Image:
    lines = [curve.values(clip) for clip in clips]
    low, high = axis_range(np.concatenate(lines), curve)
    top, bottom = TEXT_HEIGHT + 10, PANEL_HEIGHT - 14
    frames = longest(clips)

    def place(frame: float, value: float) -> tuple[float, float]:
        return x_of(frame, frames), bottom - (value - low) / (high - low) * (bottom - top)

    marks = ticks(low, high, TICKS)
    large = Image.new("RGB", (PANEL_WIDTH * SMOOTHING, PANEL_HEIGHT * SMOOTHING), BACKGROUND)
    canvas = ImageDraw.Draw(large)
    for mark in marks:
        draw_line(canvas, [place(0, mark), place(frames - 0.5, mark)], DARK, 1)
    for values, colour in zip(lines, colours, strict=True):
        for part in known_parts(values):
            draw_line(canvas, [place(index + curve.at, float(values[index])) for index in part], colour, LINE_WIDTH)
    whole = large.resize((PANEL_WIDTH, PANEL_HEIGHT), Image.Resampling.LANCZOS)
    canvas, letters = ImageDraw.Draw(whole), font()
    canvas.text((MARGIN, 0), curve.title, TEXT_COLOUR, letters)
    for mark in marks:
        canvas.text((LEFT - 8, place(0, mark)[1]), f"{mark:.4g}", TEXT_COLOUR, letters, anchor="rm")
    return whole


def frame_axis(clips: Sequence[ClipMeasures]) -> Image.Image:
    """Below the panels of a column: the first frame and the last."""
    line = Image.new("RGB", (PANEL_WIDTH, TEXT_HEIGHT), BACKGROUND)
    canvas, letters = ImageDraw.Draw(line), font()
    last = longest(clips) - 1
    canvas.text((LEFT, 0), "frame 0", TEXT_COLOUR, letters)
    canvas.text((x_of(last, last + 1), 0), str(last), TEXT_COLOUR, letters, anchor="ma")
    return line


def longest(clips: Sequence[ClipMeasures]) -> int:
    """Frames of the longest clip."""
    return max(len(clip.levels) for clip in clips)


def x_of(frame: float, frames: int) -> float:
    """The step after the last frame, which a closed loop has, fits too."""
    return LEFT + frame / (frames - 0.5) * (PANEL_WIDTH - LEFT - RIGHT)


def axis_range(values: np.ndarray, curve: Curve) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 0.0)
    if curve.from_zero:
        return 0.0, max(high * 1.1, curve.least_range)
    room = max(curve.least_range - (high - low), 0.2 * (high - low)) / 2
    return low - room, high + room


def known_parts(values: np.ndarray) -> list[list[int]]:
    """Indices of values that are known, in parts without a gap."""
    known = np.flatnonzero(np.isfinite(values))
    return [part.tolist() for part in np.split(known, np.flatnonzero(np.diff(known) > 1) + 1) if len(part)]


def draw_line(
    canvas: ImageDraw.ImageDraw, points: Sequence[tuple[float, float]], colour: tuple[int, int, int], width: int
) -> None:
    """A single point becomes a dot."""
    scaled = [(x * SMOOTHING, y * SMOOTHING) for x, y in points]
    if len(scaled) > 1:
        canvas.line(scaled, colour, width * SMOOTHING, "curve")
        return
    ((x, y),), radius = scaled, DOT * SMOOTHING
    canvas.ellipse((x - radius, y - radius, x + radius, y + radius), colour)
