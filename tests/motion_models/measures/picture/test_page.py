"""The picture of measured clips: what its colours, bars and curves say."""

import time

import numpy as np
import pytest
import torch
from animatediff_xl.motion_models.drawing import letters
from animatediff_xl.motion_models.measures.camera import CameraMotion
from animatediff_xl.motion_models.measures.comparison import Comparison, MeasureSettings, measure_clips
from animatediff_xl.motion_models.measures.figures import FIGURES
from animatediff_xl.motion_models.measures.picture import page
from animatediff_xl.motion_models.measures.picture.bars import arrow, block
from animatediff_xl.motion_models.measures.picture.colours import (
    PALETTE,
    STILL,
    UNKNOWN,
    difference_colours,
    flow_colours,
    wheel,
)
from animatediff_xl.motion_models.measures.picture.curves import CURVES, axis_range, known_parts, panel
from animatediff_xl.motion_models.measures.picture.page import MOST_CLIPS, draw
from animatediff_xl.motion_models.measures.picture.strips import heading

from tests.moving_pictures import Disc, drawn_clip

SIZE = 64


def compared(*rights: float, reference: float | None = None, frames: int = 3, closed_loop: bool = False) -> Comparison:
    def clip(right: float) -> torch.Tensor:
        return torch.from_numpy(drawn_clip(CameraMotion(right, 0.0, 0.0), [Disc(0.0, 2.0)], frames, SIZE))

    settings = MeasureSettings(10.0, closed_loop, 0)
    given = None if reference is None else clip(reference)
    return measure_clips([clip(right) for right in rights], given, (), settings)


def share(picture: np.ndarray, colour: tuple[int, ...]) -> float:
    return float((picture == np.array(colour)).all(-1).mean())


def test_hue_is_direction_and_brightness_is_speed() -> None:
    motion = np.array([[[3.0, 0.0], [0.0, -3.0], [-3.0, 0.0], [0.0, 0.0], [9.0, 0.0], [1.5, 0.0], [3.0, 0.0]]])
    valid = np.array([[True] * 6 + [False]])
    right, up, left, still, faster, slower, unknown = flow_colours(motion, valid, 3.0)[0].astype(int)
    assert len({tuple(colour) for colour in (right, up, left)}) == 3
    assert tuple(right) == tuple(faster) and tuple(unknown) == UNKNOWN
    assert still == pytest.approx(STILL * 255, abs=1) and slower == pytest.approx((right + still) / 2, abs=1)
    legend = wheel(41)
    assert legend[20, 40].astype(int) == pytest.approx(right, abs=8)
    assert legend[0, 20].astype(int) == pytest.approx(up, abs=8)


def test_differences_are_marked_and_equal_pixels_are_dark() -> None:
    frame = np.full((2, 2, 3), 0.5, np.float32)
    other = frame.copy()
    other[0, 0] += 0.2
    marked = difference_colours(frame, other, 0.2)
    assert (marked[1, 1] / 255).tolist() == pytest.approx(STILL.tolist(), abs=0.01)
    assert marked[0, 0, 0] > 200


@pytest.mark.parametrize(("degrees", "side"), [(0, (0, 1)), (90, (-1, 0)), (180, (0, -1)), (-90, (1, 0))])
def test_arrows_point_to_their_direction(degrees: float, side: tuple[int, int]) -> None:
    """The head has more ink than the tail."""
    ink = np.asarray(arrow(degrees)).astype(float)
    offsets = np.indices(ink.shape) - (np.array(ink.shape)[:, None, None] - 1) / 2
    centre = (offsets * ink).sum((1, 2)) / ink.sum()
    assert centre @ side > 0.5 and abs(centre @ side[::-1]) < 0.5


def test_bars_are_as_long_as_their_values() -> None:
    measures = [clip.measures for clip in compared(4.0, 1.0).clips]
    rows = np.asarray(block(FIGURES[0], measures, PALETTE[:2], None))
    lengths = [(rows[:, : rows.shape[1] // 2] == np.array(colour)).all(-1).sum(1).max() for colour in PALETTE[:2]]
    assert lengths[1] / lengths[0] == pytest.approx(1 / 4, abs=0.05)


def test_curves_have_gaps_where_motion_is_unknown() -> None:
    assert known_parts(np.array([np.nan, 1, 2, np.nan, 3])) == [[1, 2], [4]]
    assert known_parts(np.array([np.nan, np.nan])) == []
    assert axis_range(np.array([np.nan]), CURVES[0]) == (0.0, CURVES[0].least_range)


def test_a_faster_camera_is_higher_in_its_curve() -> None:
    measures = [clip.measures for clip in compared(4.0, 1.0).clips]
    pixels = np.asarray(panel(CURVES[0], measures, PALETTE[:2]))
    heights = [np.nonzero(np.abs(pixels - np.array(colour)).sum(-1) < 30)[0].mean() for colour in PALETTE[:2]]
    assert heights[0] < heights[1] - 20


@pytest.mark.parametrize("rights", [(1.0,), (1.0, 2.0), (0.0,) * (MOST_CLIPS + 2)])
@pytest.mark.parametrize(("reference", "closed_loop"), [(None, False), (0.0, True)])
def test_every_comparison_has_a_picture(rights: tuple[float, ...], reference: float | None, closed_loop: bool) -> None:
    picture = draw(compared(*rights, reference=reference, frames=2, closed_loop=closed_loop))
    assert picture.shape[0] == 1 and picture.shape[2:] == (600, 3)
    assert picture.min() >= 0 and picture.max() <= 1
    pixels = (picture[0].numpy() * 255).round().astype(np.uint8)
    shown = [share(pixels, colour) > 1e-4 for colour in PALETTE]
    assert sum(shown) >= min(len(rights), MOST_CLIPS) and shown[0]


@pytest.mark.parametrize(("frames", "explained"), [((3,), True), ((2,), False), ((2, 3), True)])
def test_differences_are_explained_only_where_they_are_drawn(
    monkeypatch: pytest.MonkeyPatch, frames: tuple[int, ...], explained: bool
) -> None:
    clips = [torch.from_numpy(drawn_clip(frames=each, size=SIZE)) for each in (3, *frames)]
    said: list[bool] = []
    monkeypatch.setattr(page, "legend", lambda largest, has_difference: said.append(has_difference) or page.space())
    draw(measure_clips(clips[1:], clips[0], (), MeasureSettings(10.0, False, 0)))
    assert said == [explained]


@pytest.mark.parametrize(("name", "shown"), [("\u4f60a", "\\u4f60a"), ("\u00e4", "\\xe4"), ("\n", "\\n")])
def test_a_heading_escapes_letters_that_no_font_has(monkeypatch: pytest.MonkeyPatch, name: str, shown: str) -> None:
    monkeypatch.setattr(letters, "system_fonts", list)
    assert heading(name, PALETTE[0]) == heading(shown, PALETTE[0])


@pytest.mark.parametrize("name", ["x" * 100_000, "\ud800", "\x00\x1b[31m", "\u202e\u4f60\u597d", "one\ntwo", ""])
def test_any_name_of_a_clip_is_drawn_at_once(name: str) -> None:
    start = time.perf_counter()
    heading(name, PALETTE[0])
    assert time.perf_counter() - start < 2
