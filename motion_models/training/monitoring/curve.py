"""The loss curve as a picture."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from ...drawing.axes import ticks
from ...drawing.canvas import BACKGROUND, BRIGHT, DARK, MARGIN, TEXT_COLOUR, TEXT_HEIGHT, WIDTH, font

SMOOTHED_STEPS = 50
"""Steps whose mean loss is reported. The loss of one step depends mostly on its timestep."""

HEIGHT, LEFT = 320, 92
"""Pixels of the picture, and beside the axis for its numbers."""
MOST_POINTS = 2 * WIDTH
"""Of a line. A longer training shows some of its steps."""
FAINT = (62, 96, 140)
LINE_WIDTH, DOT = 3, 1.5


def smoothed(losses: Sequence[float]) -> np.ndarray:
    """For each step, the mean loss of it and the steps before, SMOOTHED_STEPS at most."""
    sums = np.concatenate([[0.0], np.cumsum(np.asarray(losses, np.float64))])
    ends = np.arange(1, len(losses) + 1)
    starts = np.maximum(0, ends - SMOOTHED_STEPS)
    return (sums[ends] - sums[starts]) / (ends - starts)


def loss_range(mean: np.ndarray) -> tuple[float, float]:
    """The losses that the picture shows: all of the mean, and of single steps what is near it. mean: what is drawn."""
    low, high = float(mean.min()), float(mean.max())
    room = max(0.5 * (high - low), 0.1 * high)
    return max(0.0, low - room), high + room


def draw_curve(losses: Sequence[float]) -> Image.Image:
    """The smoothed loss as a bold line, and the losses of steps as dots.

    losses: at least one, all of them finite.
    """
    picture = Image.new("RGB", (WIDTH, HEIGHT), BACKGROUND)
    canvas, letters, mean = ImageDraw.Draw(picture), font(), smoothed(losses)
    first = max(0, min(SMOOTHED_STEPS, len(losses) // 2 - 1))  # before, it is the mean of few steps
    low, high = loss_range(mean[first:])
    right, top, bottom = WIDTH - 2 * MARGIN, MARGIN + TEXT_HEIGHT, HEIGHT - MARGIN - TEXT_HEIGHT
    last = max(2, len(losses))

    def x_of(step: float) -> float:
        return LEFT + (step - 1) / (last - 1) * (right - LEFT)

    def y_of(loss: float) -> float:
        return bottom - (min(max(loss, low), high) - low) / ((high - low) or 1) * (bottom - top)

    for tick in ticks(low, high):
        canvas.line((LEFT, y_of(tick), right, y_of(tick)), DARK)
        canvas.text((LEFT - 8, y_of(tick)), f"{tick:.4g}", TEXT_COLOUR, letters, anchor="rm")
    for tick in ticks(1, last):
        if tick == int(tick) and tick >= 1:
            canvas.text((x_of(tick), bottom + 6), f"{tick:.0f}", TEXT_COLOUR, letters, anchor="ma")
    canvas.text((MARGIN, MARGIN - 6), f"loss {mean[-1]:.4f}", TEXT_COLOUR, letters)
    canvas.text((right, MARGIN - 6), f"step {len(losses)}", TEXT_COLOUR, letters, anchor="ra")
    drawn = np.unique(np.linspace(1, len(losses), MOST_POINTS).round().astype(int)).tolist()
    for step in drawn:
        if low <= losses[step - 1] <= high:
            x, y = x_of(step), y_of(losses[step - 1])
            canvas.ellipse((x - DOT, y - DOT, x + DOT, y + DOT), FAINT)
    line = [(x_of(step), y_of(float(mean[step - 1]))) for step in drawn if step > first]
    canvas.line(line, BRIGHT, LINE_WIDTH, "curve")
    return picture
