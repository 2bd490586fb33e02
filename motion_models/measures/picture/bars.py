"""The figures as blocks of bars, one bar for each clip."""

import math
from collections.abc import Sequence

from PIL import Image, ImageDraw

from ...drawing.canvas import BACKGROUND, DARK, MARGIN, TEXT_COLOUR, TEXT_HEIGHT, WIDTH, font
from ..clip import ClipMeasures
from ..figures import Figure

BLOCK_WIDTH, BAR_HEIGHT, BAR_WIDTH, GAP = WIDTH // 2, 24, 110, 10
ARROW, HEAD, SMOOTHING = 9, 7, 4
"""Pixels: half the length of an arrow, and its head. It is drawn larger and scaled down."""
LEAST_RANGE = 1.0
"""Of a figure without a least value. A still camera has short bars."""


def block(
    figure: Figure,
    clips: Sequence[ClipMeasures],
    colours: Sequence[tuple[int, int, int]],
    reference: ClipMeasures | None,
) -> Image.Image:
    """reference: the first clip. The others then also show what multiple of it they have."""
    whole = Image.new("RGB", (BLOCK_WIDTH, TEXT_HEIGHT + len(clips) * BAR_HEIGHT + GAP), BACKGROUND)
    canvas, letters = ImageDraw.Draw(whole), font()
    canvas.text((MARGIN, 0), f"{figure.title}, {figure.unit}", TEXT_COLOUR, letters)
    values = [figure.value(clip) for clip in clips]
    least = figure.least(clips[0]) if figure.least else LEAST_RANGE
    largest = max(least, *(abs(value) for value in values))
    for index, (clip, value, colour) in enumerate(zip(clips, values, colours, strict=True)):
        x, top = MARGIN, TEXT_HEIGHT + index * BAR_HEIGHT
        middle = top + BAR_HEIGHT // 2
        if len(clips) > 1:
            canvas.rectangle((x, top + 4, x + BAR_WIDTH, top + BAR_HEIGHT - 4), DARK)
            canvas.rectangle((x, top + 4, x + abs(value) / largest * BAR_WIDTH, top + BAR_HEIGHT - 4), colour)
            x += BAR_WIDTH + GAP
        canvas.text((x, middle), figure.text(clip), TEXT_COLOUR if len(clips) > 1 else colour, letters, anchor="lm")
        x += int(letters.getlength(figure.text(clip))) + GAP
        if figure.direction and figure.has_direction(clip):
            whole.paste(colour, (x, middle - ARROW - HEAD // 2), arrow(figure.direction(clip)))
            x += 2 * ARROW + HEAD + GAP
        if reference and index:
            canvas.text((x, middle), figure.change(clip, reference), colour, letters, anchor="lm")
    return whole


def arrow(degrees: float) -> Image.Image:
    """A mask of an arrow, to a direction: 0 is to the right, 90 up."""
    side = 2 * ARROW + HEAD
    large = Image.new("L", (side * SMOOTHING, side * SMOOTHING))
    canvas, middle, angle = ImageDraw.Draw(large), side * SMOOTHING / 2, math.radians(degrees)

    def point(along: float, across: float) -> tuple[float, float]:
        x = along * math.cos(angle) - across * math.sin(angle)
        y = along * math.sin(angle) + across * math.cos(angle)
        return middle + x * SMOOTHING, middle - y * SMOOTHING

    canvas.line((point(-ARROW, 0), point(ARROW - HEAD, 0)), 255, 2 * SMOOTHING)
    canvas.polygon((point(ARROW, 0), point(ARROW - HEAD - 1, HEAD / 1.5), point(ARROW - HEAD - 1, -HEAD / 1.5)), 255)
    return large.resize((side, side), Image.Resampling.LANCZOS)
