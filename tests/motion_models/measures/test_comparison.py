"""Clips that are measured together: batches, lists, names, a reference, and what is refused."""

import sys
from types import ModuleType
from typing import Any

import pytest
import torch
from animatediff_xl.motion_models import host
from animatediff_xl.motion_models.errors import MotionError
from animatediff_xl.motion_models.measures.camera import CameraMotion
from animatediff_xl.motion_models.measures.comparison import Comparison, MeasureSettings, measure_clips, names_of
from animatediff_xl.motion_models.measures.picture.curves import CURVES
from animatediff_xl.motion_models.measures.report import report, table
from torch import Tensor

from tests.moving_pictures import Disc, drawn_clip

SIZE = 96


def clip(right: float = 0.0, discs: tuple[Disc, ...] = (), **drawn: Any) -> Tensor:
    return torch.from_numpy(drawn_clip(CameraMotion(right, 0.0, 0.0), discs, **{"size": SIZE} | drawn))


def compared(*clips: Tensor, reference: Tensor | None = None, names: tuple[str, ...] = (), **given: Any) -> Comparison:
    settings = MeasureSettings(**{"fps": 10.0, "closed_loop": False, "clip_frames": 0} | given)
    return measure_clips(clips, reference, names, settings)


def test_batches_and_lists_of_clips_are_measured_alike() -> None:
    one, other = clip(2.0), clip(-1.0)
    together = compared(torch.cat([one, other]), clip_frames=3)
    apart = compared(one, other)
    assert [found.measures.camera for found in together.clips] == [found.measures.camera for found in apart.clips]
    assert [round(found.measures.camera.right) for found in apart.clips] == [2, -1]


def test_clips_have_the_names_of_labels_or_numbers() -> None:
    assert [found.name for found in compared(clip(), clip(), clip(), names=("", " low ")).clips] == [
        "clip 1", "low", "clip 3",
    ]  # fmt: skip
    assert names_of(["one\ntwo"]) == ["one", "two"]
    assert names_of(["one\nprompt", "two"]) == ["one prompt", "two"]  # a list of texts has one for each clip


def test_a_report_says_how_camera_and_object_move() -> None:
    lines = report(compared(clip(1.0, (Disc(0.0, -3.0, 0.2),))))
    assert lines[0].startswith("Camera in one second: pan left by 10.0 pixels, tilt ")
    assert lines[1].startswith("Objects move in ") and " percent of the picture: up, by " in lines[1]
    assert lines[2].startswith("clip 1: camera 10.0 and objects ") and len(lines) == 3
    assert report(compared(clip()))[1] == "No object moves."


def test_a_reference_gives_multiples_or_differences() -> None:
    lines = report(compared(clip(4.0), reference=clip(2.0), names=("fast",)))
    assert [line.split(":")[0] for line in lines] == ["reference", "fast", "fast against the reference"]
    assert "camera x 2.00, objects +0.0, " in lines[2]
    assert "camera +40.0, " in report(compared(clip(4.0), reference=clip()))[2]


@pytest.mark.parametrize("fps", [1.0, 24.0])
def test_almost_still_cameras_are_compared_by_a_difference(fps: float) -> None:
    """Noise alone makes a slow camera half as fast again: docs/measurements.md."""
    slow, faster, fast = (clip(right) for right in (0.15, 0.31, 0.62))
    assert f"camera +{0.16 * fps:.1f}, " in report(compared(faster, reference=slow, fps=fps))[2]
    assert "camera x 1.9" in report(compared(fast, reference=faster, fps=fps))[2]


@pytest.mark.parametrize(
    ("brightness", "verdict"),
    [([0, 1, 2, 1], "has no visible seam"), ([0, 1, 2, 3], "jumps"), ([0, 1, 2, 0], "stands still for a moment")],
)
def test_a_loop_is_judged_by_its_seam(brightness: list[int], verdict: str) -> None:
    frames = clip(frames=1) * (0.5 + 0.05 * torch.tensor(brightness)[:, None, None, None])
    found = compared(frames, closed_loop=True)
    assert len(found.clips[0].measures.steps) == 4
    assert any(line.startswith(f"clip 1, played as a loop, {verdict}: ") for line in report(found))


def test_a_still_loop_has_no_seam() -> None:
    still = clip(frames=1).repeat(4, 1, 1, 1)
    lines = report(compared(still, closed_loop=True))
    assert (
        "clip 1, played as a loop, has no visible seam: most frames equal the next, and the last one the first."
        in lines
    )
    assert not any("differs" in line for line in lines)
    jumping = torch.cat([still, 0.9 * still[:1]])
    assert any("clip 1, played as a loop, jumps: " in line for line in report(compared(jumping, closed_loop=True)))


def test_motion_that_cannot_be_followed_is_not_described() -> None:
    lines = report(compared(torch.rand(3, SIZE, SIZE, 3, generator=torch.Generator().manual_seed(0))))
    assert [line.split(":")[0] for line in lines] == ["clip 1", "clip 1"]
    assert "no motion can be followed in 2 of 2 steps" in lines[1]


def test_clips_of_another_length_have_no_differences() -> None:
    found = compared(clip(), clip(frames=4), clip(frames=2), reference=clip(), names=("same", "long", "short"))
    line = "The picture does not show where long, short and the reference differ: only clips with its 3 frames are "
    assert any(each.startswith(line) for each in report(found))
    assert not any("does not show" in each for each in report(compared(clip(), reference=clip())))


def test_cuts_and_reduced_sizes_are_reported() -> None:
    cut = torch.cat([clip(size=520), clip(size=520, seed=7)])[1:5]
    lines = report(compared(cut))
    assert "Measured on copies of 512x512 pixels, to be fast. Speeds are in pixels of the clip." in lines
    assert any(line.startswith("clip 1: no motion can be followed in 1 of 3 steps") for line in lines)


def test_warp_errors_have_one_unit_in_line_table_and_curve() -> None:
    found = compared(clip() * (1 - 0.1 * torch.arange(3)[:, None, None, None]))
    error = f"{found.clips[0].measures.warp_error * 1000:.3f}"
    assert f"warp error {error}e-3, " in report(found)[2]
    head, _, row = (line.split(" | ") for line in table(found).splitlines())
    assert row[head.index("warp error (1e-3)")] == error
    assert "warp error, 1e-3" in [curve.title for curve in CURVES]


def test_the_table_has_a_row_for_each_clip() -> None:
    rows = table(compared(clip(), clip(), names=("a|b",))).splitlines()
    assert [row.split(" | ")[0] for row in rows] == ["| clip", "| ---", "| a/b", "| clip 2"]
    assert len({row.count("|") for row in rows}) == 1


REFUSED = {
    "A single frame has no motion, and 'clip 2' has no more": lambda: compared(clip(), clip(frames=1)),
    "A single frame has no motion, and 'reference' has no more": lambda: compared(clip(), reference=clip(frames=1)),
    "Motion cannot be measured in frames of 8x8 pixels": lambda: compared(torch.zeros(3, 8, 8, 3)),
    "Motion cannot be measured in frames of 2000x40 pixels": lambda: compared(torch.zeros(2, 40, 2000, 3)),
    "but 'clip 2' has 64x64 pixels and 'clip 1' has 96x96: scale one": lambda: compared(clip(), clip(size=64)),
    "The batch of 3 frames cannot be divided into clips of 2": lambda: compared(clip(), clip_frames=2),
}


@pytest.mark.parametrize("message", REFUSED)
def test_clips_that_cannot_be_measured_are_refused(message: str) -> None:
    with pytest.raises(MotionError, match=message):
        REFUSED[message]()


@pytest.mark.parametrize("has_part", [False, True], ids=["missing", "damaged"])
def test_missing_opencv_is_explained(monkeypatch: pytest.MonkeyPatch, has_part: bool) -> None:
    """Two packages of OpenCV in one Python can leave an empty module."""
    monkeypatch.setitem(sys.modules, "cv2", ModuleType("cv2") if has_part else None)
    with pytest.raises(MotionError, match="Measuring motion needs OpenCV, which is missing or damaged here"):
        compared(torch.zeros(2, 32, 32, 3))


def test_an_interrupt_stops_the_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    def stop() -> None:
        raise InterruptedError

    monkeypatch.setattr(host, "stop_if_interrupted", stop)
    with pytest.raises(InterruptedError):
        compared(clip())


def test_progress_counts_each_step_of_each_clip(monkeypatch: pytest.MonkeyPatch) -> None:
    class Bar:
        done = 0

        def __init__(self, total: int) -> None:
            self.total = total
            bars.append(self)

        def update(self, steps: int) -> None:
            self.done += steps

    bars: list[Bar] = []
    monkeypatch.setattr(host, "progress_bar", Bar)
    compared(clip(), clip(), reference=clip(), closed_loop=True)
    assert [(bar.total, bar.done) for bar in bars] == [(9, 9)]
