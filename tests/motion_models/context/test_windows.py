"""Plans of context windows, for all settings that the node accepts."""

import math

import comfy.context_windows
import numpy as np
import pytest
from animatediff_xl.motion_models.context.windows import (
    FUSE_METHODS,
    MOVING,
    WINDOW_SCHEDULES,
    ContextSettings,
    linear_starts,
    ordered_halving,
    plan,
)
from animatediff_xl.motion_models.errors import MotionError
from hypothesis import given
from hypothesis import settings as searched
from hypothesis import strategies as st


@st.composite
def chosen(draw: st.DrawFn) -> ContextSettings:
    """Any settings that have a plan."""
    schedule = draw(st.sampled_from(list(WINDOW_SCHEDULES)))
    length = draw(st.integers(2, 40))
    closed = schedule != "batched" and draw(st.booleans())
    overlap = draw(st.integers(1 if closed else 0, length - 1))
    stride = draw(st.integers(1, 8)) if schedule in MOVING else 1
    return ContextSettings(length, overlap, stride, schedule, draw(st.sampled_from(list(FUSE_METHODS))), closed)


@searched(max_examples=1500, deadline=None)
@given(chosen(), st.integers(1, 200), st.integers(0, 40))
def test_every_plan_covers_all_frames_with_weights_summing_to_one(
    settings: ContextSettings, frames: int, step: int
) -> None:
    made = plan(settings, frames, step)
    windows, length = made.indices.shape
    assert length == min(settings.length, frames)
    assert made.indices.min() >= 0 and made.indices.max() < frames
    assert all(len(set(window)) == length for window in made.indices.tolist())
    assert set(made.indices.ravel().tolist()) == set(range(frames))
    assert made.weights.min() > 0
    assert np.bincount(made.indices.ravel(), made.weights.ravel(), frames) == pytest.approx(np.ones(frames))
    assert windows <= most_windows(settings, frames)


def most_windows(settings: ContextSettings, frames: int) -> int:
    """The bound of the help page: for each spacing of frames, one window more than fit, or two with moving seams."""
    length = min(settings.length, frames)
    overlap = 0 if settings.schedule == "batched" else settings.overlap
    overlap = overlap if length == settings.length else min(overlap, length // 2)
    apart = [2**level for level in range(settings.stride) if level == 0 or (length - 1) * 2**level < frames]
    more = 2 if settings.schedule == "standard_uniform" else 1
    return sum(math.ceil(frames / (length * each - overlap)) + more for each in apart)


@searched(max_examples=300, deadline=None)
@given(chosen(), st.integers(41, 200), st.integers(0, 40))
def test_neighbouring_windows_share_at_least_the_overlap(settings: ContextSettings, frames: int, step: int) -> None:
    """For windows of neighbouring frames. An open clip has one exception: from its last window to its first."""
    made = plan(settings, frames, step)
    near = [window for window in made.indices if (window[1] - window[0]) % frames == 1]
    firsts = sorted(int(window[0]) for window in near)
    gaps = [(second - first) % frames for first, second in zip(firsts, [*firsts[1:], firsts[0]], strict=True)]
    overlap = 0 if settings.schedule == "batched" else settings.overlap
    too_far = sum(gap > settings.length - overlap for gap in gaps)
    assert too_far <= (0 if settings.closed_loop else 1)


REFUSED = {
    "overlap of the whole window": ({"length": 16, "overlap": 16}, "set context_overlap to 15"),
    "overlap beyond the window": ({"length": 8, "overlap": 128}, "set context_overlap to 7"),
    "stride where seams stay": ({"stride": 2}, "context_schedule to standard_uniform or looped_uniform"),
    "stride in batches": ({"stride": 2, "schedule": "batched"}, "set context_stride to 1"),
    "a loop without overlap": ({"overlap": 0, "closed_loop": True}, "cannot close a loop"),
    "a loop of batches": ({"schedule": "batched", "closed_loop": True}, "cannot close a loop"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_settings_without_a_plan_are_refused(name: str) -> None:
    changes, sentence = REFUSED[name]
    with pytest.raises(MotionError, match=sentence):
        ContextSettings(**changes)


def test_a_short_clip_is_one_window_and_a_loop_two() -> None:
    assert plan(ContextSettings(), 16).indices.tolist() == [list(range(16))]
    assert plan(ContextSettings(), 5).indices.tolist() == [list(range(5))]
    closed = plan(ContextSettings(closed_loop=True), 16).indices.tolist()
    assert closed == [list(range(16)), [*range(8, 16), *range(8)]]


def test_seams_are_spread_evenly() -> None:
    assert linear_starts(33, 16, 12) == [0, 8, 17]


def test_ordered_halving_visits_every_position() -> None:
    assert [ordered_halving(step) for step in range(5)] == [0, 0.5, 0.25, 0.75, 0.125]
    assert sorted(ordered_halving(step) for step in range(64)) == [index / 64 for index in range(64)]


@pytest.mark.parametrize("closed", [False, True])
@pytest.mark.parametrize("schedule", MOVING)
def test_moving_schedules_move_their_seams_in_each_step(schedule: str, closed: bool) -> None:
    settings = ContextSettings(schedule=schedule, closed_loop=closed)
    for frames in (48, 64, 100):
        plans = [frozenset(map(tuple, plan(settings, frames, step).indices.tolist())) for step in range(8)]
        assert len(set(plans)) == 8


def test_stride_adds_windows_with_wider_spacing() -> None:
    wide = plan(ContextSettings(stride=3, schedule="standard_uniform"), 120, 3).indices
    assert {int(window[1] - window[0]) for window in wide} == {1, 2, 4}


def test_weights_fade_only_where_windows_overlap() -> None:
    """Windows also overlap at the seam of a loop, where other implementations do not fade."""
    open_ended = plan(ContextSettings(fuse="overlap-linear"), 28).weights
    assert open_ended[0][:12] == pytest.approx(np.ones(12))
    assert open_ended[0][12:] == pytest.approx([0.8, 0.6, 0.4, 0.2])
    closed = plan(ContextSettings(fuse="overlap-linear", closed_loop=True), 24).weights
    assert closed[0][:4] == pytest.approx([0.2, 0.4, 0.6, 0.8])


# The host's windows, where the clip divides evenly

NAMES = {
    ("standard_static", False): ("standard_static", False),
    ("looped_uniform", False): ("looped_uniform", False),
    ("looped_uniform", True): ("looped_uniform", True),
    ("batched", False): ("batched", False),
}


def host_handler(name: str, length: int, overlap: int, closed: bool):
    return comfy.context_windows.IndexListContextHandler(
        comfy.context_windows.get_matching_context_schedule(name),
        comfy.context_windows.get_matching_fuse_method("pyramid"),
        context_length=length,
        context_overlap=overlap,
        closed_loop=closed,
    )


@pytest.mark.parametrize(("schedule", "closed"), NAMES)
@pytest.mark.parametrize(("length", "overlap"), [(16, 4), (12, 6), (8, 2)])
def test_windows_equal_the_hosts_where_the_clip_divides_evenly(
    schedule: str, closed: bool, length: int, overlap: int
) -> None:
    name, host_closed = NAMES[schedule, closed]
    handler = host_handler(name, length, overlap, host_closed)
    spacing = length if schedule == "batched" else length - overlap
    for gaps in (2, 3, 6):
        frames = gaps * spacing if closed or schedule == "batched" else length + gaps * spacing
        for step in range(1 if closed else 8):  # from the second step on, only our windows of a loop move
            handler._step = step
            theirs = handler.context_schedule.func(frames, handler, {})
            ours = plan(ContextSettings(length, overlap, 1, schedule, "pyramid", closed), frames, step)
            assert sorted(map(tuple, ours.indices.tolist())) == sorted(map(tuple, theirs))
