"""The little Markdown that the page needs, as HTML: parts of the README, and the table of Measure Motion."""

import re
from html import escape

INLINE = (
    (re.compile(r"\[([^\]]+)\]\((https://[^)]+)\)"), r'<a href="\2">\1</a>'),
    (re.compile(r"`([^`]+)`"), r"<code>\1</code>"),
    (re.compile(r"\*\*([^*]+)\*\*"), r"<b>\1</b>"),
)


def section(text: str, title: str) -> str:
    """What stands below a heading of the second level, to the next one."""
    (found,) = re.findall(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return found


def inline(text: str) -> str:
    marked = escape(text, quote=True)
    for pattern, tag in INLINE:
        marked = pattern.sub(tag, marked)
    return marked


def bullets(text: str) -> str:
    """The list of a text. Further lines of an item are indented by two."""
    items = re.findall(r"^- (.*(?:\n  .*)*)", text, re.MULTILINE)
    return f"<ul>{''.join(f'<li>{inline(item)}</li>' for item in items)}</ul>"


def table(text: str) -> str:
    """The first table of a text. Its second line has only dashes. The first column names the rows."""
    lines = re.findall(r"(?:^\|.*\|$\n?)+", text, re.MULTILINE)[0].splitlines()
    heads, _, *rows = ([inline(cell.strip()) for cell in line.strip("|").split("|")] for line in lines)
    head = "".join(f'<th scope="col">{cell}</th>' for cell in heads)
    body = "".join(f"<tr>{row_of(cells)}</tr>" for cells in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def row_of(cells: list[str]) -> str:
    name, *values = cells
    return f'<th scope="row">{name}</th>' + "".join(f"<td>{value}</td>" for value in values)
