"""Files of the model folders, as nodes look them up."""

from pathlib import Path

import folder_paths
import pytest
from animatediff_xl.motion_models.errors import MotionError
from animatediff_xl.nodes.common.files import DOMAIN_ADAPTER, fingerprint, path_of


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in DOMAIN_ADAPTER.folders:
        (tmp_path / name).mkdir()
        monkeypatch.setitem(folder_paths.folder_names_and_paths, name, ([str(tmp_path / name)], set()))
    return tmp_path


def test_a_file_is_looked_up_in_each_folder(folders: Path) -> None:
    path = folders / "loras" / "adapter.ckpt"
    path.touch()
    assert path_of("adapter.ckpt", DOMAIN_ADAPTER) == path


@pytest.mark.parametrize("name", ["gone.ckpt", "folder", "dangling.ckpt", "", "a\0b", None])
def test_the_path_of_a_missing_file_is_an_error(folders: Path, name) -> None:
    (folders / "loras" / "folder").mkdir()
    (folders / "loras" / "dangling.ckpt").symlink_to("nowhere")
    with pytest.raises(MotionError, match="domain adapter"):
        path_of(name, DOMAIN_ADAPTER)


def test_a_file_that_cannot_be_reached_counts_as_fingerprint(folders: Path) -> None:
    path = folders / "loras" / "a.ckpt"
    path.write_bytes(b"1")
    assert fingerprint("a.ckpt", DOMAIN_ADAPTER)[1] == 1
    path.unlink()
    path.symlink_to("a.ckpt")
    assert [fingerprint(name, DOMAIN_ADAPTER) for name in ("a.ckpt", "gone", "a\0b", None)] == [(0.0, 0)] * 4
