"""FreeNoise: no window of any step has a frame's noise twice, and long clips reuse noise nevertheless."""

import comfy.context_windows
import numpy as np
import pytest
import torch
from animatediff_xl.motion_models.context.handler import noise_order
from animatediff_xl.motion_models.context.windows import MOVING, WINDOW_SCHEDULES, ContextSettings, plan
from hypothesis import given
from hypothesis import settings as searched
from hypothesis import strategies as st


@st.composite
def chosen(draw: st.DrawFn) -> ContextSettings:
    """Any settings that have a plan."""
    schedule = draw(st.sampled_from(list(WINDOW_SCHEDULES)))
    length = draw(st.sampled_from([2, 3, 5, 8, 16, 17, 24, 32, 64]))
    closed = schedule != "batched" and draw(st.booleans())
    overlap = draw(st.integers(1 if closed else 0, length - 1))
    stride = draw(st.integers(1, 8)) if schedule in MOVING else 1
    return ContextSettings(length, overlap, stride, schedule, "flat", closed)


def repeats(order: list[int], settings: ContextSettings, step: int) -> bool:
    """Whether a window of a step has a noise twice."""
    noises = np.sort(np.array(order)[plan(settings, len(order), step).indices], axis=1)
    return bool((np.diff(noises, axis=1) == 0).any())


@searched(max_examples=1000, deadline=None)
@given(chosen(), st.integers(17, 1000), st.integers(0, 1000), st.integers(0, 2**64 - 1))
def test_no_window_of_any_step_repeats_noise(settings: ContextSettings, frames: int, step: int, seed: int) -> None:
    assert not repeats(noise_order(settings, frames, seed), settings, step)


@pytest.mark.parametrize("frames", [17, 33, 48, 64, 100, 1000])
def test_all_steps_of_a_run_share_one_noise_order(frames: int) -> None:
    """The windows of 64 steps start at every frame of a short clip."""
    for schedule in WINDOW_SCHEDULES:
        for closed in {False, schedule != "batched"}:
            for stride in (1, 2, 3) if schedule in MOVING else (1,):
                settings = ContextSettings(stride=stride, schedule=schedule, closed_loop=closed)
                order = noise_order(settings, frames, 5)
                assert not any(repeats(order, settings, step) for step in range(64))


@searched(max_examples=300, deadline=None)
@given(chosen(), st.integers(17, 1000), st.integers(0, 2**64 - 1))
def test_long_clips_reuse_the_noise_of_about_one_window(settings: ContextSettings, frames: int, seed: int) -> None:
    noises = len(set(noise_order(settings, frames, seed)))
    length = settings.length
    if settings.schedule not in MOVING and not settings.closed_loop:
        assert noises == min(length, frames)
    elif frames % 2 ** (settings.stride - 1) == 0 and frames > 20 * 2**settings.stride * length:
        assert noises < 1.5 * length + 3 * 2**settings.stride


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("schedule", MOVING)
def test_noise_is_shuffled_when_it_returns(schedule: str, stride: int) -> None:
    """Else a clip repeats itself, and a loop plays the same part several times."""
    settings = ContextSettings(schedule=schedule, stride=stride)
    order, other = (np.array(noise_order(settings, 240, seed)) for seed in (1, 2))
    assert len(set(order.tolist())) < 40
    assert max((order[period:] == order[:-period]).mean() for period in range(16, 80)) < 0.6
    assert (order != other).any()


@pytest.mark.parametrize(("frames", "length", "overlap"), [(40, 16, 4), (36, 16, 6), (17, 16, 4), (29, 8, 1)])
def test_free_noise_equals_the_hosts_where_windows_divide_evenly(frames: int, length: int, overlap: int) -> None:
    noise = torch.randn(frames, 4, 2, 2, generator=torch.Generator().manual_seed(1))
    theirs = comfy.context_windows.apply_freenoise(noise.clone(), 0, length, overlap, 5)
    assert torch.equal(noise[noise_order(ContextSettings(length, overlap), frames, 5)], theirs)


def test_the_published_method_repeats_noise_in_other_windows() -> None:
    """In windows that move, that wrap around, or that are spread evenly over 48 frames."""
    source = torch.arange(48.0)[:, None, None, None].expand(48, 4, 2, 2)
    orders = [
        comfy.context_windows.apply_freenoise(source.clone(), 0, 16, 4, seed)[:, 0, 0, 0].int().tolist()
        for seed in range(10)
    ]
    for settings in (ContextSettings(), ContextSettings(closed_loop=True), ContextSettings(schedule="looped_uniform")):
        assert all(any(repeats(order, settings, step) for step in range(4)) for order in orders)


@pytest.mark.parametrize("frames", [17, 24, 37])
def test_short_loops_keep_their_own_noise(frames: int) -> None:
    settings = ContextSettings(closed_loop=True)
    assert noise_order(settings, frames, 3) == list(range(frames))
