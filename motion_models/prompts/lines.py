"""Prompts in lines: `8: a cat`. Lines before the first frame and after the last one belong to every prompt.

Source: scripts/animatediff_prompt.py of continue-revolution/sd-webui-animatediff.
"""

import re

from ..errors import MotionError
from .text import Entry, Reading, after_blanks, place

LINES = "lines, as in sd-webui-animatediff"

KEYED = re.compile(r"[\s\ufeff]*(-?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))\s*[:\uff1a](.*)")
"""A line with a frame. Chinese keyboards write a wide colon, and Windows a mark before the first line."""


def read_lines(text: str) -> Reading:
    """Raises MotionError with the line and column of what it cannot read."""
    entries: list[Entry] = []
    before: list[str] = []
    after: list[str] = []
    start, after_at = 0, 0
    for line in text.split("\n"):
        found = KEYED.match(line)
        if found:
            if after:
                raise MotionError(
                    "Line {line}, column {column}: a line without a frame stands between two frames. Write each prompt "
                    "in one line, or put text for all prompts before the first frame or after the last.",
                    **place(text, after_at),
                )
            at, prompt = start + found.start(1), found[2].strip()
            prompt_at = start + found.start(2) + found[2].index(prompt)
            end = prompt_at + len(prompt)
            entries.append(Entry(found[1], at, prompt, (at, end), (prompt_at, end)))
        elif line.strip():
            if entries and not after:
                after_at = after_blanks(text, start)
            (after if entries else before).append(line.strip())
        start += len(line) + 1
    if not entries:
        raise MotionError(
            "Line {line}, column {column}: there is no frame. Write lines with a frame and a prompt, such as "
            "'0: a forest in spring'.",
            **place(text, after_blanks(text, 0)),
        )
    return Reading(LINES, tuple(entries), joined(*before), joined(*after))


def joined(*parts: str) -> str:
    """Parts of a prompt with commas between them. A single part stays as it is."""
    filled = [part for part in parts if part.strip()]
    if len(filled) < 2:
        return "".join(filled)
    return ", ".join(part.strip().removesuffix(",").rstrip() for part in filled[:-1]) + ", " + filled[-1].strip()
