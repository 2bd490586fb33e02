"""Rows of small pictures: the frames of a clip, the flow that begins in them, and the difference from the reference."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from ...drawing.canvas import BACKGROUND, DARK, MARGIN, TEXT_COLOUR, TEXT_HEIGHT, WIDTH, font
from ...drawing.letters import drawable
from ...drawing.sheet import shown_frames, small
from ...errors import printable
from ..comparison import COLUMNS, MeasuredClip, shown_steps
from .colours import difference_colours, flow_colours, to_bytes, wheel

GAP = 6
CELL = (WIDTH - 2 * MARGIN - (COLUMNS - 1) * GAP) // COLUMNS
"""Pixels of the longer edge of a frame."""
FAST_PERCENTILE = 99
"""Of the speeds and differences that are shown. The colours do not depend on a few pixels."""
SLOWEST = 1.0
"""Pixels a frame that have the brightest colour, at least. Otherwise a still clip would be full of colours."""
LEAST_DIFFERENCE = 0.02
"""Of two frames in 0..1, with the brightest colour, at least."""
SWATCH = 12


def fastest(clips: Sequence[MeasuredClip]) -> float:
    """The speed, in pixels of measured frames, that has the brightest colour in all clips."""
    speeds = [
        np.linalg.norm(flow.motion, axis=-1)[flow.valid] for clip in clips for flow in clip.measures.flows.values()
    ]
    everything = np.concatenate(speeds)
    return max(SLOWEST, float(np.percentile(everything, FAST_PERCENTILE))) if len(everything) else SLOWEST


def heading(text: str, colour: tuple[int, int, int]) -> Image.Image:
    """A line with a square of the clip's colour. A text that cannot be drawn is escaped, and a long one is cut."""
    text, letters = drawable(printable(text))
    line = Image.new("RGB", (WIDTH, TEXT_HEIGHT + GAP), BACKGROUND)
    canvas, middle = ImageDraw.Draw(line), (TEXT_HEIGHT + GAP) // 2
    canvas.rectangle((MARGIN, middle - SWATCH // 2, MARGIN + SWATCH, middle + SWATCH // 2), colour)
    while letters.getlength(text) > WIDTH - 2 * MARGIN - SWATCH - GAP:
        text = text[:-4] + "..."
    canvas.text((MARGIN + SWATCH + GAP, middle), text, TEXT_COLOUR, letters, anchor="lm")
    return line


def row(pictures: Sequence[np.ndarray]) -> Image.Image:
    """pictures: (h w 3) in 0..255, one for each column."""
    cells = [small(Image.fromarray(picture), CELL) for picture in pictures]
    whole = Image.new("RGB", (WIDTH, cells[0].height + GAP), BACKGROUND)
    for column, cell in enumerate(cells):
        whole.paste(cell, (MARGIN + column * (CELL + GAP), 0))
    return whole


def strips(clip: MeasuredClip, reference: MeasuredClip | None, largest: float) -> list[Image.Image]:
    """Frames, flow, and where the clip differs from the reference, if that has as many frames."""
    shown = shown_frames(len(clip.frames), COLUMNS)
    frames = clip.frames[shown]
    flows = [clip.measures.flows[step] for step in shown_steps(len(clip.frames), len(clip.measures.steps))]
    rows = [row([to_bytes(frame) for frame in frames])]
    rows.append(row([flow_colours(flow.motion, flow.valid, largest) for flow in flows]))
    if reference and clip.is_as_long_as(reference):
        others = reference.frames[shown]
        most = max(LEAST_DIFFERENCE, float(np.percentile(np.abs(frames - others).mean(-1), FAST_PERCENTILE)))
        rows.append(row([difference_colours(*pair, most) for pair in zip(frames, others, strict=True)]))
    return rows


def legend(largest: float, has_difference: bool) -> Image.Image:
    """What the colours mean. largest: pixels of the clip in one frame."""
    lines = [f"hue: direction, brightest: {largest:.1f} pixels a frame", "grey: cannot be followed"]
    if has_difference:
        lines.append("orange: differs from the reference")
    height = len(lines) * TEXT_HEIGHT + GAP
    whole = Image.new("RGB", (WIDTH, height), BACKGROUND)
    diameter = 2 * TEXT_HEIGHT - GAP
    whole.paste(Image.fromarray(wheel(diameter)), (MARGIN, 2), Image.fromarray(disc(diameter)))
    canvas = ImageDraw.Draw(whole)
    for index, line in enumerate(lines):
        canvas.text((MARGIN + diameter + 2 * GAP, index * TEXT_HEIGHT), line, TEXT_COLOUR, font())
    canvas.line((MARGIN, height - 1, WIDTH - MARGIN, height - 1), DARK)
    return whole


def disc(diameter: int) -> np.ndarray:
    """(h w) in 0..255."""
    across = np.linspace(-1, 1, diameter)
    return np.where(np.hypot(*np.meshgrid(across, across)) <= 1, 255, 0).astype(np.uint8)
