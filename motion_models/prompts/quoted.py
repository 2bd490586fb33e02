"""Prompts in double quotes: `"8": "a cat",` in JSON and FizzNodes, and `8 = "a cat",` in AnimateDiff-Evolved.

Both forms are read alike. Commas may be missing or too many, and braces may be around them.
Sources: ScheduledNodes.py of FizzleDorf/ComfyUI_FizzNodes, animatediff/scheduling.py of
Kosinkadink/ComfyUI-AnimateDiff-Evolved.
"""

import re

from ..errors import MotionError
from .text import Entry, Reading, after_blanks, place

JSON, EVOLVED = "JSON or FizzNodes", "AnimateDiff-Evolved"

QUOTED = re.compile(r"""["][^"\n]*["]\s*[:=]|[-.0-9][-.:0-9\s]*=|[-.0-9][-.0-9\s]*:+\s*["`]""")
"""The beginning of such a text, after blanks and a brace."""

KEY, SEPARATOR, PROMPT, END = (
    "a frame, such as 8",
    "a colon or an equals sign",
    "a prompt in double quotes",
    "the end of the text",
)
EXPECTED = (KEY, SEPARATOR, PROMPT, END)

BEGINNING = re.compile(r"[-.\w(<\[]")
"""The first character of a key or a prompt."""

ESCAPES = {"n": "\n", "r": "\n", "t": "\t", "b": "", "f": "\n"}
ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)


def is_quoted(text: str) -> bool:
    return QUOTED.match(text, body_at(text)) is not None


def body_at(text: str) -> int:
    """The index of the first key."""
    at = after_blanks(text, 0)
    return after_blanks(text, at + 1) if text.startswith("{", at) else at


def read_quoted(text: str) -> Reading:
    """Raises MotionError with the line and column of what it cannot read."""
    at, entries, separators = body_at(text), [], []
    while at < len(text) and text[at] != "}":
        start = at
        key, key_at, at = read_key(text, start)
        at = after_blanks(text, at)
        if at == len(text) or text[at] not in ":=":
            raise unexpected(text, at, SEPARATOR)
        separators.append(text[at])
        prompt_at = after_blanks(text, at + 1)
        prompt, at = read_prompt(text, prompt_at)
        entries.append(Entry(key, key_at, prompt, (start, at), (prompt_at + 1, at - 1)))
        at = after_blanks(text, at, " \t\r\n\f\v\ufeff\xa0,")
    end = after_blanks(text, at + 1)
    if end < len(text):
        raise unexpected(text, end, END)
    if not entries:
        raise unexpected(text, at, KEY)
    return Reading(EVOLVED if separators[0] == "=" else JSON, tuple(entries))


def read_key(text: str, at: int) -> tuple[str, int, int]:
    """A key, its index, and the index after it. A key without quotes ends before the separator."""
    if text[at] == '"':
        return text[at + 1 : (end := end_of_quote(text, at))], at + 1, end + 1
    end = at
    while end < len(text) and text[end] not in '="`,{}\n':
        end += 1
    key = text[at:end].rstrip()
    if text[end : end + 1] != "=":
        if not key.endswith(":"):
            raise unexpected(text, at if key else end, KEY if end == at else SEPARATOR)
        end = at + len(key) - 1
        key = key[:-1]
    return key.rstrip(), at, end


def read_prompt(text: str, at: int) -> tuple[str, int]:
    """A prompt in quotes from `at` on, and the index after it."""
    if text[at : at + 1] == "`":
        raise backtick(text, at)
    if text[at : at + 1] != '"':
        raise unexpected(text, at, PROMPT)
    end = end_of_quote(text, at)
    return ESCAPE.sub(unescaped, text[at + 1 : end]), end + 1


def end_of_quote(text: str, at: int) -> int:
    """The index of the quote that closes the one at `at`.

    If text begins directly behind it, that quote opens a text, and the one at `at` is not closed.
    """
    end = at + 1
    while end < len(text) and text[end] != '"':
        end += 2 if text[end] == "\\" else 1
    if end >= len(text):
        raise MotionError(
            "Line {line}, column {column}: this double quote is not closed. Put another one after the text.",
            **place(text, at),
        )
    if BEGINNING.match(text, end + 1):
        raise MotionError(
            "Line {line}, column {column}: this double quote is not closed before the next one. Put another one after "
            'the text, or write \\" for a double quote in it.',
            **place(text, at),
        )
    return end


def unescaped(found: re.Match[str]) -> str:
    r"""The character of an escape of JSON. Others stay, because prompts have round brackets as `\(`."""
    escape = found[1]
    if len(escape) == 5:
        return chr(int(escape[1:], 16))
    if escape in '"\\/':
        return escape
    return ESCAPES.get(escape, found[0])


def backtick(text: str, at: int) -> MotionError:
    return MotionError(
        "Line {line}, column {column}: expressions in back-ticks are not computed. Write the text itself.",
        **place(text, at),
    )


def unexpected(text: str, at: int, expected: str) -> MotionError:
    if at >= len(text):
        return MotionError(
            "Line {line}, column {column}: the text ends here, but {expected} must follow.",
            **place(text, at),
            expected=expected,
        )
    return MotionError(
        "Line {line}, column {column}: {found} stands here, but must be {expected}.",
        **place(text, at),
        found=repr(text[at : at + 12]),
        expected=expected,
    )
