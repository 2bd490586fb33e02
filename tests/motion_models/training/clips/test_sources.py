"""Files of a folder of training data, and their captions."""

from pathlib import Path

import pytest
from animatediff_xl.motion_models.errors import MotionError
from animatediff_xl.motion_models.training.clips.sources import FRAME_FOLDER, STILL, VIDEO, find_sources, pictures_in


def test_sources_are_found_in_natural_order(tmp_path: Path) -> None:
    for name in ("clip 10.mp4", "clip 9.MOV", "b.gif", "c.png", "notes.txt", "._clip 9.mov", "readme"):
        (tmp_path / name).touch()
    (tmp_path / "walk").mkdir()
    found = [(source.name, source.kind) for source in find_sources(tmp_path, "")]
    assert found == [
        ("b.gif", VIDEO), ("c.png", STILL), ("clip 9.MOV", VIDEO), ("clip 10.mp4", VIDEO), ("walk", FRAME_FOLDER),
    ]  # fmt: skip


def test_captions_come_from_text_files(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").touch()
    (tmp_path / "a.txt").write_text("\ufeffa red car \n", encoding="utf-8")
    (tmp_path / "b.mp4").touch()
    (tmp_path / "c.mp4").touch()
    (tmp_path / "c.txt").touch()
    for name in ("inside", "beside"):
        (tmp_path / name).mkdir()
    (tmp_path / "inside" / "prompt.txt").write_text("from within")
    (tmp_path / "beside.txt").write_text("from beside")
    captions = {source.name: source.caption for source in find_sources(tmp_path, "the input")}
    assert captions == {
        "a.mp4": "a red car", "b.mp4": "the input", "c.mp4": "", "inside": "from within", "beside": "from beside",
    }  # fmt: skip


def test_a_caption_that_is_not_utf8_is_reported(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").touch()
    (tmp_path / "a.txt").write_text("un caf\u00e9", encoding="utf-16")
    (source,) = find_sources(tmp_path, "the input")
    assert source.caption == "the input" and "a.txt cannot be read as UTF-8" in source.problem


def test_frames_are_in_natural_order(tmp_path: Path) -> None:
    for name in ("10.png", "9.png", "1.JPG", "2.txt", ".3.png"):
        (tmp_path / name).touch()
    assert [path.name for path in pictures_in(tmp_path)] == ["1.JPG", "9.png", "10.png"]


@pytest.mark.parametrize(
    ("names", "sentence"), [([], "has no videos or pictures: put videos"), (["a.txt"], "has no videos")]
)
def test_a_folder_without_sources_is_an_error(tmp_path: Path, names: list[str], sentence: str) -> None:
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(MotionError, match=sentence):
        find_sources(tmp_path, "")


def test_a_folder_that_is_gone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MotionError, match="gone cannot be read"):
        find_sources(tmp_path / "gone", "")
