"""Clips of a folder: their frames, captions and report. The VAE and the CLIP only keep what they are given."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from animatediff_xl.motion_models import host
from animatediff_xl.motion_models.drawing.sheet import MOST_ROWS
from animatediff_xl.motion_models.errors import MotionError
from animatediff_xl.motion_models.measures.camera import CameraMotion
from animatediff_xl.motion_models.training.clips import encoding
from animatediff_xl.motion_models.training.clips.camera import CAMERA_MOVES, NO_MOVE
from animatediff_xl.motion_models.training.clips.cutting import ClipSettings
from animatediff_xl.motion_models.training.clips.encoding import EncodedClips, encode_clips
from animatediff_xl.motion_models.training.clips.report import MOST_LINES, shortened
from PIL import Image

from tests.coded_video import GREY, SIZE, coded, numbers_of, write_coded, write_frames, write_video
from tests.host.real_video import real_video
from tests.host.video import frames_of as frames_of_video
from tests.tiny.measure import camera_motion
from tests.tiny.synthetic_dataset import SCENES, draw

SETTINGS = ClipSettings(frames=16, fps=8.0, width=SIZE, height=SIZE, windows=4, mirror=False, camera=NO_MOVE)


class Recorder:
    """A VAE and a CLIP in one."""

    def __init__(self, channels: int = 4) -> None:
        self.channels = channels
        self.clips: list[np.ndarray] = []
        self.texts: list[str] = []

    def encode(self, pixels: torch.Tensor) -> torch.Tensor:
        """pixels: (f h w 3) in 0..1."""
        assert pixels.dtype == torch.float32 and 0 <= pixels.min() <= pixels.max() <= 1
        self.clips.append(pixels.numpy())
        return torch.zeros(len(pixels), self.channels, pixels.shape[1] // 8, pixels.shape[2] // 8)

    def tokenize(self, text: str) -> str:
        self.texts.append(text)
        return text

    def encode_from_tokens_scheduled(self, tokens: str) -> list:
        return [[torch.zeros(1, 77, 8), {"text": tokens}]]


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def encode(tmp_path: Path, recorder: Recorder) -> Callable[..., EncodedClips]:
    """Encodes the clips of `tmp_path` with changed settings."""

    def run(caption: str = "", **changes: Any) -> EncodedClips:
        return encode_clips(tmp_path, caption, replace(SETTINGS, **changes), recorder, recorder)

    return run


def test_clips_have_the_frames_of_their_times(tmp_path: Path, recorder: Recorder, encode: Callable) -> None:
    write_coded(tmp_path / "a.mp4", 200)
    encoded = encode()
    shown = [numbers_of(clip) for clip in recorder.clips]
    assert [numbers[0] for numbers in shown] == [0, 51, 101, 152]  # of 7.96 s, 1.875 s long
    for numbers in shown:
        times = (np.array(numbers) - numbers[0]) / 25
        assert np.abs(times - np.arange(16) / 8).max() <= 0.5 / 25 + 1e-9
    assert [latent["samples"].shape for latent in encoded.latents] == [(16, 4, 8, 8)] * 4
    assert encoded.report == [
        "4 clips of 16 frames, 64 x 64, from 1 of 1 sources.",
        "a.mp4: clips 4, frames 200, shots 1, caption ''.",
    ]


def test_variable_frame_rates_are_honoured(tmp_path: Path, recorder: Recorder, encode: Callable) -> None:
    """The video is fast at first and slow at last."""
    times = [*np.arange(30) / 30, *(1 + np.arange(20) / 10)]
    write_coded(tmp_path / "a.mp4", 50, times=times)
    encode(windows=2)
    first, last = (np.array(times)[numbers_of(clip)] for clip in recorder.clips)
    assert np.abs(first - np.arange(16) / 8).max() < 0.051 and np.abs(last - last[0] - np.arange(16) / 8).max() < 0.051
    assert last[-1] == pytest.approx(2.9)


def test_fps_zero_takes_every_frame(tmp_path: Path, recorder: Recorder, encode: Callable) -> None:
    write_coded(tmp_path / "a.mp4", 24)
    encode(fps=0.0, frames=24)
    assert [numbers_of(clip) for clip in recorder.clips] == [list(range(16)), list(range(16, 24))]  # two batches
    recorder.clips.clear()
    encode(fps=0.0)
    assert [numbers_of(clip) for clip in recorder.clips] == [list(range(n, n + 16)) for n in (0, 3, 5, 8)]


def test_a_real_video_is_cut_at_the_right_times(tmp_path: Path, recorder: Recorder, encode: Callable) -> None:
    (tmp_path / "bigbuckbunny.mp4").symlink_to(real_video("bigbuckbunny.mp4"))
    encode(width=128, height=72)
    frames = np.stack([shrunk(frame) for frame in frames_of_video(real_video("bigbuckbunny.mp4"))])
    assert len(frames) == 132 and len(recorder.clips) == 4
    starts = []
    for clip in recorder.clips:
        seen = [int(np.abs(frames - frame).mean((1, 2, 3)).argmin()) for frame in clip]
        starts.append(seen[0])
        assert np.abs((np.array(seen) - seen[0]) / 25 - np.arange(16) / 8).max() <= 0.5 / 25 + 1e-9
    assert starts == [0, 28, 56, 84]


def shrunk(frame: np.ndarray) -> np.ndarray:
    """128 x 72, independent of the pack: the mean of 10 x 10 pixels."""
    return frame.reshape(72, 10, 128, 10, 3).mean((1, 3))


def test_windows_never_cross_a_scene_cut(tmp_path: Path, recorder: Recorder, encode: Callable) -> None:
    scenes = [coded(number, grey=60 if number < 70 else 200) for number in range(140)]
    write_video(tmp_path / "a.mp4", scenes)
    encoded = encode(windows=5)
    for clip in recorder.clips:
        assert np.ptp(clip[:, SIZE // 2, SIZE // 2]) < 0.1
    assert len(recorder.clips) == 5 and "frames 140, shots 2" in encoded.report[-1]


def test_folders_of_frames_are_clips(tmp_path: Path, recorder: Recorder, encode: Callable) -> None:
    write_frames(tmp_path / "walk", 20)
    encode(windows=2)
    assert [numbers_of(clip) for clip in recorder.clips] == [list(range(16)), list(range(4, 20))]


def test_a_mirrored_copy_follows_each_clip(tmp_path: Path, recorder: Recorder, encode: Callable) -> None:
    write_coded(tmp_path / "a.mp4", 60)
    encode(mirror=True, windows=1)
    plain, mirrored = recorder.clips
    assert np.array_equal(mirrored, plain[:, :, ::-1]) and not np.array_equal(mirrored, plain)


MOTIONS: dict[str, Callable[[CameraMotion], bool]] = {
    "none": lambda m: abs(m.right) + abs(m.down) < 0.05 and abs(m.growth) < 0.002,
    "zoom in": lambda m: m.growth == pytest.approx(np.log(4 / 3) / 15, rel=0.2),
    "zoom out": lambda m: m.growth == pytest.approx(-np.log(4 / 3) / 15, rel=0.2),
    "pan left": lambda m: m.right == pytest.approx(128 / 3 / 15, rel=0.2) and abs(m.down) < 0.3,
    "pan right": lambda m: m.right == pytest.approx(-128 / 3 / 15, rel=0.2) and abs(m.down) < 0.3,
    "tilt up": lambda m: m.down == pytest.approx(128 / 3 / 15, rel=0.2) and abs(m.right) < 0.3,
    "tilt down": lambda m: m.down == pytest.approx(-128 / 3 / 15, rel=0.2) and abs(m.right) < 0.3,
}


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("camera", MOTIONS)
def test_a_still_picture_moves_as_the_camera(
    tmp_path: Path, recorder: Recorder, encode: Callable, camera: str, mirror: bool
) -> None:
    """Measured by optical flow. A mirrored copy has the same camera move. `test_camera.py` measures rolls."""
    scene = draw([SCENES[0]], torch.Generator().manual_seed(0))[0, 0]
    picture = Image.fromarray((scene.movedim(0, -1).numpy() * 255).round().astype(np.uint8))
    if camera == NO_MOVE:
        write_video(tmp_path / "a.mp4", [np.asarray(picture)] * 60)
    else:
        picture.save(tmp_path / "a.png")
    encode(camera=camera, mirror=mirror, width=128, height=128, windows=1)
    assert len(recorder.clips) == (2 if mirror else 1)
    for clip in recorder.clips:
        assert MOTIONS[camera](camera_motion(clip)), camera_motion(clip)


def test_each_caption_is_encoded_once(tmp_path: Path, recorder: Recorder, encode: Callable) -> None:
    for name in ("a", "b", "c"):
        write_coded(tmp_path / f"{name}.mp4", 60)
    (tmp_path / "b.txt").write_text("a blue car")
    encoded = encode(caption="a red car", windows=2)
    assert recorder.texts == ["a red car", "a blue car"]
    assert [condition[0][1]["text"] for condition in encoded.conditioning] == [
        "a red car", "a red car", "a blue car", "a blue car", "a red car", "a red car",
    ]  # fmt: skip


def test_skipped_sources_are_explained(tmp_path: Path, encode: Callable) -> None:
    write_coded(tmp_path / "good.mp4", 60)
    write_coded(tmp_path / "short.mp4", 5)
    write_coded(tmp_path / "slow.gif", 12, rate=5)
    (tmp_path / "damaged.mkv").write_bytes(b"x" * 500)
    Image.new("RGB", (64, 64)).save(tmp_path / "still.png")
    (tmp_path / "empty").mkdir()
    (tmp_path / "good.txt").write_bytes(b"\xff\xfe")
    assert encode().report == [
        "7 clips of 16 frames, 64 x 64, from 2 of 6 sources.",
        "damaged.mkv: skipped, because it is damaged. The system reports: Invalid data found when processing input.",
        "empty: skipped, because this folder has no pictures. Videos must be in the chosen folder itself.",
        "good.mp4: good.txt cannot be read as UTF-8, so the input caption is used. Save it again as UTF-8.",
        "short.mp4: skipped, because its longest shot gives 2 frames, and a clip needs 16.",
        "slow.gif: frames repeat, because it has 5 frames a second. Set fps to that or less.",
        "still.png: skipped, because it is a still picture. Choose a camera move, or put the frames of a video into a "
        "folder of their own.",
        "good.mp4: clips 4, frames 60, shots 1, caption ''.",
        "slow.gif: clips 3, frames 12, shots 1, caption ''.",
    ]


def test_frames_before_the_damage_are_used(tmp_path: Path, recorder: Recorder, encode: Callable) -> None:
    write_frames(tmp_path / "walk", 20)
    (tmp_path / "walk" / "frame 17.png").write_bytes(b"x")
    encoded = encode(windows=2)
    assert [numbers_of(clip) for clip in recorder.clips] == [list(range(16)), list(range(1, 17))]
    assert "walk: damaged after 17 frames, and only these are used" in encoded.report[1]


def test_single_frames_need_no_camera_move(tmp_path: Path, recorder: Recorder, encode: Callable) -> None:
    Image.fromarray(coded(7)).save(tmp_path / "a.png")
    write_coded(tmp_path / "b.mp4", 41)
    encode(frames=1, windows=3)
    assert [numbers_of(clip) for clip in recorder.clips] == [[7], [0], [20], [40]]


def test_nothing_usable_is_one_error(tmp_path: Path, encode: Callable) -> None:
    write_coded(tmp_path / "short.mp4", 5)
    (tmp_path / "damaged.mkv").write_bytes(b"x" * 500)
    with pytest.raises(MotionError) as error:
        encode()
    assert str(error.value) == (
        f"No clip of 16 frames can be cut from {tmp_path.name}: use longer videos, fewer frames or a higher fps, and a "
        "camera move for still pictures. Too short: 1 (short.mp4). Damaged: 1 (damaged.mkv). Still pictures: 0. "
        "Folders without pictures: 0."
    )


def test_a_vae_of_another_model_is_refused(tmp_path: Path) -> None:
    write_coded(tmp_path / "a.mp4", 60)
    other = Recorder(channels=16)
    with pytest.raises(MotionError, match=r"not one of SDXL or SD1\.5.*\(16, 16, 8, 8\)"):
        encode_clips(tmp_path, "", SETTINGS, other, other)


def test_the_contact_sheet_has_a_row_for_each_clip(tmp_path: Path, encode: Callable) -> None:
    write_coded(tmp_path / "a.mp4", 100)
    sheet = encode(windows=3).contact_sheet
    assert sheet.shape == (1, 4 + 3 * 100, 4 + 16 * 100, 3)
    cells = sheet[0, 4:, 4:].unflatten(0, (3, 100)).unflatten(2, (16, 100))[:, :96, :, :96].numpy()
    shown = [numbers_of(row.swapaxes(0, 1)) for row in cells]
    assert shown[0][0] == 0 and shown[-1][-1] >= 98 and shown[0] < shown[1] < shown[2]
    assert abs(sheet[0, 4 + 48, 4 + 48].mean() - GREY / 255) < 0.05


def test_a_long_contact_sheet_is_cut(tmp_path: Path, encode: Callable) -> None:
    write_coded(tmp_path / "a.mp4", 200)
    encoded = encode(frames=20, fps=25.0, windows=MOST_ROWS + 1, width=64, height=128)
    assert encoded.contact_sheet.shape == (1, 4 + 100 * MOST_ROWS, 4 + 52 * 16, 3)
    assert encoded.report[1] == "The contact sheet shows the first 40 clips."


def test_a_long_report_is_shortened() -> None:
    lines = [str(number) for number in range(MOST_LINES + 3)]
    assert shortened(lines).splitlines() == [*lines[:MOST_LINES], "3 more lines are in the output report."]
    assert shortened(lines[:MOST_LINES]).splitlines() == lines[:MOST_LINES]


class InterruptError(Exception):
    """As the host's, no error of reading."""


@pytest.mark.parametrize("after", [0, 3, 70])
def test_an_interrupt_stops_between_frames(tmp_path: Path, encode: Callable, monkeypatch, after: int) -> None:
    checks = iter(range(after))

    def stop() -> None:
        if next(checks, None) is None:
            raise InterruptError

    write_coded(tmp_path / "a.mp4", 60)
    monkeypatch.setattr(host, "stop_if_interrupted", stop)
    with pytest.raises(InterruptError):
        encode()


def test_the_progress_bar_reaches_its_end(tmp_path: Path, encode: Callable, monkeypatch) -> None:
    values = []

    class Bar:
        def __init__(self, total: int) -> None:
            self.total = total

        def update_absolute(self, value: int) -> None:
            values.append(value / self.total)

    monkeypatch.setattr(encoding.host, "progress_bar", Bar)
    write_coded(tmp_path / "a.mp4", 60)
    write_coded(tmp_path / "b.mp4", 5)
    encode(mirror=True)
    assert values == sorted(values) and values[-1] == 1 and len(set(values)) > 4


@pytest.mark.parametrize("camera", CAMERA_MOVES)
def test_every_camera_move_keeps_the_size(tmp_path: Path, recorder: Recorder, encode: Callable, camera: str) -> None:
    write_video(tmp_path / "a.mp4", [np.full((48, 96, 3), 200, np.uint8)] * 60)
    encode(camera=camera, width=80, height=64, windows=1)
    assert recorder.clips[0].shape == (16, 64, 80, 3) and recorder.clips[0].min() > 0.7
