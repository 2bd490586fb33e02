"""Reading the text of prompts that travel, in the grammars of three other packs."""

from collections.abc import Callable

from .lines import LINES, read_lines
from .quoted import EVOLVED, JSON, backtick, is_quoted, read_quoted
from .text import Reading

GRAMMARS: dict[str, Callable[[str], Reading]] = {JSON: read_quoted, EVOLVED: read_quoted, LINES: read_lines}


def read(text: str) -> Reading:
    """The prompts of a text. Raises MotionError with the line and column of what it cannot read."""
    reading = read_quoted(text) if is_quoted(text) else read_lines(text)
    if "`" in text:
        raise backtick(text, text.index("`"))
    return reading
