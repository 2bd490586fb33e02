"""A reference frame for the windows of the tiny SDXL: the spread of their mean colours, and the motion."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from animatediff_xl.motion_models.context.windows import ContextSettings, plan
from animatediff_xl.nodes.context import IN_MOTION_MODULES, ContextWindows

from tests.tiny.clips import Comparison, animated, sampled_clip, shown
from tests.tiny.evaluation import Tiny

FRAMES, STEPS = 48, 10
WINDOWS = plan(ContextSettings(), FRAMES).indices
"""Their frames, (windows, length)."""

OPTIONS: dict[str, dict[str, Any]] = {
    "windows": {},
    "windows and FreeNoise": {"freenoise": True},
    "windows in motion modules": {"windows_in": IN_MOTION_MODULES},
}


def sampled(tiny: Tiny, seed: int, **options: Any) -> np.ndarray:
    """A clip (f h w 3) in 0..1. options: of AnimateDiff Context Windows, where they are not its defaults."""
    defaults = {field.id: field.default for field in ContextWindows.define_schema().inputs[1:]}
    (model,) = ContextWindows.run(animated(tiny), **defaults | options).args
    return sampled_clip(tiny, model, seed, steps=STEPS, frames=FRAMES)


@pytest.fixture(scope="module")
def plain(tiny: Tiny) -> Callable[[str, int], np.ndarray]:
    """(key of OPTIONS, seed) -> the clip without a reference frame."""
    clips: dict[tuple[str, int], np.ndarray] = {}

    def of(name: str, seed: int) -> np.ndarray:
        if (name, seed) not in clips:
            clips[name, seed] = sampled(tiny, seed, **OPTIONS[name])
        return clips[name, seed]

    return of


def spread(clips: list[np.ndarray]) -> float:
    """The standard deviation of the windows' mean colours, mean over channels and clips."""
    means = np.stack([clip[WINDOWS].mean((1, 2, 3)) for clip in clips])
    return float(means.std(1).mean())


CASES = [
    pytest.param("windows", 0.5, 3, marks=pytest.mark.measured),
    pytest.param("windows", 1.0, 20, marks=pytest.mark.nightly),
    *(pytest.param(name, 0.5, 20, marks=pytest.mark.nightly) for name in OPTIONS),
]


@pytest.mark.parametrize(("name", "weight", "clips"), CASES)
def test_a_reference_frame_halves_the_spread(tiny, plain, report, name: str, weight: float, clips: int) -> None:
    before = [plain(name, seed) for seed in range(clips)]
    after = [sampled(tiny, seed, reference_weight=weight, **OPTIONS[name]) for seed in range(clips)]
    found = Comparison(*([shown(clip, seed) for seed, clip in enumerate(side)] for side in (before, after)))
    report(
        f"{name}, reference_weight {weight}: spread {spread(after):.4f} (plain {spread(before):.4f}); {found.line()}"
    )
    assert spread(after) <= spread(before) / 2
    assert found.moved_ratio >= 0.9 and found.error_ratio <= 1.1
    before_right, after_right = found.directions  # a third of such long clips leave the direction, whatever the weight
    assert after_right >= before_right - max(1, 0.1 * clips)
