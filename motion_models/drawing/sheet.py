"""A contact sheet: one row of small frames for each clip."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from .canvas import BACKGROUND, TEXT_COLOUR, TEXT_HEIGHT, font

MOST_ROWS = 40
GAP = 4
"""Pixels between frames."""


@dataclass(frozen=True)
class SheetStyle:
    columns: int = 16
    """Frames of a row, at most. Longer clips show some of their frames, from the first to the last."""
    cell: int = 96
    """Pixels of the longer edge of a frame."""


class ContactSheet:
    """Collects the rows of clips."""

    def __init__(self, style: SheetStyle = SheetStyle()) -> None:
        self.style = style
        self.rows: list[tuple[list[Image.Image], str]] = []

    def add(self, clip: np.ndarray, caption: str = "") -> None:
        """clip: (f h w 3) in 0..255. caption: a line below its row. Clips beyond MOST_ROWS are left out."""
        if len(self.rows) < MOST_ROWS:
            shown = shown_frames(len(clip), self.style.columns)
            self.rows.append(([small(Image.fromarray(clip[index]), self.style.cell) for index in shown], caption))

    def picture(self) -> Image.Image:
        """At least one clip must have been added."""
        heights = [pictures[0].height + GAP + TEXT_HEIGHT * bool(caption) for pictures, caption in self.rows]
        width = max(sum(picture.width + GAP for picture in pictures) for pictures, _ in self.rows)
        sheet = Image.new("RGB", (width + GAP, sum(heights) + GAP), BACKGROUND)
        canvas, top = ImageDraw.Draw(sheet), GAP
        for (pictures, caption), height in zip(self.rows, heights, strict=True):
            for column, picture in enumerate(pictures):
                sheet.paste(picture, (GAP + column * (picture.width + GAP), top))
            canvas.text((GAP, top + pictures[0].height), caption, TEXT_COLOUR, font())
            top += height
        return sheet


def small(picture: Image.Image, cell: int) -> Image.Image:
    """cell: pixels of the longer edge."""
    scale = cell / max(picture.size)
    width, height = (max(1, round(side * scale)) for side in picture.size)
    return picture.resize((width, height), Image.Resampling.HAMMING)


def shown_frames(frames: int, columns: int) -> list[int]:
    """The frames of a clip that a row shows, from the first to the last."""
    return np.linspace(0, frames - 1, min(frames, columns)).round().astype(int).tolist()


def stacked(pictures: Sequence[Image.Image]) -> Image.Image:
    """One below the other."""
    size = max(picture.width for picture in pictures), sum(picture.height for picture in pictures)
    whole, top = Image.new("RGB", size, BACKGROUND), 0
    for picture in pictures:
        whole.paste(picture, (0, top))
        top += picture.height
    return whole
