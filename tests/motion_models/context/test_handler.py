"""Long clips in context windows: the host's results, progress, interrupts, and no side effects."""

import dataclasses
from collections.abc import Iterator

import comfy.model_management
import comfy.utils
import pytest
import torch
from animatediff_xl.motion_models.context.handler import ContextHandler, add_context
from animatediff_xl.motion_models.context.windows import ContextSettings
from animatediff_xl.motion_models.errors import MotionError

from tests.motion_models.conftest import SETTINGS
from tests.motion_models.sampling.test_composition import basic, control_net, dual_cfg, perp_neg
from tests.sampling import hooks_left, sample
from tests.small import conditioning
from tests.windowed import CLIP, host_windowed, long_sample, same, windowed

AS_THE_HOST = {
    "static": ({}, {}, 2),
    "flat": ({"fuse": "flat"}, {"fuse": "flat"}, 2),
    "relative": ({"fuse": "relative"}, {"fuse": "relative"}, 2),
    "looped": ({"schedule": "looped_uniform"}, {"schedule": "looped_uniform"}, 2),
    "closed loop": (
        {"schedule": "looped_uniform", "closed_loop": True},
        {"schedule": "looped_uniform", "closed": True},
        1,
    ),
    "free noise": ({"freenoise": True}, {"freenoise": True}, 2),
}


@pytest.mark.parametrize("name", AS_THE_HOST)
def test_results_equal_host_windows_where_the_clip_divides_evenly(pair, animate, name: str) -> None:
    ours, theirs, steps = AS_THE_HOST[name]
    model = animate(pair.model)
    expected = long_sample(host_windowed(model, **theirs), steps=steps)
    assert same(long_sample(windowed(model, **ours), steps=steps), expected)


@pytest.mark.parametrize("run", [dual_cfg, perp_neg, basic])
def test_windows_equal_host_windows_with_any_guider(pair, animate, monkeypatch, run) -> None:
    monkeypatch.setattr("tests.sampling.start_noise.__defaults__", (CLIP, 7))
    model = animate(pair.model)
    assert same(run(windowed(model)), run(host_windowed(model)))


@pytest.mark.parametrize("sampler", ["heun", "dpmpp_2s_ancestral", "dpmpp_2m_sde", "lcm"])
def test_windows_equal_host_windows_with_any_sampler(pair, animate, sampler: str) -> None:
    model = animate(pair.model)
    expected = long_sample(host_windowed(model), sampler=sampler)
    # heun turns a change of 1e-7 in the noise of these models into 2e-4 (measured with the host's windows)
    assert same(long_sample(windowed(model), sampler=sampler), expected, rounding=1e-3)


def test_windows_equal_host_windows_without_guidance(pair, animate) -> None:
    model = animate(pair.model)
    assert same(long_sample(windowed(model), cfg=1.0), long_sample(host_windowed(model), cfg=1.0))


def test_a_clip_of_one_window_runs_as_without_windows(pair, animate) -> None:
    model = animate(pair.model)
    assert torch.equal(sample(windowed(model)), sample(model))


def test_windows_work_before_or_after_the_motion_model(pair, animate) -> None:
    assert torch.equal(long_sample(animate(windowed(pair.model))), long_sample(windowed(animate(pair.model))))


def test_setting_context_windows_twice_is_an_error(pair, animate) -> None:
    model = animate(pair.model)
    for first in (windowed(model), host_windowed(model)):
        with pytest.raises(MotionError, match="context windows from two nodes"):
            windowed(first)
    with pytest.raises(MotionError, match="context windows from two nodes"):
        long_sample(host_windowed(windowed(model)))


def test_windows_beyond_the_frame_limit_are_refused(pair, animate) -> None:
    with pytest.raises(MotionError, match=r"40 frames run at once, .* Context Windows of 16 frames"):
        long_sample(windowed(animate(pair.model), length=40), frames=50)


def test_length_warnings_depend_on_the_window_length(pair, animate) -> None:
    """Not on that of the clip."""
    reported = []
    settings = dataclasses.replace(SETTINGS, on_report=lambda _report, warnings: reported.append(warnings))
    for length, frames in ((16, 40), (20, 40)):
        long_sample(windowed(animate(pair.model, settings=settings), length=length), frames=frames, steps=1)
    assert reported[0] == [] and "20 frames at once" in reported[1][0]


@pytest.mark.parametrize(("frames", "warned"), [(9, True), (10, False)])
def test_freenoise_says_if_a_clip_is_too_short(pair, frames: int, warned: bool) -> None:
    """Rounds of a loop with windows of 4 have at least 5 frames."""
    reported: list[list[str]] = []

    def on_report(_report: str, warnings: list[str]) -> None:
        reported.append(warnings)

    settings = ContextSettings(4, 2, closed_loop=True)
    loop, plain = (
        add_context(pair.model, ContextHandler(settings, freenoise=freenoise, on_report=on_report))
        for freenoise in (True, False)
    )
    same_clip = torch.equal(long_sample(loop, frames, steps=1), long_sample(plain, frames, steps=1))
    assert same_clip == warned
    (warnings,) = reported  # also without a warning, so that one of an earlier run does not stay
    assert [text.startswith("freenoise changes nothing") for text in warnings] == [True] * warned


def test_windows_are_deterministic_and_leave_the_input_model_unchanged(pair, animate) -> None:
    model = animate(pair.model)
    before = sample(model)
    moving = windowed(model, schedule="looped_uniform", closed_loop=True, freenoise=True)
    assert torch.equal(long_sample(moving), long_sample(moving))
    assert torch.equal(sample(model), before)
    assert "context_handler" not in model.model_options


class Bar:
    """The updates of a node's progress bar."""

    updates: list[tuple[int, int]]


@pytest.fixture
def bar(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bar]:
    heard = Bar()
    heard.updates = []
    comfy.utils.set_progress_bar_global_hook(lambda value, total, *_, **__: heard.updates.append((value, total)))
    yield heard
    comfy.utils.set_progress_bar_global_hook(None)


@pytest.mark.parametrize("sampler", ["euler", "heun"])
def test_the_progress_bar_moves_forward_with_each_window(pair, animate, bar: Bar, sampler: str) -> None:
    long_sample(windowed(animate(pair.model)), sampler=sampler)
    shares = [value / total for value, total in bar.updates]
    assert shares == [index / 8 for index in range(1, 9)]


@pytest.mark.parametrize("during", [True, False], ids=["during a window", "between windows"])
@pytest.mark.parametrize("after", [1, 6])
def test_an_interrupt_stops_between_windows_and_leaves_no_hooks(
    pair, animate, bar: Bar, after: int, during: bool
) -> None:
    """The host checks in every layer, so only an interrupt after a call shows the check between windows."""
    model = windowed(animate(pair.model))
    hint = torch.rand(CLIP, 3, 64, 64)
    control = control_net().set_cond_hint(hint)
    calls = []

    def once(apply, args):
        calls.append(1)
        interrupt = comfy.model_management.interrupt_current_processing
        interrupt(during and len(calls) == after)
        predicted = apply(args["input"], args["timestep"], **args["c"])
        interrupt(len(calls) == after)
        return predicted

    model.set_model_unet_function_wrapper(once)
    added = {"control": control} if during else {}  # its layers would stop the run before the next call
    positive, negative = ([[text, {**more, **added}]] for ((text, more),) in map(conditioning, (1, 2)))
    with pytest.raises(comfy.model_management.InterruptProcessingException):
        long_sample(model, positive=positive, negative=negative)
    assert len(calls) == after
    assert hooks_left(model) == 0
    assert control.cond_hint_original is hint
