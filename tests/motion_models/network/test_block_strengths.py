"""Strengths by block: the text, and which motion modules it means."""

import pytest
from animatediff_xl.motion_models.errors import MotionError
from animatediff_xl.motion_models.network.block_strengths import (
    Place,
    block_strengths,
    missing_places,
    places,
    strengths_by_point,
)
from animatediff_xl.motion_models.network.motion_module import MotionShape
from hypothesis import given
from hypothesis import strategies as st

SD15 = MotionShape(down=((8, 8),) * 4, up=((8, 8, 8),) * 4, mid=(8,), frame_limit=32)
SDXL = MotionShape(down=((8, 8),) * 3, up=((8, 8, 8),) * 3, mid=(), frame_limit=32)


def test_a_text_is_read_in_any_layout() -> None:
    expected = ((Place("down", 0), 1.0), (Place("mid"), 0.5), (Place("up", 2, 1), 0.8))
    for text in ("down 0: 1, mid: .5, up 2.1: .8", "DOWN 0:1\nmid : 0.5;\n up 2 1: 8e-1,"):
        assert block_strengths(text) == expected
    assert block_strengths(" \n, ") == ()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("down 0", "'down 0' is not a strength of a block: write down, mid or up"),
        ("mid 0: 1", "'mid 0: 1' is not a strength of a block"),
        ("up 1.2.3: 1", "'up 1.2.3: 1' is not a strength of a block"),
        ("middle: 1", "'middle: 1' is not a strength of a block"),
        ("up 0: 11", "The strength of up 0 is 11, but must be a number from 0 to 10"),
        ("up 0: nan", "The strength of up 0 is nan"),
        ("up 0: -1", "The strength of up 0 is -1"),
        ("up 0: 1, UP 0: 0.5", "block_strengths has two values for up 0: keep one of them"),
    ],
)
def test_a_wrong_text_is_explained(text: str, sentence: str) -> None:
    with pytest.raises(MotionError, match=sentence.replace(".", r"\.")):
        block_strengths(text)


@given(st.text(alphabet="downmiu 0123.:,;-e\n", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        strengths = block_strengths(text)
    except MotionError:
        return
    assert all(0 <= strength <= 10 for _, strength in strengths)


def test_places_have_the_order_of_the_unet() -> None:
    """The coarsest level is the last of the down blocks, and the first of the up blocks."""
    assert list(map(str, places(SDXL).values())) == [
        "down 0.0", "down 0.1", "down 1.0", "down 1.1", "down 2.0", "down 2.1",
        "up 0.0", "up 0.1", "up 0.2", "up 1.0", "up 1.1", "up 1.2", "up 2.0", "up 2.1", "up 2.2",
    ]  # fmt: skip
    assert places(SD15)[("middle", 0)] == Place("mid")


def test_a_precise_name_overrides_a_wide_one() -> None:
    strengths = block_strengths("up: 0.5, up 1.2: 0, up 1: 2, down 1: 3, mid: 4")
    assert strengths_by_point(strengths, SD15) == {
        ("input", 2): 3, ("input", 3): 3, ("middle", 0): 4,
        **{("output", index): 0.5 for index in (0, 1, 2, 6, 7, 8, 9, 10, 11)},
        ("output", 3): 2, ("output", 4): 2, ("output", 5): 0,
    }  # fmt: skip


def test_places_that_a_model_lacks_are_named() -> None:
    strengths = block_strengths("mid: 1, down 3: 1, down 2.1: 1, up 0.3: 1")
    assert missing_places(strengths, SD15) == [Place("up", 0, 3)]
    assert missing_places(strengths, SDXL) == [Place("mid"), Place("down", 3), Place("up", 0, 3)]
