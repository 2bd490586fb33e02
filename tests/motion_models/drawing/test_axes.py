"""Axes of curves."""

import pytest
from animatediff_xl.motion_models.drawing.axes import ticks


@pytest.mark.parametrize(("low", "high"), [(0.0213, 0.0378), (1, 500), (0.0, 1e-6), (1, 2)])
def test_ticks_are_few_and_round(low: float, high: float) -> None:
    numbers = ticks(low, high)
    assert 2 <= len(numbers) <= 7 and low <= numbers[0] and numbers[-1] <= high * (1 + 1e-9)
    assert all(len(f"{number:.6g}".strip("0.").replace(".", "").rstrip("0").split("e")[0]) <= 3 for number in numbers)
