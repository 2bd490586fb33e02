"""The strip of previews, which outlasts a stop of the training."""

from pathlib import Path

import numpy as np
import pytest
from animatediff_xl.motion_models.training.monitoring.strip import MOST_ROWS, PreviewStrip, read_clip
from PIL import Image


def clip_of(step: int, frames: int = 8) -> np.ndarray:
    """Frames (f h w 3) of a colour of the step, which darken from left to right."""
    grey = np.linspace(40 + step, 240 - step, 64).astype(np.uint8)
    frame = np.broadcast_to(grey[None, :, None], (32, 64, 3)).copy()
    return np.stack([np.roll(frame, index * 8, axis=1) for index in range(frames)])


def rows_of(picture: Image.Image) -> int:
    """Rows of clips, by the gaps between them."""
    column = np.asarray(picture)[:, 20].astype(int).sum(-1)
    inside = column > 120
    return int((inside[1:] & ~inside[:-1]).sum())


def test_the_strip_shows_the_newest_previews(tmp_path: Path) -> None:
    strip = PreviewStrip(tmp_path, 0)
    for step in range(5):
        strip.add(step, clip_of(step))
    assert rows_of(strip.picture(3)) == 3 and rows_of(strip.picture()) == 5
    assert strip.picture(3).tobytes() != strip.picture(5).crop((0, 0, *strip.picture(3).size)).tobytes()
    assert read_clip(tmp_path / "preview_000004.webp")[0].shape == (32, 64, 3)
    assert np.abs(np.stack(read_clip(tmp_path / "preview_000004.webp")).astype(int) - clip_of(4)).mean() < 4


def test_large_previews_are_kept_smaller(tmp_path: Path) -> None:
    """A stop waits until a file is written."""
    PreviewStrip(tmp_path, 0).add(0, np.zeros((2, 256, 1024, 3), np.uint8))
    assert read_clip(tmp_path / "preview_000000.webp")[0].shape == (128, 512, 3)


@pytest.mark.parametrize(("steps_done", "kept"), [(250, [0, 100, 200]), (200, [0, 100, 200]), (150, [0, 100]), (0, [])])
def test_earlier_previews_stay_when_a_training_goes_on(tmp_path: Path, steps_done: int, kept: list[int]) -> None:
    """Those of later steps, or of a training that starts again, are of another training."""
    first = PreviewStrip(tmp_path, 0)
    for step in (0, 100, 200):
        first.add(step, clip_of(step // 10))
    (tmp_path / "mine.webp").write_bytes(b"")
    strip = PreviewStrip(tmp_path, steps_done)
    assert list(strip.rows) == kept
    strip.add(300, clip_of(0))
    names = sorted(path.name for path in tmp_path.glob("preview_*"))
    assert names == [f"preview_{step:06}.webp" for step in (*kept, 300)]
    assert (tmp_path / "mine.webp").exists()


def test_a_damaged_preview_is_left_out(tmp_path: Path) -> None:
    first = PreviewStrip(tmp_path, 0)
    for step in (0, 1):
        first.add(step, clip_of(step))
    whole = (tmp_path / "preview_000001.webp").read_bytes()
    (tmp_path / "preview_000001.webp").write_bytes(whole[: len(whole) // 2])
    assert 0 in PreviewStrip(tmp_path, 2).rows


def test_a_long_training_has_a_strip_of_its_end(tmp_path: Path) -> None:
    strip = PreviewStrip(tmp_path, 0)
    for step in range(MOST_ROWS + 2):
        strip.add(step, clip_of(step, frames=2))
    assert rows_of(strip.picture()) == MOST_ROWS
    assert len(PreviewStrip(tmp_path, MOST_ROWS + 2).rows) == MOST_ROWS
