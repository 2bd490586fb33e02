"""The conversion as a command, without ComfyUI."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.host.obtain import PACK

from .graphs import gen2, page


def run(*arguments: str, folder: Path = PACK) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, cwd=folder, check=False)


@pytest.mark.parametrize("start", [["-m", "motion_models.conversion"], [str(PACK / "motion_models" / "conversion")]])
def test_the_command_writes_the_graph_and_says_what_changed(start: list[str], tmp_path: Path) -> None:
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    old.write_text(json.dumps(page(gen2())))
    done = run(*start, str(old), str(new), folder=PACK if start[0] == "-m" else tmp_path)
    assert done.returncode == 0, done.stderr
    kinds = [node["type"] for node in json.loads(new.read_text())["nodes"]]
    assert "ADXL_ApplyMotionModel" in kinds
    assert "ADE_LoadAnimateDiffModel (2): Became Load AnimateDiff Motion Model." in done.stderr


def test_the_command_says_in_a_line_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text("{}")
    for name in ("old.json", "absent.json"):
        done = run("-m", "motion_models.conversion", str(tmp_path / name), str(tmp_path / "new.json"))
        assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert not (tmp_path / "new.json").exists()
