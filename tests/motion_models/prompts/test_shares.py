"""Shares of prompts in frames."""

import pytest
import torch
from animatediff_xl.motion_models.prompts.shares import INTERPOLATIONS, Share, frame_weights
from animatediff_xl.motion_models.prompts.travel import travel
from hypothesis import given, settings
from hypothesis import strategies as st

RIGHT = {0: 0.0, 4: 0.25, 8: 0.5, 12: 0.75, 15: 0.9375}
"""The share of the second prompt, with frames 0 and 16."""


def weights_of(text: str, frames: int, prompt: str, interpolation: str = "linear", loop: bool = False) -> list[float]:
    return frame_weights(travel(text, frames, interpolation, loop).frames)[prompt].tolist()


@pytest.mark.parametrize("frames", [16, 17, 40])
def test_shares_are_linear_between_two_frames(frames: int) -> None:
    found = weights_of("0: a\n16: b", frames, "b")
    assert [found[frame] for frame in RIGHT] == pytest.approx(list(RIGHT.values()), abs=1e-6)
    assert found[16:] == [1.0] * (frames - 16)


def test_eased_and_stepped_shares_are_those_of_strength_schedules() -> None:
    eased, stepped = (weights_of("0: a\n8: b", 9, "b", each) for each in ("ease", "step"))
    assert eased == pytest.approx([3 * (f / 8) ** 2 - 2 * (f / 8) ** 3 for f in range(9)], abs=1e-6)
    assert stepped == [0.0] * 8 + [1.0]


def test_prompts_hold_before_the_first_and_after_the_last() -> None:
    assert weights_of("2: a\n4: b", 7, "a") == [1, 1, 1, 0.5, 0, 0, 0]


def test_ranges_and_holds_keep_their_prompt() -> None:
    assert weights_of('0:3 = "a", 4 = "b"', 6, "a") == [1, 1, 1, 0.5, 0, 0]
    assert weights_of('0: = "a", 4 = "b"', 6, "a") == [1, 1, 1, 1, 0, 0]
    assert weights_of('0 = "a", 2: = "b"', 6, "b", loop=True) == [0, 0.5, 1, 1, 1, 1]


def test_a_loop_goes_from_the_last_prompt_to_the_first() -> None:
    """Frame n is frame 0, so the loop ends one step before its beginning."""
    assert weights_of("0: a\n4: b", 8, "a", loop=True) == [1, 0.75, 0.5, 0.25, 0, 0.25, 0.5, 0.75]
    assert weights_of("2: a\n4: b", 8, "a", loop=True) == pytest.approx([4 / 6, 5 / 6, 1, 0.5, 0, 1 / 6, 2 / 6, 3 / 6])


def test_equal_prompts_count_as_one() -> None:
    travelling = travel("0: a\n4: b\n8: a", 9, "linear", False)
    assert list(frame_weights(travelling.frames)) == ["a", "b"]
    assert travelling.frames[8] == Share("a", "a", 0.0)


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(st.integers(0, 40), st.sampled_from("abc"), min_size=1, max_size=8),
    st.integers(41, 60),
    st.sampled_from(INTERPOLATIONS),
    st.booleans(),
)
def test_weights_sum_to_one_and_keys_are_whole(keys: dict[int, str], frames: int, between: str, loop: bool) -> None:
    text = "\n".join(f"{frame}: {prompt}" for frame, prompt in keys.items())
    found = travel(text, frames, between, loop).frames
    total = torch.stack(list(frame_weights(found).values())).sum(0)
    assert torch.allclose(total, torch.ones(frames), atol=1e-6)
    assert all(found[frame] == Share(prompt, prompt, 0.0) for frame, prompt in keys.items())
