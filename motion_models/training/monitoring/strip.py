"""The previews of a training: a file for each step, and a contact sheet of them."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageSequence

from ...drawing.sheet import ContactSheet, SheetStyle, shown_frames, small

STYLE = SheetStyle(columns=4, cell=144)
MOST_ROWS = 20
LONGEST_SIDE, FASTEST = 512, 0
"""Pixels of a frame in a file, and the method of the encoder. A stop waits for the encoder."""
FRAME_MILLISECONDS = 125
"""AnimateDiff was trained on about 8 frames a second."""
FILE = re.compile(r"preview_(\d+)\.webp")


class PreviewStrip:
    """Keeps the previews in a folder, as animated WEBP. Those of an earlier run of the same training stay."""

    def __init__(self, folder: Path, steps_done: int):
        """steps_done: in earlier runs. If it is 0, or less than the step of a file, the file is of another training."""
        self.folder = folder
        found = {int(match[1]): path for path in folder.glob("*.webp") if (match := FILE.fullmatch(path.name))}
        kept = sorted(step for step in found if steps_done and step <= steps_done)
        self.outdated = [path for step, path in found.items() if step not in kept]
        clips = {step: read_clip(found[step]) for step in kept[-MOST_ROWS:]}
        self.rows = {step: row_of(clip) for step, clip in clips.items() if clip}
        """The small frames of a row, (f h w 3) in 0..255, by step."""

    def add(self, step: int, clip: np.ndarray) -> None:
        """clip: (f h w 3) in 0..255."""
        for path in self.outdated:
            path.unlink(missing_ok=True)
        self.outdated = []
        self.folder.mkdir(parents=True, exist_ok=True)
        self.rows[step] = row_of(clip)
        write_clip(clip, self.folder / f"preview_{step:06}.webp")

    def picture(self, rows: int = MOST_ROWS) -> Image.Image:
        """A contact sheet of the newest previews, with the step below each. There must be one."""
        sheet = ContactSheet(STYLE)
        for step, clip in sorted(self.rows.items())[-rows:]:
            sheet.add(clip, f"step {step}")
        return sheet.picture()


def row_of(clip: Sequence[np.ndarray] | np.ndarray) -> np.ndarray:
    """Small copies of the frames that a row shows, (f h w 3)."""
    shown = shown_frames(len(clip), STYLE.columns)
    return np.stack([np.asarray(small(Image.fromarray(clip[index]), STYLE.cell)) for index in shown])


def write_clip(clip: np.ndarray, path: Path) -> None:
    temporary = path.with_name(f".{path.name}.part")
    first, *others = (small(Image.fromarray(frame), min(LONGEST_SIDE, max(frame.shape))) for frame in clip)
    settings = {"duration": FRAME_MILLISECONDS, "loop": 0, "quality": 90, "method": FASTEST}
    try:
        first.save(temporary, "WEBP", save_all=True, append_images=others, **settings)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def read_clip(path: Path) -> list[np.ndarray]:
    """The frames of a preview. None of a file that is damaged, such as by a full disk."""
    try:
        with Image.open(path) as file:
            return [np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(file)]
    except (OSError, EOFError, SyntaxError, ValueError):
        return []
