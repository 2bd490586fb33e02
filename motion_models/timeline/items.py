"""Items of a list in a text, such as `0: 0, 8: 1`. Only blanks and separators stand between two of them."""

from collections.abc import Sequence

from ..prompts.text import Span


def replaced(text: str, span: Span, replacement: str) -> str:
    start, stop = span
    return text[:start] + replacement + text[stop:]


def without(text: str, items: Sequence[Span], index: int) -> str:
    """The text without an item, and without what separates it from a neighbour."""
    (start, stop), *after = items[index:]
    if after:
        return replaced(text, (start, after[0][0]), "")
    return replaced(text, (items[index - 1][1] if index else start, stop), "")


def with_item(text: str, items: Sequence[Span], index: int, item: str, before: bool, separator: str) -> str:
    """The text with one more item after (or before) another, separated as its neighbours are.

    separator: if there is only one item so far.
    """
    start, stop = items[index]
    if len(items) > 1:
        one = min(index, len(items) - 2)
        separator = text[items[one][1] : items[one + 1][0]]
    if before:
        return replaced(text, (start, start), item + separator)
    return replaced(text, (stop, stop), separator + item)
