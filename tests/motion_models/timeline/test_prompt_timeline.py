"""Timelines of prompts: an edit changes one key of a text in any grammar, and nothing else."""

import pytest
from animatediff_xl.motion_models.errors import MotionError
from animatediff_xl.motion_models.prompts.grammar import read
from animatediff_xl.motion_models.prompts.keys import frame_of, keys_of
from animatediff_xl.motion_models.prompts.travel import travel
from animatediff_xl.motion_models.timeline.edits import Add, Move, Remove
from animatediff_xl.motion_models.timeline.prompts import as_share, draw, edited
from hypothesis import assume, given, strategies

from tests.motion_models.prompts.test_grammar import SAME

FRAMES = 16
TEXTS = [text for text, _ in SAME.values()] + [
    "a head,\n 0: a cat\r\n\r\n .5:a dog, 16:9 \n-1: \nand a tail",
    '{ " 0:4 " : "a (cat:1.2)\\n", ".25:" = "a \\"dog\\"", , 8: = "", -1 = "\U0001f431 0 = b" , }',
    '"0": "one key"',
    "3: one key",
]


def keys(text: str, frames: int = FRAMES) -> list[tuple[int, int, bool, str]]:
    return [(key.first, key.last, key.holds, key.prompt) for key in keys_of(read(text).entries, text, frames, False)]


def around(before: str, after: str) -> tuple[str, str]:
    """What differs between two texts."""
    start = next((i for i, (one, other) in enumerate(zip(before, after, strict=False)) if one != other), None)
    if start is None:
        start = min(len(before), len(after))
    end = 0
    while end < min(len(before), len(after)) - start and before[-1 - end] == after[-1 - end]:
        end += 1
    return before[start : len(before) - end], after[start : len(after) - end]


@given(strategies.sampled_from(TEXTS), strategies.integers(0, 3), strategies.integers(0, 40), strategies.booleans())
def test_a_moved_prompt_changes_digits_of_one_key(text: str, key: int, to: int, back: bool) -> None:
    before = keys(text)
    key %= len(before)
    others = before[:key] + before[key + 1 :]
    first, last, *rest = before[key]
    assume(not any(one[0] <= to + last - first and to <= one[1] for one in others))
    after = edited(text, Move(key, to, None), FRAMES, False)
    assert keys(after) == sorted([*others, (to, to + last - first, *rest)])
    assert all(not part.strip("-.:0123456789 ") for part in around(text, after))
    assert (after == text) == (to == first) or "-" in text or "." in text
    if back:  # a key that comes back has the frame that it had
        assert keys(edited(after, Move(sorted([*others, (to,)]).index((to,)), first, None), FRAMES, False)) == before


@given(strategies.sampled_from(TEXTS), strategies.integers(0, 40))
def test_an_added_prompt_is_that_of_the_key_before(text: str, frame: int) -> None:
    before = keys(text)
    assume(not any(first <= frame <= last for first, last, *_ in before))
    after = edited(text, Add(frame, None), FRAMES, False)
    prompt = max([key for key in before if key[0] <= frame], default=before[0])[3]
    assert keys(after) == sorted([*before, (frame, frame, False, prompt)])
    assert around(text, after)[0] == ""  # only more text


@given(strategies.sampled_from(TEXTS), strategies.integers(0, 3))
def test_a_removed_prompt_leaves_the_others_as_they_are(text: str, key: int) -> None:
    before = keys(text)
    key %= len(before)
    after = edited(text, Remove(key), FRAMES, False)
    if len(before) == 1:
        with pytest.raises(MotionError):
            read(after)
        return
    assert keys(after) == before[:key] + before[key + 1 :]
    assert read(after).before == read(text).before and read(after).after == read(text).after
    assert around(text, after)[1] == ""  # only less text


@pytest.mark.parametrize("text", TEXTS)
def test_a_drawn_prompt_text_stays_and_has_spans(text: str) -> None:
    drawing = draw(text, FRAMES, "ease", False)
    assert drawing.text == text
    for key, entry in zip(drawing.keys, sorted(read(text).entries, key=lambda entry: frame(entry.key)), strict=True):
        written = text[slice(*key.span)]
        assert key.label == entry.prompt and (written == entry.prompt or "\\" in written)
        whole = text[slice(*entry.span)]
        assert whole.lstrip('"').startswith(entry.key) and whole.rstrip('"').endswith(written.rstrip('"'))


def frame(key: str) -> int:
    return frame_of(key.strip().split(":")[0].strip(), FRAMES)


@pytest.mark.parametrize("closed_loop", [False, True])
def test_drawn_shares_are_those_of_the_node(closed_loop: bool) -> None:
    text = "0: a cat\n6: a dog\n12: a cat"
    drawing = draw(text, FRAMES, "ease", closed_loop)
    prompts = ["a cat", "a dog"]
    expected = travel(text, FRAMES, "ease", closed_loop).frames
    assert [(prompts[one], prompts[other]) for one, other, _ in drawing.shares] == [
        (e.prompt, e.next) for e in expected
    ]
    assert [share for *_, share in drawing.shares] == pytest.approx([each.share for each in expected], abs=1e-5)
    assert drawing.prompts == 2 and drawing.end == FRAMES - 1


@pytest.mark.parametrize("frames", [1, 2, 7, 16, 24, 97, 4096])
def test_every_frame_has_a_short_decimal(frames: int) -> None:
    for index in range(frames):
        for leading_zero in (False, True):
            written = as_share(index, frames, leading_zero)
            assert frame_of(written, frames) == index and len(written) <= 2 + len(str(frames))


def test_spans_count_as_javascript_does() -> None:
    text = "0: \U0001f431 cat\n8: a \U0001f436"
    keys = draw(text, FRAMES, "linear", False).as_json(8)["keys"]
    utf16 = text.encode("utf-16-le")
    assert [utf16[2 * key["span"][0] : 2 * key["span"][1]].decode("utf-16-le") for key in keys] == [
        "\U0001f431 cat",
        "a \U0001f436",
    ]
