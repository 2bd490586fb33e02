"""Texts that people read are plain: short sentences, and no words that make them hard to read."""

import ast
import io
import json
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from .test_messages import TEMPLATES

ROOT = Path(__file__).parent.parent
MOST_WORDS = 30
"""In a sentence. Plain-language guides ask for 15 to 25 on average."""

BANNED = {
    r"\btold\b|\btells?\b": "reports, shows, detects, recognises",
    r"\bbut for\b": "except",
    r"\bhardly\b": "rarely, barely",
    r"\bwhoever\b": "code that, anyone who",
    r"(?<![Tt]here )(?<!where )\b(is|are) no (?!longer)": "is not a",
    r"\bbehind (one another|each other|the other)\b": "one after another",
    r"\b(Read|Asked|Found|Counted|Drawn|Taken) (is|are)\b": "subject, then verb",
    r"\bspellings?\b": "key format",
    r"\bstrangers?\b": "unsupported file",
    r"\bdoubt(s|ed)?\b": "warning",
    r"\bteller\b": "reporter",
    r"\bsets in\b": "starts",
    r"\bas far as\b": "if",
}
"""Patterns that make a sentence hard to read or a term hard to find, and a better wording for each."""

PYTHON = sorted(
    path for folder in ("nodes", "motion_models", "tests", "benchmarks") for path in (ROOT / folder).rglob("*.py")
)
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").glob("*.md"),
        *(ROOT / "js/docs").glob("*/en.md"),
        *(ROOT / "benchmarks").glob("*.md"),
    ]
)


def sentences(text: str) -> Iterator[str]:
    plain = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    plain = re.sub(r"`[^`]*`", "code", plain)
    plain = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", plain)
    for paragraph in re.split(r"\n\s*\n|\n\s*(?:[-*#]|\d+\.)\s*|\|", plain):
        yield from (part for part in re.split(r"(?<=[.!?])[*_)\"']*\s+", " ".join(paragraph.split())) if part)


def texts_of_code(path: Path) -> Iterator[str]:
    """Docstrings and comments. Programs read the other strings, and people the messages."""
    source = path.read_text()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.value.value
    comment: list[str] = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            comment.append(token.string.lstrip("# "))
        elif token.type not in (tokenize.NL, tokenize.INDENT, tokenize.DEDENT):
            if comment:
                yield " ".join(comment)
            comment = []


def strings(tree: object) -> Iterator[str]:
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, dict):
        for value in tree.values():
            yield from strings(value)


def check(texts: Iterator[str]) -> list[str]:
    wrong = []
    for text in texts:
        for sentence in sentences(text):
            if len(sentence.split()) > MOST_WORDS:
                wrong.append(f"{len(sentence.split())} words: {sentence}")
            wrong += [
                f"write {better!r}: {sentence}" for banned, better in BANNED.items() if re.search(banned, sentence)
            ]
    return wrong


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_pages_are_plain(path: Path):
    assert not check(iter([path.read_text()]))


@pytest.mark.parametrize("path", PYTHON, ids=lambda path: str(path.relative_to(ROOT)))
def test_docstrings_and_comments_are_plain(path: Path):
    assert not check(texts_of_code(path))


def test_messages_are_plain():
    assert not check(iter(TEMPLATES))


def test_texts_of_nodes_are_plain():
    assert not check(strings(json.loads((ROOT / "locales/en/nodeDefs.json").read_text())))
