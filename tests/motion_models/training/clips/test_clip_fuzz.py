"""Any content of a file gives clips or a line in the report: no error, no hang."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from animatediff_xl.motion_models.training.clips.camera import NO_MOVE
from animatediff_xl.motion_models.training.clips.cutting import ClipSettings
from animatediff_xl.motion_models.training.clips.encoding import clips_of
from animatediff_xl.motion_models.training.clips.report import Report
from animatediff_xl.motion_models.training.clips.sources import FRAME_FOLDER, VIDEO, Source
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.coded_video import CODECS, coded, write_coded

FREQUENT, NIGHTLY = 300, 10_000
LONGEST = timedelta(seconds=20)
CLIP = ClipSettings(frames=4, fps=8.0, width=64, height=64, windows=2, mirror=False, camera=NO_MOVE)
PICTURES = (".png", ".jpg", ".webp", ".bmp")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Good files by their suffix."""
    folder = tmp_path_factory.mktemp("good")
    for suffix in CODECS:
        write_coded(folder / f"a{suffix}", 24)
    for suffix in PICTURES:
        Image.fromarray(coded(5)).save(folder / f"a{suffix}")
    return {path.suffix: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its only file is the damaged one."""
    return tmp_path_factory.mktemp("damaged")


CHANGES = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=20)
"""Places in a file, and bytes to put there."""


def damaged(content: bytes, changes: list[tuple[float, int]], kept: float) -> bytes:
    changed = bytearray(content)
    for place, byte in changes:
        changed[int(place * (len(changed) - 1))] = byte
    return bytes(changed[: int(kept * len(changed))])


def read(folder: Path, suffix: str, content: bytes) -> tuple[list[np.ndarray], Report]:
    for path in folder.iterdir():
        path.unlink()
    (folder / f"a{suffix}").write_bytes(content)
    source = Source(folder, FRAME_FOLDER, "") if suffix in PICTURES else Source(folder / f"a{suffix}", VIDEO, "")
    report = Report(CLIP)
    return list(clips_of(source, CLIP, report)), report


def check(folder: Path, suffix: str, content: bytes) -> None:
    clips, report = read(folder, suffix, content)
    assert all(clip.shape == (4, 64, 64, 3) for clip in clips)
    assert len(report.read) == bool(clips) and sum(map(len, report.skipped.values())) == (not clips)
    assert all(line.isprintable() for line in report.lines())


def fuzzed(cases: int, derandomize: bool) -> Callable:
    return settings(
        max_examples=cases, deadline=LONGEST, derandomize=derandomize, suppress_health_check=list(HealthCheck)
    )


CASES = {"suffix": st.sampled_from([*CODECS, *PICTURES]), "changes": CHANGES, "kept": st.floats(0, 1) | st.just(1.0)}


@given(**CASES)
@fuzzed(FREQUENT, derandomize=True)
def test_damaged_videos_only_add_to_the_report(files, folder, suffix: str, changes: list, kept: float) -> None:
    check(folder, suffix, damaged(files[suffix], changes, kept))


@pytest.mark.nightly
@given(**CASES)
@fuzzed(NIGHTLY, derandomize=False)
def test_many_damaged_videos_only_add_to_the_report(files, folder, suffix: str, changes: list, kept: float) -> None:
    check(folder, suffix, damaged(files[suffix], changes, kept))


@pytest.mark.parametrize("suffix", CODECS)
def test_good_videos_give_clips(files, folder, suffix: str) -> None:
    clips, report = read(folder, suffix, files[suffix])
    assert len(clips) == 2 and not report.problems
