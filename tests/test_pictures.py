"""Pictures of README, help, templates and registry: each is shown, made by a script, small, and moves if it should."""

import re
from pathlib import Path

import pytest
from PIL import Image, ImageSequence

from tests.host.obtain import PACK
from tests.pictures.clips import CARDS, PICTURE, PICTURE_CARD
from tests.pictures.drawn import PLANS
from tests.pictures.icon import BANNER, ICON
from tests.pictures.saving import HELP, MOST_WIDTH
from tests.workflows.files import TEMPLATES

KINDS = (".png", ".webp", ".jpg")
PICTURES = [
    path for folder in (PACK / "docs", HELP, TEMPLATES) for path in sorted(folder.iterdir()) if path.suffix in KINDS
]
MOVING = [path for path in PICTURES if path.suffix != ".png"]
SHOW_MOTION = (
    "ApplyMotionModel", "ClipNoise", "ContextWindows", "EncodeClips", "LoadMotionLoRA", "MotionGuidance",
    "MotionOptions", "PicturesInClip", "PromptTravel",
)  # fmt: skip
"""Nodes whose help is about what moves."""


def shown_in(page: Path, folder: Path) -> set[Path]:
    """Files of the pictures on a page. folder: that their names start from."""
    names = re.findall(r'!\[.*?\]\(([^)]+)\)|<img src="([^"]+)"', page.read_text(encoding="utf-8"))
    return {(folder / (markdown or html)).resolve() for markdown, html in names}


def test_every_picture_exists_and_is_shown() -> None:
    texts = {PACK / "README.md": PACK} | {page: PACK / "docs" for page in (PACK / "docs").glob("*.md")}
    texts |= {page: HELP for page in HELP.rglob("*.md")}
    shown = set().union(*(shown_in(page, folder) for page, folder in texts.items()))
    cards = {path.with_suffix(".jpg") for path in TEMPLATES.glob("*.json")}
    assert shown | cards | {ICON, BANNER} == set(PICTURES)


def test_every_picture_is_made_by_a_script() -> None:
    code = "".join(path.read_text() for path in (PACK / "tests" / "pictures").glob("*.py"))
    named = {*re.findall(r'"(\w+\.(?:png|webp))"', code), *(f"windows_{plan}.png" for plan in PLANS)}
    cards = {TEMPLATES / f"{name}.jpg" for name in (*CARDS, PICTURE_CARD)}
    assert set(PICTURES) - {HELP / name for name in named} - cards == {PICTURE, ICON, BANNER}


@pytest.mark.parametrize("path", PICTURES, ids=lambda path: path.stem)
def test_pictures_are_small(path: Path) -> None:
    assert path.stat().st_size < (300_000 if path in MOVING else 100_000)
    with Image.open(path) as picture:
        assert picture.width <= MOST_WIDTH or path.parent != HELP


@pytest.mark.parametrize("path", MOVING, ids=lambda path: path.stem)
def test_moving_pictures_repeat_and_change(path: Path) -> None:
    with Image.open(path) as picture:
        assert picture.format == "WEBP" and picture.info["loop"] == 0
        frames = [frame.convert("RGB").tobytes() for frame in ImageSequence.Iterator(picture)]
    assert len(frames) >= 12 and len(set(frames)) == len(frames)


@pytest.mark.parametrize("node", SHOW_MOTION)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_help_about_motion_has_a_moving_picture(node: str, language: str) -> None:
    assert shown_in(HELP / f"ADXL_{node}" / f"{language}.md", HELP) & set(MOVING)
