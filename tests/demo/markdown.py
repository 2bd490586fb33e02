"""Parts of the README, and the table of Measure Motion, as HTML."""

from itertools import takewhile

from markdown_it import MarkdownIt
from markdown_it.token import Token

MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")
LIST, TABLE = "bullet_list", "table"


def section(text: str, title: str) -> list[Token]:
    """What stands below a heading of the second level, to the next one."""
    tokens = MARKDOWN.parse(text)
    (start,) = (
        index + 3
        for index, token in enumerate(tokens)
        if token.type == "heading_open" and tokens[index + 1].content == title
    )
    return list(takewhile(lambda token: token.tag != "h2", tokens[start:]))


def first_part(kind: str, tokens: list[Token]) -> str:
    """The first list or table, as HTML. kind: LIST or TABLE."""
    types = [token.type for token in tokens]
    part = tokens[types.index(f"{kind}_open") : types.index(f"{kind}_close") + 1]
    return MARKDOWN.renderer.render(part, MARKDOWN.options, {})
