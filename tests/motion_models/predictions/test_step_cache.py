"""The step cache: what it skips, what it leaves alone, and what it refuses."""

import math
from dataclasses import replace

import comfy.model_management
import comfy.samplers
import pytest
import torch
from animatediff_xl.motion_models import host
from animatediff_xl.motion_models.errors import MotionError
from animatediff_xl.motion_models.predictions.step_cache import (
    NEEDS_ALL,
    NONE_SKIPPED,
    PredictionLine,
    StepCacheSettings,
    add_step_cache,
)
from comfy_extras.nodes_easycache import EasyCacheNode, LazyCacheNode

from tests.motion_models.conftest import SETTINGS
from tests.sampling import guided, sample, start_noise
from tests.small import conditioning
from tests.windowed import CLIP, host_windowed, long_sample, windowed

EAGER = 1e9
"""A threshold that skips every step that can be skipped."""
STEPS = 8


class Reports(list):
    def __call__(self, report: str, warnings: list[str]) -> None:
        self.append((report, warnings))

    @property
    def skipped(self) -> int:
        return int(self[-1][0].split()[1])


@pytest.fixture
def reports() -> Reports:
    return Reports()


@pytest.fixture
def cached(reports: Reports):
    def add(model, threshold: float = EAGER, start: float = 0.0, end: float = 1.0):
        return add_step_cache(model, StepCacheSettings(threshold, start, end, reports))

    return add


def unet_calls(model, run) -> int:
    """Model calls of a run, counted at the UNet."""
    calls: list[None] = []
    hook = model.model.diffusion_model.register_forward_hook(lambda *_: calls.append(None))
    try:
        run(model)
    finally:
        hook.remove()
    return len(calls)


@pytest.mark.parametrize(("sampler", "predictions"), [("euler", 4), ("heun", 7), ("dpm_2", 7)])
def test_threshold_0_computes_every_step(pair, animate, cached, reports, sampler: str, predictions: int) -> None:
    model = windowed(animate(pair.model)) if sampler == "euler" else animate(pair.model)
    frames = start_noise(CLIP if sampler == "euler" else 2)
    expected = sample(model, sampler=sampler, steps=4, noise=frames)
    assert torch.equal(sample(cached(model, 0.0), sampler=sampler, steps=4, noise=frames), expected)
    assert reports == [(f"Skipped 0 of {predictions} predictions in 4 steps.", [])]


def test_a_run_of_few_steps_says_why_nothing_is_skipped(pair, animate, cached, reports) -> None:
    sample(cached(animate(pair.model), 3.0), steps=3, noise=start_noise(2))
    assert reports == [(f"Skipped 0 of 3 predictions in 3 steps.\n{NONE_SKIPPED}", [])]


@pytest.mark.parametrize("long", [windowed, host_windowed], ids=["ours", "the host's"])
@pytest.mark.parametrize("before", [True, False])
def test_a_step_is_skipped_in_all_windows(pair, animate, cached, reports, long, before: bool) -> None:
    """Whichever node is first. Four windows of a clip are four calls of the UNet."""
    animated = animate(pair.model)
    model = long(cached(animated)) if before else cached(long(animated))
    calls = unet_calls(model, lambda each: long_sample(each, steps=STEPS))
    assert reports.skipped >= STEPS // 3
    assert calls == 4 * (STEPS - reports.skipped)


def test_only_steps_between_start_and_end_are_skipped(pair, animate, cached, reports) -> None:
    skipped = []
    for start, end in ((0.0, 1.0), (0.7, 1.0), (0.0, 0.6), (0.0, 0.001)):
        sample(cached(animate(pair.model), start=start, end=end), steps=STEPS)
        skipped.append(reports.skipped)
    assert skipped[0] > skipped[1] > 0 and skipped[0] > skipped[2] > 0 and skipped[3] == 0


SAMPLERS = (
    "euler_ancestral", "heun", "heunpp2", "dpm_2", "dpm_2_ancestral", "dpm_adaptive", "dpmpp_2s_ancestral", "dpmpp_sde",
    "dpmpp_3m_sde", "lcm", "res_multistep", "er_sde", "seeds_2", "sa_solver", "uni_pc",
)  # fmt: skip


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_skipping_stays_finite_with_any_sampler(pair, animate, cached, reports, sampler: str) -> None:
    """Some look twice at a step, go back, or add noise to it."""
    plain, noise = animate(pair.model), start_noise(2)
    found = sample(cached(plain), sampler=sampler, steps=8, noise=noise)
    largest = sample(plain, sampler=sampler, steps=8, noise=noise).abs().max()
    assert found.isfinite().all() and found.abs().max() < 10 * largest
    assert reports.skipped > 0


@pytest.mark.parametrize("sampler", ["euler_cfg_pp", "res_multistep_cfg_pp"])
def test_samplers_that_read_both_sides_lose_nothing(pair, animate, cached, reports, sampler: str) -> None:
    plain = animate(pair.model)
    assert torch.equal(sample(cached(plain), sampler=sampler, steps=4), sample(plain, sampler=sampler, steps=4))
    assert reports.skipped == 0 and reports[-1][1] == [NEEDS_ALL]


def test_rising_sigmas_can_be_skipped(pair, animate, cached, reports) -> None:
    """As after ComfyUI's FlipSigmas."""
    guider = comfy.samplers.CFGGuider(cached(animate(pair.model)))
    guider.set_conds(conditioning(1), conditioning(2))
    sigmas = torch.linspace(0.1, 14, STEPS)
    euler = comfy.samplers.sampler_object("euler")
    latents = torch.randn(4, 4, 8, 8)
    found = guider.sample(torch.zeros_like(latents), latents, euler, sigmas, disable_pbar=True, seed=1)
    assert found.isfinite().all() and reports.skipped > 0


def test_a_run_leaves_no_state(pair, animate, cached, reports) -> None:
    model = cached(animate(pair.model))
    before = list(model.model_options["transformer_options"]["wrappers"])
    runs = [sample(model, steps=STEPS) for _ in range(2)]
    assert torch.equal(*runs) and reports[0] == reports[1]
    assert list(model.model_options["transformer_options"]["wrappers"]) == before

    def broken(*_) -> None:
        raise comfy.model_management.InterruptProcessingException

    with pytest.raises(comfy.model_management.InterruptProcessingException):
        sample(model, steps=STEPS, callback=broken)
    assert len(reports) == 2
    assert torch.equal(sample(model, steps=STEPS), runs[0])


def test_trainings_compute_every_prediction(pair, animate, cached, reports, monkeypatch) -> None:
    plain = animate(pair.model)
    monkeypatch.setattr(comfy.model_management, "in_training", True)
    assert torch.equal(sample(cached(plain), steps=STEPS), sample(plain, steps=STEPS))
    assert not reports


def easy(model):
    return EasyCacheNode.execute(model, 0.2, 0.15, 0.95, False)[0]


def lazy(model):
    return LazyCacheNode.execute(model, 0.2, 0.15, 0.95, False)[0]


@pytest.mark.parametrize("other", [easy, lazy])
def test_two_caches_are_refused_in_any_order(pair, cached, reports, other) -> None:
    sentence = "two step caches, and only one of them can work"
    for both in (lambda: cached(other(pair.model)), lambda: cached(cached(pair.model))):
        with pytest.raises(MotionError, match=sentence):
            both()
    with pytest.raises(MotionError, match=sentence):
        sample(other(cached(pair.model)))
    assert sentence in reports[-1][0]


def test_a_cache_that_ends_before_it_starts_is_refused(pair, cached) -> None:
    with pytest.raises(MotionError, match="start_percent is 0.8, but end_percent is 0.2"):
        cached(pair.model, start=0.8, end=0.2)


def test_a_small_threshold_changes_little(pair, animate, cached, reports) -> None:
    """The errors grow with the threshold, and so does the number of skipped steps."""
    plain = animate(pair.model)
    noise = start_noise(2)
    exact, changes, skipped = sample(plain, steps=20, cfg=1.0, noise=noise), [], []
    for threshold in (0.01, 0.1, 1.0):
        found = sample(cached(plain, threshold, 0.15, 0.95), steps=20, cfg=1.0, noise=noise)
        changes.append(float((found - exact).norm() / exact.norm()))
        skipped.append(reports.skipped)
    assert changes == sorted(changes) and skipped == sorted(skipped)
    assert skipped[1] > 0 and changes[1] < 0.1


@pytest.mark.parametrize("settings", [{"mask": torch.rand(1, 16, 16)}, {"clip_frames": 2}], ids=["mask", "two clips"])
def test_two_motion_models_and_any_guider_can_be_cached(pair, animate, cached, reports, settings) -> None:
    model = cached(animate(animate(pair.model, settings=replace(SETTINGS, **settings)), settings=SETTINGS))
    assert sample(model, steps=STEPS).isfinite().all()
    assert reports.skipped > 0
    guider = comfy.samplers.CFGGuider(cached(animate(pair.model)))
    guider.set_conds(conditioning(1), conditioning(2))
    assert guided(guider, steps=STEPS).isfinite().all()


# The line


def line_through(*points: tuple[float, float]) -> PredictionLine:
    line = PredictionLine()
    for sigma, value in points:
        line.add(sigma, torch.full((2, 4, 2, 2), value))
    return line


def test_a_line_continues_two_predictions() -> None:
    line = line_through((8.0, 1.0), (4.0, 3.0))
    assert line.can_continue_to(2.0) and line.at(2.0).unique().tolist() == [4.0]
    assert math.isnan(line.error_at(2.0))


def test_the_error_grows_with_both_distances() -> None:
    """The third prediction is 2 away from the line, one octave from the last and two from the first."""
    line = line_through((8.0, 1.0), (4.0, 3.0), (2.0, 6.0))
    assert line.error_at(1.0) == pytest.approx(1.0)
    assert line.error_at(0.5) == pytest.approx(1.0 * 2 * 3 / 2)


def test_a_line_is_not_continued_to_known_or_far_sigmas() -> None:
    line = line_through((8.0, 1.0), (4.0, 3.0))
    assert not any(map(line.can_continue_to, (8.0, 4.0, 30.0)))
    assert not line_through((4.0, 1.0), (4.0, 2.0)).can_continue_to(2.0)


def test_the_frame_that_changes_most_decides() -> None:
    line = line_through((8.0, 0.0), (4.0, 0.0))
    one_frame = torch.zeros(2, 4, 2, 2)
    one_frame[1] = 3.0
    line.add(2.0, one_frame)
    assert line.error_at(1.0) == pytest.approx(1.5)


def test_the_host_counts_functions_of_samplers() -> None:
    def post(_arguments):
        raise AssertionError

    assert host.reads_both_sides({"sampler_post_cfg_function": [post, post]}, {"sampler_post_cfg_function": [post]})
    assert not host.reads_both_sides({"sampler_post_cfg_function": [post]}, {"sampler_post_cfg_function": [post]})
