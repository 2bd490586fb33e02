"""Places of pictures: texts that people write, and texts that are refused."""

import pytest
from animatediff_xl.motion_models.errors import MotionError
from animatediff_xl.motion_models.pictures.places import places_of
from hypothesis import given, settings
from hypothesis import strategies as st

READ = {
    ("0", 1): [0],
    ("0, 15", 2): [0, 15],
    ("-1", 1): [15],
    ("first, last", 2): [0, 15],
    (" Last ,FIRST", 2): [15, 0],
    ("0-3", 4): [0, 1, 2, 3],
    ("0-2, 12--1", 7): [0, 1, 2, 12, 13, 14, 15],
    ("-4--1", 4): [12, 13, 14, 15],
    ("3 - 1", 3): [3, 2, 1],
    ("0, 7, -1", 1): [0, 7, 15],
    ("spread", 1): [0],
    ("spread", 4): [0, 5, 10, 15],
    (" Spread", 16): list(range(16)),
}


@pytest.mark.parametrize(("text", "kept"), READ)
def test_places_are_read_as_people_write_them(text: str, kept: int) -> None:
    assert places_of(text, kept, 16) == READ[text, kept]


def test_pictures_of_a_loop_are_equally_far_apart() -> None:
    assert places_of("spread", 4, 16, closed_loop=True) == [0, 4, 8, 12]


REFUSED = {
    (
        "0",
        2,
    ): "There are not as many pictures as places: .* 2 pictures, frames of latent included, and at names 1 frame",
    ("0, 4, 8", 2): "There are 2 pictures, frames of latent included, and at names 3 frames",
    ("16", 1): "at names frame 16, which the clip does not have: choose from 0 to 15, or from -16 to -1",
    ("-17", 1): "at names frame -17, which the clip does not have",
    ("12-16", 5): "at names frame 16",
    ("15, -1", 2): "at names frame 15 twice: name each frame once",
    ("0-3, 2", 5): "at names frame 2 twice",
    ("spread", 17): "The clip is too short for its pictures: raise frames, or connect fewer pictures",
    ("", 1): "'' in at is not a frame: write frames such as '0, 15', ranges such as '0-3', first, last or spread",
    ("0,", 1): "'' in at is not a frame",
    ("0.5", 1): "'0.5' in at is not a frame",
    ("0, spread", 2): "'spread' in at is not a frame",
    ("\u0663", 1): "in at is not a frame",
    ("9" * 5000, 1): "in at is not a frame",
}


@pytest.mark.parametrize(("text", "kept"), REFUSED)
def test_impossible_places_are_refused(text: str, kept: int) -> None:
    with pytest.raises(MotionError, match=REFUSED[text, kept]):
        places_of(text, kept, 16)


PIECES = st.sampled_from(["0", "7", "-1", "-", ",", " ", "first", "last", "spread", "99", "0-3", "x", "\n", "--"])


@settings(max_examples=1000, deadline=None)
@given(st.lists(PIECES, max_size=6).map("".join) | st.text(max_size=12), st.integers(1, 5), st.integers(1, 20))
def test_any_text_gives_frames_of_the_clip_or_an_error(text: str, kept: int, frames: int) -> None:
    try:
        places = places_of(text, kept, frames)
    except MotionError as error:
        assert str(error).isprintable()
    else:
        assert len(set(places)) == len(places) and set(places) <= set(range(frames))
        assert len(places) == kept or kept == 1


def test_a_long_text_is_refused_at_its_first_mistake() -> None:
    """Its ranges together would have a billion frames."""
    with pytest.raises(MotionError, match="at names frame 0 twice"):
        places_of("0-4095," * 250_000, 1, 4096)
