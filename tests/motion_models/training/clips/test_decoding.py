"""Frames, times and cuts of videos and pictures."""

from collections.abc import Callable
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from animatediff_xl.motion_models.training.clips.decoding import frames_of, rising
from animatediff_xl.motion_models.training.clips.sources import FRAME_FOLDER, STILL, VIDEO, Source
from animatediff_xl.motion_models.training.clips.timeline import CUT, Timeline, cuts_in, timeline_of
from PIL import Image

from tests.coded_video import CODECS, SIZE, coded, number_of, write_coded, write_frames, write_video
from tests.host.real_video import real_video


def video(path: Path) -> Source:
    return Source(path, VIDEO, "")


def numbers(source: Source, count: int | None = None) -> list[int]:
    return [number_of(np.asarray(frame.picture())) for frame in islice(frames_of(source), count)]


@pytest.mark.parametrize("suffix", CODECS)
def test_every_format_gives_its_frames_and_times(tmp_path: Path, suffix: str) -> None:
    source = video(write_coded(tmp_path / f"a{suffix}", 40))
    assert numbers(source) == list(range(40))
    assert timeline_of(source).times == pytest.approx(np.arange(40) / 25, abs=0.002)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm", ".gif"])
def test_times_of_variable_frame_rates_are_kept(tmp_path: Path, suffix: str) -> None:
    times = [0.0, 0.1, 0.15, 0.5, 1.0, 1.1]
    timeline = timeline_of(video(write_coded(tmp_path / f"a{suffix}", 6, times=times)))
    assert timeline.times == pytest.approx(times, abs=0.002)


@pytest.mark.parametrize(
    ("stamps", "times"),
    [
        ([0.0, 0.1, None, 0.05, 0.4], [0.0, 0.1, 0.2, 0.3, 0.4]),
        ([None, None], [0.0, 0.1]),
        ([-0.5, -0.3, 0.0], [-0.5, -0.3, 0.0]),
    ],
)
def test_missing_and_backward_time_stamps_go_on(stamps: list[float | None], times: list[float]) -> None:
    found: list[float] = []
    for stamp in stamps:
        found.append(rising(found[-1] if found else None, stamp, 0.1))
    assert found == pytest.approx(times)


def test_frames_are_counted_by_decoding(tmp_path: Path) -> None:
    path = write_coded(tmp_path / "a.avi", 200)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])  # the header still declares 200 frames
    read = len(timeline_of(video(path)).times)
    assert 50 < read < 150 and numbers(video(path), read) == list(range(read))


@pytest.mark.parametrize("rotation", [90, 180, -90])
def test_rotated_videos_are_shown_upright(tmp_path: Path, rotation: int) -> None:
    wide = np.concatenate([coded(0, grey=200), coded(0, grey=40)], axis=1)
    (frame,) = frames_of(video(write_video(tmp_path / "a.mp4", [wide], rotation=rotation)))
    shown = np.asarray(frame.picture()).astype(float)
    assert np.abs(shown - np.rot90(wide, rotation // 90)).mean() < 4


def test_pixels_that_are_not_square_are_made_square(tmp_path: Path) -> None:
    (frame,) = frames_of(video(write_video(tmp_path / "a.mp4", [coded(5)], pixel_aspect=Fraction(2, 1))))
    assert frame.picture().size == (2 * SIZE, SIZE)


def test_a_damaged_pixel_shape_is_ignored(tmp_path: Path) -> None:
    (frame,) = frames_of(video(write_video(tmp_path / "a.mkv", [coded(5)], pixel_aspect=Fraction(40, 1))))
    assert frame.picture().size == (SIZE, SIZE)


def test_pictures_are_shown_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn to the right to show it
    Image.new("RGB", (30, 20)).save(tmp_path / "a.jpg", exif=exif)
    (frame,) = frames_of(Source(tmp_path / "a.jpg", STILL, ""))
    assert frame.picture().size == (20, 30)


def test_a_folder_of_frames_is_read_in_order(tmp_path: Path) -> None:
    folder = Source(write_frames(tmp_path / "walk", 12), FRAME_FOLDER, "")
    assert numbers(folder) == list(range(12))
    assert timeline_of(folder).times.tolist() == list(range(12))


def test_scene_cuts_are_found(tmp_path: Path) -> None:
    scenes = [coded(number, grey=(60, 200, 90)[number // 20]) for number in range(60)]
    assert timeline_of(video(write_video(tmp_path / "a.mp4", scenes))).cuts == (20, 40)


def test_cuts_of_real_videos_are_found() -> None:
    bikes = timeline_of(video(real_video("bikes.mp4")))
    assert bikes.cuts == (30, 76, 137, 187, 242) and len(bikes.times) == 250
    assert [len(shot) for shot in bikes.shots] == [30, 46, 61, 50, 55, 8]
    assert timeline_of(video(real_video("bigbuckbunny.mp4"))).cuts == ()


def test_fast_motion_is_not_a_cut() -> None:
    assert cuts_in([0.0, 0.01, 0.06, 0.12, 0.14, 0.13, 0.02]) == ()
    assert cuts_in([0.0, 0.01, 0.01 + CUT + 0.02, 0.01]) == (2,)


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:200])


def garbage(path: Path) -> None:
    path.write_bytes(b"not a video" * 50)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def playlist(path: Path) -> None:
    path.write_text("#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n")


@pytest.mark.parametrize("damage", [truncated, garbage, empty, playlist, Path.unlink])
def test_a_damaged_video_has_no_frames_but_a_reason(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    path = write_coded(tmp_path / "a.mp4", 10)
    damage(path)
    timeline = timeline_of(video(path))
    assert not len(timeline.times) and timeline.damage and str(tmp_path) not in timeline.damage


def test_a_damaged_picture_ends_a_folder_of_frames(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "walk", 12)
    (folder / "frame 7.png").write_bytes(b"x")
    timeline = timeline_of(Source(folder, FRAME_FOLDER, ""))
    assert len(timeline.times) == 7 and timeline.damage


def test_a_single_frame_has_no_rate() -> None:
    assert Timeline(np.zeros(1), ()).rate == 0 and Timeline(np.arange(5) / 8, ()).rate == pytest.approx(8)
