"""Timelines of strengths: an edit changes the numbers of one point, and the curve is that of the schedule."""

import pytest
from animatediff_xl.motion_models.conditioning.curves import FRAMES, INTERPOLATIONS, STEPS, from_text
from animatediff_xl.motion_models.timeline.edits import Add, Edit, Move, Remove
from animatediff_xl.motion_models.timeline.strengths import draw, edited

TEXT = " 0: 0,\n8 : ( 1.2 ) ;24:0,,"
EDITS = {
    Move(1, 9, None): " 0: 0,\n9 : ( 1.2 ) ;24:0,,",
    Move(1, None, -0.25): " 0: 0,\n8 : ( -0.25 ) ;24:0,,",
    Move(1, 30, 1): " 0: 0,\n30 : ( 1 ) ;24:0,,",
    Move(1, 8, 1.2): TEXT,
    Add(4, 0.5): " 0: 0,\n4: 0.5,\n8 : ( 1.2 ) ;24:0,,",
    Add(16, None): " 0: 0,\n8 : ( 1.2 ) ;16 : ( 0.6 ) ;24:0,,",
    Add(-2, 1): " -2: 1,\n0: 0,\n8 : ( 1.2 ) ;24:0,,",
    Add(30, 1): " 0: 0,\n8 : ( 1.2 ) ;24:0 ;30:1,,",
    Remove(0): " 8 : ( 1.2 ) ;24:0,,",
    Remove(2): " 0: 0,\n8 : ( 1.2 ),,",
}


@pytest.mark.parametrize("edit", EDITS, ids=str)
def test_an_edit_writes_only_the_numbers_of_its_point(edit: Edit) -> None:
    assert edited(TEXT, edit, "linear", FRAMES) == EDITS[edit]


def test_a_single_point_gets_a_second_one() -> None:
    assert edited("3: 1", Add(8, 0.5), "linear", STEPS) == "3: 1, 8: 0.5"
    assert edited("3: 1", Add(1, None), "linear", STEPS) == "1: 1, 3: 1"


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_the_drawn_curve_is_that_of_the_schedule(interpolation: str) -> None:
    drawing = draw(TEXT, interpolation, FRAMES, 16)
    curve = from_text(TEXT, interpolation, FRAMES)
    positions, values = zip(*drawing.curve, strict=True)
    assert drawing.text == TEXT and drawing.end == 24 and positions[-1] == 24
    assert values == pytest.approx(curve.at(positions), abs=1e-5)
    assert drawing.values == pytest.approx(curve.at(range(25)), abs=1e-5)
    assert [(key.position, key.value) for key in drawing.keys] == list(curve.points)
    if interpolation == "step":  # drawn with a jump, not with a slope
        assert [value for position, value in drawing.curve if 7.9999 < position <= 8] == [0, 1.2]


def test_steps_have_no_values_of_frames() -> None:
    assert draw(TEXT, "linear", STEPS, 30).values == [] and draw(TEXT, "linear", STEPS, 30).end == 29
