"""Settings that make clips steadier, measured on clips of the tiny SDXL: less flicker, and the motion of the prompt."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from animatediff_xl.motion_models import host
from animatediff_xl.motion_models.noise.clip_noise import PROGRESSIVE, ClipNoiseSettings, set_clip_noise
from animatediff_xl.motion_models.predictions.motion_guidance import set_motion_guidance
from animatediff_xl.motion_models.sampling.motion_config import GuidanceSettings

from tests.tiny.clips import Comparison, Shown, animated, sampled_clip, shown
from tests.tiny.evaluation import Tiny


@pytest.fixture(scope="module")
def plain(tiny: Tiny) -> Callable[[int, float], Shown]:
    """(seed, cfg) -> what the clip without any setting shows."""
    clips: dict[tuple[int, float], Shown] = {}

    def of(seed: int, cfg: float) -> Shown:
        if (seed, cfg) not in clips:
            clips[seed, cfg] = shown(sampled_clip(tiny, animated(tiny), seed, cfg), seed)
        return clips[seed, cfg]

    return of


@dataclass(frozen=True)
class Setting:
    model: Callable[[Tiny], host.ModelPatcher]
    cfg: float
    most_error: float
    """Largest warp error, relative to that of plain clips."""
    steadier: float
    """Smallest share of clips with a smaller warp error."""
    least_moved: float
    """Smallest displacement, relative to that of plain clips."""
    as_prompted: float
    """Smallest number of clips that move as the prompt says, relative to that of plain clips."""


SETTINGS = {
    "negative_strength 0.75": Setting(lambda tiny: animated(tiny, 0.75), 3.0, 0.7, 0.85, 0.9, 1),
    "motion guidance 2 at cfg 1": Setting(
        lambda tiny: set_motion_guidance(animated(tiny), GuidanceSettings(2.0, 0.75, 0.0, 1.0)), 1.0, 0.7, 0.85, 0.9, 1
    ),
    "motion guidance 1 at cfg 1, strength 0": Setting(
        lambda tiny: set_motion_guidance(animated(tiny), GuidanceSettings(1.0, 0.0, 0.0, 1.0)), 1.0, 0.7, 0.85, 0.9, 1
    ),
    # the more the frames share, the less they move, and the direction is lost at times
    "progressive noise 0.5": Setting(
        lambda tiny: set_clip_noise(animated(tiny), ClipNoiseSettings(PROGRESSIVE, 0.5, 1)), 3.0, 0.9, 0.7, 0.8, 0.85
    ),
    "shared noise 0.5": Setting(
        lambda tiny: set_clip_noise(animated(tiny), ClipNoiseSettings("shared", 0.5, 1)), 3.0, 0.85, 0.75, 0.8, 0.9
    ),
}


CASES = [
    pytest.param("negative_strength 0.75", 4, marks=pytest.mark.measured),
    *(pytest.param(name, 20, marks=pytest.mark.nightly) for name in SETTINGS),
]


@pytest.mark.parametrize(("name", "clips"), CASES)
def test_clips_flicker_less_and_move_as_prompted(tiny, plain, report, name: str, clips: int) -> None:
    setting, seeds = SETTINGS[name], range(clips)
    model = setting.model(tiny)
    changed = [shown(sampled_clip(tiny, model, seed, setting.cfg), seed) for seed in seeds]
    found = Comparison([plain(seed, setting.cfg) for seed in seeds], changed)
    report(f"{name}: {found.line()}")
    assert found.error_ratio <= setting.most_error
    assert found.steadier >= setting.steadier * clips
    assert found.moved_ratio >= setting.least_moved
    before, after = found.directions
    assert after >= setting.as_prompted * before
