"""How pictures are saved: still ones in few colours, moving ones as WEBP."""

from collections.abc import Sequence
from io import BytesIO

import numpy as np
from PIL import Image

from ..host.obtain import PACK

HELP = PACK / "js" / "docs"
MOST_WIDTH, COLOURS = 600, 128
"""Of help pictures. The page shows them about 270 pixels wide, sharp screens twice as fine."""
MILLISECONDS = 1000 // 16
GAP = 8
"""Pixels between moving clips."""


def as_picture(frame: np.ndarray) -> Image.Image:
    """frame: (h w 3) in 0..1."""
    return Image.fromarray((frame * 255).round().astype(np.uint8))


def enlarged(frame: np.ndarray, width: int) -> Image.Image:
    """frame: (h w 3) in 0..1, as high as wide."""
    return as_picture(frame).resize((width, width), Image.Resampling.BICUBIC)


def animated(pictures: Sequence[Image.Image]) -> bytes:
    """A file in WEBP format that repeats for ever."""
    file = BytesIO()
    pictures[0].save(
        file, "WEBP", save_all=True, append_images=pictures[1:], duration=MILLISECONDS, loop=0, quality=70, method=4
    )
    return file.getvalue()


def save_still(picture: Image.Image, name: str, colours: int = COLOURS, kmeans: int = 0) -> None:
    """A help picture. kmeans: rounds that fit the colours better, which a picture with all hues needs."""
    if picture.width > MOST_WIDTH:
        height = round(picture.height * MOST_WIDTH / picture.width)
        picture = picture.resize((MOST_WIDTH, height), Image.Resampling.LANCZOS)
    few = picture.quantize(colours, Image.Quantize.MEDIANCUT, kmeans=kmeans, dither=Image.Dither.NONE)
    few.save(HELP / name, optimize=True)


def save_moving(clips: Sequence[np.ndarray], name: str, columns: int = 2) -> None:
    """A help picture of clips (f h w 3) in 0..1 side by side, with nothing between them. Short ones repeat."""
    width = (MOST_WIDTH + GAP) // columns - GAP
    rows = -(-len(clips) // columns)
    pictures = []
    for at in range(max(map(len, clips))):
        sheet = Image.new("RGBA", (MOST_WIDTH, rows * (width + GAP) - GAP))
        for index, clip in enumerate(clips):
            place = (index % columns * (width + GAP), index // columns * (width + GAP))
            sheet.paste(enlarged(clip[at % len(clip)], width), place)
        pictures.append(sheet)
    (HELP / name).write_bytes(animated(pictures))
