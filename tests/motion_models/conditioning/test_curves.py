"""Schedules: points, lists and curves give the strengths they state."""

import numpy as np
import pytest
import torch
from animatediff_xl.motion_models.conditioning.curves import (
    FRAMES,
    INTERPOLATIONS,
    STEPS,
    Curve,
    from_curve,
    from_text,
    from_values,
    strengths,
)
from animatediff_xl.motion_models.errors import MotionError
from hypothesis import given
from hypothesis import strategies as st


def at(text: str, interpolation: str, *positions: float) -> list[float]:
    return from_text(text, interpolation, FRAMES).at(positions).round(6).tolist()


def test_a_curve_passes_its_points_and_is_constant_outside() -> None:
    for interpolation in INTERPOLATIONS:
        assert at("2: 1, 6: -0.5, 10: 3", interpolation, 0, 2, 6, 10, 99) == [1, 1, -0.5, 3, 3]


def test_each_interpolation_has_its_own_values_between_points() -> None:
    assert at("0: 0, 8: 1", "linear", 2, 4) == [0.25, 0.5]
    assert at("0: 0, 8: 1", "ease", 2, 4, 6) == [0.15625, 0.5, 0.84375]
    assert at("0: 0, 8: 1", "step", 7.9, 8) == [0, 1]
    assert at("0: 0, 8: 1", "cubic", 4) == [0.5]


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=6), st.sampled_from(list(INTERPOLATIONS)))
def test_no_curve_leaves_the_range_of_its_points(values: list[float], interpolation: str) -> None:
    curve = Curve(tuple((3.0 * index, value) for index, value in enumerate(values)), interpolation, FRAMES)
    found = curve.at(np.linspace(-2, 20, 50))
    assert found.min() >= min(values) - 1e-9 and found.max() <= max(values) + 1e-9


@pytest.mark.parametrize(
    "text", ["0: 0, 8: 1.2, 24: 0", "0:0\n8:1.2\n24:0", "24: 0; 0: (0); 8: (1.2)", "0: 0, 8: 12e-1, 24: -0.0,"]
)
def test_every_way_to_write_points_is_read(text: str) -> None:
    assert from_text(text, "linear", FRAMES).points == ((0, 0), (8, 1.2), (24, 0))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "The schedule is empty"),
        ("0: 0, then 1", "'then 1' is not a point of a schedule: write a position and a value"),
        ("0: 1.2.3", "'0: 1.2.3' is not a point"),
        ("0: 0, 0: 1", "The schedule has two values at 0: keep one of them."),
    ],
)
def test_a_schedule_error_quotes_the_faulty_point(text: str, sentence: str) -> None:
    with pytest.raises(MotionError, match=sentence.replace(".", r"\.")):
        from_text(text, "linear", FRAMES)


def test_a_list_gives_frame_values_and_repeats_the_last() -> None:
    assert from_values([1, 2, 4], FRAMES).at([0, 1, 2, 9]).tolist() == [1, 2, 4, 4]
    with pytest.raises(MotionError, match="list of values for the schedule is empty"):
        from_values([], FRAMES)


class EditorCurve:
    """The curve that newer hosts pass from their curve editor."""

    def interp(self, x: float) -> float:
        return x * x


@pytest.mark.parametrize("points", [[(0, 0), (0.5, 1), (1, 0)], [[1, 0], [0, 0], [0.5, 1]]])
def test_the_hosts_curve_is_stretched_over_the_clip(points) -> None:
    assert from_curve(EditorCurve(), 5, FRAMES).at([0, 2, 4]).tolist() == [0, 0.25, 1]
    assert from_curve(points, 5, FRAMES).at([0, 2, 4]).tolist() == [0, 1, 0]


def test_schedules_multiply_and_frame_schedules_give_a_tensor() -> None:
    frames, steps = from_values([0, 1, 2], FRAMES), from_text("0: 1, 10: 0", "linear", STEPS)
    assert strengths((), 0.7, range(3), 0) == 0.7
    assert strengths((steps,), 0.8, range(3), 5) == pytest.approx(0.4)
    assert torch.allclose(strengths((frames, steps), 0.8, [1, 2], 5), torch.tensor([0.4, 0.8]))


@pytest.mark.parametrize(
    "make", [lambda: from_text("0: 0, 3: 1e50", "linear", STEPS), lambda: from_values([1, -101], FRAMES)]
)
def test_values_too_large_for_a_model_are_refused(make) -> None:
    with pytest.raises(MotionError, match="A value of the schedule is .*: use values from -100 to 100"):
        make()
