"""Which frames make a clip."""

from collections.abc import Sequence

import numpy as np
import pytest
from animatediff_xl.motion_models.training.clips.timeline import Timeline
from animatediff_xl.motion_models.training.clips.windows import longest, plan
from hypothesis import given
from hypothesis import strategies as st

RATES = (5.0, 8.0, 12.5, 24.0, 25.0, 29.97, 60.0)


def steady(count: int, rate: float, cuts: Sequence[int] = ()) -> Timeline:
    return Timeline(np.arange(count) / rate, tuple(cuts))


@given(st.integers(1, 400), st.sampled_from(RATES), st.integers(1, 32), st.sampled_from((0.0, 6.0, 8.0)), st.data())
def test_every_window_stays_within_a_shot(count: int, rate: float, frames: int, fps: float, data) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(1, count), max_size=5)) - {count})
    timeline = steady(count, rate, cuts)
    windows = plan(timeline, frames, fps, data.draw(st.integers(1, 9)))
    for window in windows:
        assert len(window) == frames and window == sorted(window)
        assert any(shot[0] <= window[0] and window[-1] <= shot[-1] for shot in timeline.shots)
        if not fps:
            assert window == list(range(window[0], window[0] + frames))
        elif rate >= fps:
            times = timeline.times[window] - timeline.times[window[0]]
            assert np.abs(times - np.arange(frames) / fps).max() <= 0.5 / rate + 1e-9
    assert windows == sorted(windows) and len({tuple(window) for window in windows}) == len(windows)
    if not windows:
        assert longest(timeline, fps) < frames


@given(st.lists(st.floats(0.001, 0.4), min_size=40, max_size=90))
def test_frames_of_variable_rates_are_nearest_in_time(durations: list[float]) -> None:
    times = np.cumsum(durations)
    for window in plan(Timeline(times, ()), 8, 8.0, 3):
        for number, frame in enumerate(window):
            wanted = times[window[0]] + number / 8
            assert abs(times[frame] - wanted) <= np.abs(times - wanted).min() + 1e-9


def test_windows_are_spread_from_the_first_frame_to_the_last() -> None:
    windows = plan(steady(100, 8.0), 16, 8.0, 4)
    assert [window[0] for window in windows] == [0, 28, 56, 84]
    assert windows[-1][-1] == 99
    assert [window[0] for window in plan(steady(100, 8.0), 16, 8.0, 1)] == [42]


def test_longer_shots_get_more_windows() -> None:
    windows = plan(steady(300, 8.0, [100, 110]), 16, 8.0, 6)
    assert [window[0] < 100 for window in windows] == [True, True, False, False, False, False]
    assert [window[0] for window in windows if window[0] >= 110] == [110, 168, 226, 284]  # 10 frames are too short


def test_a_shot_of_one_clip_gives_it_once() -> None:
    assert plan(steady(16, 8.0), 16, 8.0, 4) == [list(range(16))]
    assert plan(steady(16, 8.1), 16, 8.0, 4) == [list(range(16))]  # shorter by a fraction of a frame
    assert plan(steady(15, 8.0), 16, 8.0, 4) == []


def test_single_frames_come_from_every_shot() -> None:
    assert plan(steady(4, 8.0, [1, 2, 3]), 1, 8.0, 3) == [[0], [1], [2]]


@pytest.mark.parametrize(("count", "rate", "fps", "frames"), [(5, 25.0, 8.0, 2), (16, 8.0, 8.0, 16), (5, 25.0, 0.0, 5)])
def test_the_longest_clip_is_counted(count: int, rate: float, fps: float, frames: int) -> None:
    assert longest(steady(count, rate), fps) == frames
