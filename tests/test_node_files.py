"""Files of the model folders, as nodes look them up."""

from pathlib import Path

import folder_paths
import pytest
from animatediff_xl.motion_models.errors import MotionError
from animatediff_xl.nodes.files import LORAS, MOTION_LORAS, changed, path_of


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in (MOTION_LORAS, LORAS):
        (tmp_path / name).mkdir()
        monkeypatch.setitem(folder_paths.folder_names_and_paths, name, ([str(tmp_path / name)], set()))
    return tmp_path


def test_a_file_is_looked_up_in_each_folder(folders: Path) -> None:
    path = folders / LORAS / "adapter.ckpt"
    path.touch()
    assert path_of("adapter.ckpt", [MOTION_LORAS, LORAS]) == path


@pytest.mark.parametrize("name", ["gone.ckpt", "folder", "dangling.ckpt", "", "a\0b", None])
def test_the_path_of_a_missing_file_is_an_error(folders: Path, name) -> None:
    (folders / LORAS / "folder").mkdir()
    (folders / LORAS / "dangling.ckpt").symlink_to("nowhere")
    with pytest.raises(MotionError, match=r"does not exist: it was moved or deleted.*choose another file\."):
        path_of(name, [MOTION_LORAS, LORAS])


def test_a_file_that_cannot_be_reached_counts_as_changed(tmp_path: Path) -> None:
    path = tmp_path / "a.ckpt"
    path.write_bytes(b"1")
    assert changed(path)[1] == 1
    path.unlink()
    path.symlink_to("a.ckpt")
    assert changed(path) == changed(tmp_path / "gone") == changed(Path("a\0b")) == (0.0, 0)
