"""The text that a person wrote, with the line and column of each of its characters."""

from dataclasses import dataclass

Span = tuple[int, int]
"""A part of a text: the index of its first character, and the index after its last."""


@dataclass(frozen=True)
class Entry:
    """A prompt of the text, with its key."""

    key: str
    """As it is written: `8`, `-1`, `.5`, `0:8` or `8:`."""
    at: int
    """Index in the text of the first character of the key."""
    prompt: str
    span: Span
    """The key and the prompt, with their quotes."""
    prompt_span: Span
    """The prompt as it is written, without its quotes."""


@dataclass(frozen=True)
class Reading:
    """What a grammar reads in a text."""

    grammar: str
    """A key of GRAMMARS."""
    entries: tuple[Entry, ...]
    """At least one, in the order of the text."""
    before: str = ""
    """Text before each prompt."""
    after: str = ""
    """Text after each prompt."""


def place(text: str, at: int) -> dict[str, int]:
    """Line and column of a character, which count from 1: values for a message."""
    return {"line": text.count("\n", 0, at) + 1, "column": at - text.rfind("\n", 0, at)}


def after_blanks(text: str, at: int, blanks: str = " \t\r\n\f\v\ufeff\xa0") -> int:
    """The index of the first character from `at` on that is not blank. The length of the text if there is none."""
    while at < len(text) and text[at] in blanks:
        at += 1
    return at
