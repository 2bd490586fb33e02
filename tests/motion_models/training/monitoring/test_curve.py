"""The loss curve: what it smooths, what it shows, and how."""

import numpy as np
import pytest
from animatediff_xl.motion_models.drawing.canvas import BRIGHT
from animatediff_xl.motion_models.training.monitoring.curve import (
    HEIGHT,
    LEFT,
    SMOOTHED_STEPS,
    draw_curve,
    loss_range,
    smoothed,
)


def noisy(steps: int, first: float, last: float) -> list[float]:
    """Losses whose single steps differ tenfold."""
    noise = np.random.default_rng(0).lognormal(0, 0.8, steps)
    return (np.linspace(first, last, steps) * noise).tolist()


def line(losses: list[float]) -> np.ndarray:
    """The height of the bold line above the lower edge, in each column of the picture that has it."""
    pixels = np.asarray(draw_curve(losses))[:, LEFT:]
    rows = [np.nonzero((column == BRIGHT).all(-1))[0] for column in pixels.swapaxes(0, 1)]
    return np.array([HEIGHT - row.mean() for row in rows if len(row)])


def test_smoothed_is_the_mean_of_the_last_steps() -> None:
    losses = noisy(3 * SMOOTHED_STEPS, 1.0, 0.5)
    expected = [np.mean(losses[max(0, step - SMOOTHED_STEPS) : step]) for step in range(1, len(losses) + 1)]
    assert smoothed(losses) == pytest.approx(expected)


def test_a_small_fall_of_the_loss_is_seen() -> None:
    """Though the losses of single steps differ by more."""
    height = line([loss + 1.0 for loss in noisy(2000, 0.25, 0.05)])
    assert height[40] - height[-1] > HEIGHT / 5


@pytest.mark.parametrize("losses", [[0.0], [0.03], [0.02, 0.04], [0.03] * 100, noisy(30_000, 0.1, 0.01)])
def test_any_training_has_a_curve(losses: list[float]) -> None:
    low, high = loss_range(smoothed(losses))
    assert 0 <= low <= smoothed(losses)[-1] <= high
    assert len(line(losses)) or len(losses) == 1
