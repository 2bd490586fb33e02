"""A contact sheet: one row of small frames for each clip."""

import numpy as np
import torch
from PIL import Image
from torch import Tensor

MOST_ROWS, MOST_COLUMNS = 40, 16
CELL, GAP = 96, 4
"""Pixels of the longer edge of a frame, and between frames."""
BACKGROUND = (24, 26, 30)


class ContactSheet:
    """Collects the rows of the first clips. Longer clips show some of their frames, from the first to the last."""

    def __init__(self) -> None:
        self.rows: list[list[Image.Image]] = []

    def add(self, clip: np.ndarray) -> None:
        """clip: (f h w 3) in 0..255. Clips beyond MOST_ROWS are left out."""
        if len(self.rows) < MOST_ROWS:
            shown = np.linspace(0, len(clip) - 1, min(len(clip), MOST_COLUMNS)).round().astype(int)
            self.rows.append([small(Image.fromarray(clip[index])) for index in shown])

    def image(self) -> Tensor:
        """An IMAGE (1 h w 3) in 0..1. All clips have the same size."""
        width, height = (side + GAP for side in self.rows[0][0].size)
        sheet = Image.new("RGB", (len(self.rows[0]) * width + GAP, len(self.rows) * height + GAP), BACKGROUND)
        for row, pictures in enumerate(self.rows):
            for column, picture in enumerate(pictures):
                sheet.paste(picture, (GAP + column * width, GAP + row * height))
        return torch.from_numpy(np.asarray(sheet).astype(np.float32) / 255)[None]


def small(picture: Image.Image) -> Image.Image:
    scale = CELL / max(picture.size)
    width, height = (max(1, round(side * scale)) for side in picture.size)
    return picture.resize((width, height), Image.Resampling.HAMMING)
