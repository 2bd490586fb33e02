"""Texts of prompts: three grammars, the frames of their keys, and errors with line and column."""

import random
import time
from contextlib import suppress

import pytest
from animatediff_xl.motion_models.errors import MotionError
from animatediff_xl.motion_models.prompts.grammar import GRAMMARS, read
from animatediff_xl.motion_models.prompts.keys import keys_of
from animatediff_xl.motion_models.prompts.lines import LINES
from animatediff_xl.motion_models.prompts.quoted import EVOLVED, JSON
from animatediff_xl.motion_models.prompts.shares import INTERPOLATIONS
from animatediff_xl.motion_models.prompts.travel import travel

FRAMES = 16


def prompts_of(text: str, frames: int = FRAMES) -> list[tuple[int, int, bool, str]]:
    keys = keys_of(read(text).entries, text, frames, closed_loop=False)
    return [(key.first, key.last, key.holds, key.prompt) for key in keys]


SAME = {
    "FizzNodes": ('"0" :"a cat",\n"8" :"a dog",\n', JSON),
    "JSON": ('{"0": "a cat", "8": "a dog"}', JSON),
    "JSON of several lines": ('\r\n{\r\n  "8": "a dog",\r\n  "0": "a cat"\r\n}', JSON),
    "without quotes around frames": ('0: "a cat",\n8: "a dog"', JSON),
    "without a comma": ('"0": "a cat"\n"8": "a dog"', JSON),
    "AnimateDiff-Evolved": ('0 = "a cat", 8 = "a dog"', EVOLVED),
    "decimals": ('0. = "a cat",\n.5 = "a dog",', EVOLVED),
    "negative frames": ('-16 = "a cat"\n-8 = "a dog"', EVOLVED),
    "quoted frames": ('"0" = "a cat", ".5"="a dog"', EVOLVED),
    "lines with a byte order mark": ("\ufeff0: a cat\n8: a dog", LINES),
    "lines": ("0: a cat\n8: a dog", LINES),
    "lines in another order": ("\n  8 : a dog\n\n0:a cat\n", LINES),
    "wide colons": ("0\uff1aa cat\n8\uff1aa dog", LINES),
}


@pytest.mark.parametrize("name", SAME)
def test_three_grammars_read_the_same_prompts(name: str) -> None:
    text, grammar = SAME[name]
    assert prompts_of(text) == [(0, 0, False, "a cat"), (8, 8, False, "a dog")]
    assert read(text).grammar == grammar


FRAMES_OF_KEYS = {
    "8": (8, 8, False),
    "-1": (15, 15, False),
    "-16": (0, 0, False),
    "0.": (0, 0, False),
    ".33": (5, 5, False),
    "0.99": (15, 15, False),
    "1.": (15, 15, False),
    "1.0": (15, 15, False),
    "24": (24, 24, False),
    "8:": (8, 8, True),
    ".5:": (8, 8, True),
    "0:8": (0, 7, False),
    "8:0": (0, 7, False),
    "2:0.5": (2, 7, False),
    "0:-5": (0, 10, False),
    "-99:4": (0, 3, False),
    "4:4": (4, 4, False),
}
"""With 16 frames, as AnimateDiff-Evolved reads them."""


@pytest.mark.parametrize("key", FRAMES_OF_KEYS)
def test_keys_have_the_frames_of_evolved(key: str) -> None:
    for text in (f'{key} = "x"', f'"{key}": "x"'):
        assert prompts_of(text) == [(*FRAMES_OF_KEYS[key], "x")]


PROMPTS = {
    '"0": "a \\"b\\" c"': 'a "b" c',
    '"0": "(a \\\\(b\\\\))"': "(a \\(b\\))",
    '"0": "(a \\(b\\))"': "(a \\(b\\))",
    '"0": "\\u00e9\\ud83d\\ude00"': "\u00e9\U0001f600",
    '"0": "\\ud83d"': "\ufffd",
    '"0": ""': "",
    '0 = "a, b = {c} 8: d"': "a, b = {c} 8: d",
    "0: (a:1.2), [b], 16:9": "(a:1.2), [b], 16:9",
    "0:": "",
    "0: \u68ee\u6797": "\u68ee\u6797",
    '"0": "a cat --neg a dog"': "a cat ",
}


@pytest.mark.parametrize("text", PROMPTS)
def test_prompts_are_kept_as_they_are_written(text: str) -> None:
    assert travel(text, FRAMES, "linear", False).frames[0].prompt == PROMPTS[text]


def test_text_around_the_frames_belongs_to_every_prompt() -> None:
    travelling = travel(
        "best quality,\n1girl\n0: smiling,\n8: asleep\n\nin a park\nat night", 9, "step", False, "x", "y"
    )
    assert [each.prompt for each in (travelling.frames[0], travelling.frames[8])] == [
        "x, best quality, 1girl, smiling, in a park, at night, y",
        "x, best quality, 1girl, asleep, in a park, at night, y",
    ]


ERRORS = {
    "": (1, 1, "there is no frame"),
    "a cat": (1, 1, "there is no frame"),
    "\n  a cat": (2, 3, "there is no frame"),
    "{}": (1, 1, "there is no frame"),
    '"0": "a cat': (1, 6, "is not closed"),
    '"0": "a cat,\n"8": "a dog"': (1, 6, "is not closed before the next one"),
    '{\n  "0": "a cat\n  "8": "a dog"\n}': (2, 8, "is not closed before the next one"),
    '0 = "a cat,\n8 = "(a dog)"': (1, 5, "is not closed before the next one"),
    '"0": "a",\n"8: "b"': (2, 1, "is not closed before the next one"),
    '"0": "a "big" cat"': (1, 6, "is not closed before the next one"),
    '"0": "a",\n  "8"  "b"': (2, 8, "must be a colon or an equals sign"),
    '"0": "a", 8, "b"': (1, 11, "must be a colon or an equals sign"),
    '"0": "a", "8"': (1, 14, "the text ends here, but a colon or an equals sign must follow"),
    '"0": 5': (1, 6, "must be a prompt in double quotes"),
    "0 = a cat": (1, 5, "must be a prompt in double quotes"),
    '"0": ': (1, 6, "the text ends here, but a prompt in double quotes must follow"),
    '{"0": "a"} {"8": "b"}': (1, 12, "must be the end of the text"),
    '"max_f/2": "a"': (1, 2, "'max_f/2' is not a frame"),
    '"1_0": "a"': (1, 2, "is not a frame"),
    '"1.5": "a"': (1, 2, "is not a frame"),
    '"0:8:2": "a"': (1, 2, "is not a frame"),
    '"0:8:": "a"': (1, 2, "is not a frame"),
    '0 = "a"\n-20 = "b"': (2, 1, "frame -20 is before the first frame of the 16"),
    "0: a\n8: b\n0.5: c": (3, 1, "frame 8 has two prompts"),
    '0:9 = "a", 8 = "b"': (1, 12, "frame 8 has two prompts"),
    "0: a\nand b\n8: c": (2, 1, "a line without a frame stands between two frames"),
    "0: a `sin(t)`": (1, 6, "expressions in back-ticks are not computed"),
    '"0": `pw_a`': (1, 6, "expressions in back-ticks are not computed"),
    "99999999: a": (1, 1, "is not a frame"),
}
"""By text: line, column and a part of the message."""


@pytest.mark.parametrize("text", ERRORS)
def test_errors_have_line_and_column(text: str) -> None:
    line, column, part = ERRORS[text]
    with pytest.raises(MotionError) as error:
        travel(text, FRAMES, "linear", False)
    assert str(error.value).startswith(f"Line {line}, column {column}: ") and part in str(error.value)


def test_a_loop_refuses_frames_after_its_end() -> None:
    assert travel("0: a\n8: b", FRAMES, "linear", True)
    with pytest.raises(MotionError, match="Line 3, column 1: this loop ends with frame 15. Remove frame 16"):
        travel("0: a\n8: b\n16: a", FRAMES, "linear", True)


PIECES = (
    *'0123456789-.:=,;{}[]()"\'`\\\n\r\t ', '"0": "a",', '8 = "b"', "4: c\n", "0.5", "1.", "0:8", "--neg", "\\u00e9",
    "\\ud83d", "\ud83d", "\u68ee", "\uff1a", "\u201c", "<lora:x:1>", "nan", "1e9", "9" * 30, "pw_a", "//", "null",
    "true", "\x00", "a cat",
)  # fmt: skip


def fuzzed(generator: random.Random) -> str:
    """Pieces that the grammars know, or a text with some of them in it."""
    if generator.random() < 0.4:
        return "".join(generator.choices(PIECES, k=generator.randrange(30)))
    text, _ = SAME[generator.choice(list(SAME))]
    for piece in generator.choices(PIECES, k=generator.randrange(4)):
        at = generator.randrange(len(text) + 1)
        text = text[:at] + piece + text[at + generator.randrange(2) :]
    return text


def test_any_text_is_read_or_refused_with_its_place() -> None:
    generator, read_texts = random.Random(0), 0
    for _ in range(1000):
        text = fuzzed(generator)
        frames, closed_loop = generator.choice((1, 2, 16, 400)), generator.random() < 0.3
        try:
            travelling = travel(text, frames, generator.choice(INTERPOLATIONS), closed_loop, text[:3], text[-3:])
        except MotionError as error:
            sentence = str(error)
            assert sentence.startswith("Line ") and sentence.isprintable() and sentence.encode(), text
        else:
            read_texts += 1
            assert len(travelling.frames) == frames and travelling.reading.grammar in GRAMMARS
            assert all(0 <= each.share < 1 and each.prompt.encode() is not None for each in travelling.frames)
            assert travelling.report().encode()
    assert 300 < read_texts < 700


@pytest.mark.parametrize(
    "text",
    [
        "0" + " " * 300_000 + "x",
        "{" + " " * 300_000,
        '"' + "\\" * 300_001,
        "8: " * 100_000,
        "8" * 30_000,
        "." * 300_000,
    ],
)
def test_reading_takes_time_in_proportion_to_the_text(text: str) -> None:
    start = time.perf_counter()
    with suppress(MotionError):
        travel(text, FRAMES, "linear", False)
    assert time.perf_counter() - start < 2


def test_the_report_shows_grammar_frames_and_what_is_not_used() -> None:
    text = '"0:8": "a cat <lora:x:1>", "24": "a dog --neg bad"'
    assert travel(text, FRAMES, "linear", False, before="oil").report().split("\n") == [
        "Read as JSON or FizzNodes, for 16 frames.",
        "Before every prompt: 'oil'.",
        "0-7: a cat <lora:x:1>",
        "24: a dog --neg bad",
        "Frame 24 is after the last frame, 15: the clip ends before it.",
        "The text after --neg is not used. Write it into a negative prompt.",
        "<lora:x:1> in a prompt loads nothing. Load LoRAs with Load LoRA.",
    ]
    many = "\n".join(f"{frame}: {frame}" for frame in range(16))
    assert travel(many, FRAMES, "linear", False).report().count("\n") == 13
    assert travel(many, FRAMES, "linear", False).report().endswith("More frames with prompts: 4.")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("0: a cat, 8: a dog, 12: a bird", "8:"),
        ("0: a cat; 8:a dog", "8:"),
        ('0: a cat\n"8": "a dog"', '"8":'),
        ("0: a cat, 16:9, (red, blue:1.2)\n8: 4 cats, f 8: b", None),
    ],
)
def test_a_frame_inside_a_prompt_is_reported(text: str, found: str | None) -> None:
    remark = f"'{found}' is read as part of a prompt. Write each frame on its own line."
    assert travel(text, FRAMES, "linear", False).remarks() == [remark] * bool(found)
