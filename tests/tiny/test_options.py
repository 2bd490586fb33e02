"""What the step cache and each motion option do to clips of the tiny SDXL."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest
from animatediff_xl.motion_models import host
from animatediff_xl.motion_models.context.handler import ContextHandler, add_context
from animatediff_xl.motion_models.context.windows import ContextSettings
from animatediff_xl.motion_models.measures.steadiness import brightness, flicker
from animatediff_xl.motion_models.network.block_strengths import block_strengths
from animatediff_xl.motion_models.noise.free_init import FreeInitSettings, add_free_init
from animatediff_xl.motion_models.predictions.step_cache import StepCacheSettings, add_step_cache
from animatediff_xl.motion_models.sampling.motion_options import MotionOptions, add_motion_options

from tests.tiny.clips import Comparison, Shown, animated, sampled_clip, shown
from tests.tiny.evaluation import Tiny
from tests.tiny.measure import frame_difference
from tests.tiny.synthetic_dataset import FRAMES

# The step cache

CACHED_STEPS, LONG = 25, 48
LEAST_SKIPPED = 0.4
"""Share of the steps."""


def with_cache(model: host.ModelPatcher, threshold: float, report: Callable[[str], None]) -> host.ModelPatcher:
    return add_step_cache(model, StepCacheSettings(threshold, 0.15, 0.95, lambda text, _: report(text)))


def cached(tiny: Tiny, model: host.ModelPatcher, threshold: float, clips: int, frames: int) -> tuple[float, float]:
    """The share of skipped steps, and the mean change of a pixel over the mean step from frame to frame."""
    reports: list[str] = []
    changes, steps = [], []
    for seed in range(clips):
        plain, changed = (
            sampled_clip(tiny, each, seed, steps=CACHED_STEPS, frames=frames)
            for each in (model, with_cache(model, threshold, reports.append))
        )
        changes.append(np.abs(changed - plain).mean())
        steps.append(frame_difference(plain))
    skipped = [int(text.split()[1]) / CACHED_STEPS for text in reports]
    return float(np.mean(skipped)), float(np.mean(changes) / np.mean(steps))


@pytest.mark.parametrize(
    ("threshold", "clips", "most_change"),
    [
        pytest.param(0.03, 3, 0.5, marks=pytest.mark.measured),
        pytest.param(0.03, 20, 0.5, marks=pytest.mark.nightly),
        pytest.param(0.05, 20, 0.7, marks=pytest.mark.nightly),
        pytest.param(0.1, 20, 1.3, marks=pytest.mark.nightly),
    ],
)
def test_a_step_cache_saves_more_than_it_changes(
    tiny, report, threshold: float, clips: int, most_change: float
) -> None:
    """most_change: of the clip, in steps from frame to frame."""
    skipped, change = cached(tiny, animated(tiny), threshold, clips, FRAMES)
    report(f"step cache {threshold}: {skipped:.0%} of the steps skipped, change {change:.2f} frame steps")
    assert skipped >= LEAST_SKIPPED and change <= most_change


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("schedule", "threshold", "least_skipped", "most_change"),
    # windows that move change the predictions from step to step, so less is skipped
    [
        ("standard_static", 0.05, 0.4, 0.9),
        ("standard_static", 0.1, 0.4, 1.4),
        ("looped_uniform", 0.05, 0.0, 0.1),
        ("looped_uniform", 0.1, 0.2, 1.4),
    ],
)
def test_a_step_cache_skips_under_windows_too(
    tiny, report, schedule: str, threshold: float, least_skipped: float, most_change: float
) -> None:
    windows = add_context(animated(tiny), ContextHandler(ContextSettings(schedule=schedule)))
    skipped, change = cached(tiny, windows, threshold, 3, LONG)
    report(f"step cache {threshold}, {LONG} frames, {schedule}: {skipped:.0%} skipped, change {change:.2f} frame steps")
    assert skipped >= least_skipped and change <= most_change


# Motion options


def free_init(sigma: float) -> FreeInitSettings:
    return FreeInitSettings(3, "butterworth", 0.25, 0.25, False, sigma, "", lambda *_: None)


@dataclass(frozen=True)
class Setting:
    options: MotionOptions = field(default_factory=MotionOptions)
    free_init: FreeInitSettings | None = None
    frames: int = FRAMES
    most_error: float = 1.1
    """Largest warp error, relative to that of plain clips."""
    moved: tuple[float, float] = (0.9, 1.1)
    """Smallest and largest displacement, relative to that of plain clips."""
    least_directions: float = 0.9
    """Share of clips that move as the prompt says."""

    def on(self, model: host.ModelPatcher) -> host.ModelPatcher:
        changed = add_motion_options(model, self.options)
        return changed if self.free_init is None else add_free_init(changed, self.free_init)


SETTINGS = {
    "sharpness 1.3": Setting(MotionOptions(sharpness=1.3), most_error=1.2, moved=(0.9, 1.2)),
    "sharpness 0.7": Setting(MotionOptions(sharpness=0.7), most_error=1.3, moved=(0.7, 1.1)),
    "stretch 2": Setting(MotionOptions(stretch=2.0), most_error=1.3, moved=(0.15, 0.6), least_directions=0.25),
    "stretch 2, 32 frames": Setting(MotionOptions(stretch=2.0), frames=2 * FRAMES, moved=(0.85, 1.25)),
    "fine levels 0.5": Setting(
        MotionOptions(strengths=block_strengths("down 0: .5, up 2: .5")),
        most_error=8.0,
        moved=(0.85, 1.2),
        least_directions=0.8,
    ),
    "coarse level 0.5": Setting(
        MotionOptions(strengths=block_strengths("down 2: .5, up 0: .5")),
        most_error=4.0,
        moved=(0.3, 1.2),
        least_directions=0.5,
    ),
    "FreeInit, 3 rounds": Setting(free_init=free_init(0.0), most_error=0.95, moved=(0.8, 1.2)),
    "FreeInit, 3 rounds, sigma 14.6": Setting(free_init=free_init(14.6), most_error=0.95, moved=(0.75, 1.15)),
}


@pytest.fixture(scope="module")
def plain(tiny: Tiny) -> Callable[[int], tuple[Shown, float]]:
    """(seed) -> what the clip without any option shows, and its flicker."""
    clips: dict[int, tuple[Shown, float]] = {}

    def of(seed: int) -> tuple[Shown, float]:
        if seed not in clips:
            frames = sampled_clip(tiny, animated(tiny), seed)
            clips[seed] = shown(frames, seed), flicker(brightness(frames))
        return clips[seed]

    return of


CASES = [pytest.param(name, 20, marks=pytest.mark.nightly) for name in SETTINGS]
CASES += [pytest.param("FreeInit, 3 rounds, sigma 14.6", 3, marks=pytest.mark.measured)]


@pytest.mark.parametrize(("name", "clips"), CASES)
def test_options_do_to_clips_what_is_written(tiny, plain, report, name: str, clips: int) -> None:
    """In docs/measurements.md."""
    setting = SETTINGS[name]
    model, before, after = setting.on(animated(tiny)), [plain(seed) for seed in range(clips)], []
    for seed in range(clips):
        frames = sampled_clip(tiny, model, seed, frames=setting.frames)
        after.append((shown(frames, seed), flicker(brightness(frames))))
    found = Comparison(*([clip for clip, _ in side] for side in (before, after)))
    unsteady = np.mean([value for _, value in after]) / np.mean([value for _, value in before])
    report(f"{name}: {found.line()}; flicker {unsteady:.2f} of plain")
    assert found.error_ratio <= setting.most_error
    assert setting.moved[0] <= found.moved_ratio <= setting.moved[1]
    assert found.directions[1] >= setting.least_directions * clips
