"""Help pages of the nodes, in both languages."""

from collections.abc import Iterator

import pytest

from tests.test_pack import INPUTS

from .graph import Graph
from .page import ComfyPage

LANGUAGES = ("en", "zh")


@pytest.fixture(scope="module", params=LANGUAGES)
def language(request: pytest.FixtureRequest, opened: ComfyPage) -> Iterator[str]:
    """The page in a language."""
    opened.set_setting("Comfy.Locale", request.param)
    opened.open()
    yield request.param
    opened.set_setting("Comfy.Locale", "en")


def is_chinese(text: str) -> bool:
    return any("\u4e00" <= letter <= "\u9fff" for letter in text)


@pytest.mark.parametrize("kind", INPUTS)
def test_help_opens_in_the_language_with_its_pictures(language: str, comfy: ComfyPage, graph: Graph, kind: str) -> None:
    graph.add(kind)
    graph.select(kind)
    comfy.page.get_by_test_id("info-button").click()
    page = comfy.page.locator(".node-help-content")
    page.locator("h1").wait_for()
    assert is_chinese(page.inner_text()) == (language == "zh")
    assert all(name in page.inner_text() for name in INPUTS[kind])
    pictures = page.locator("img")
    assert pictures.count()
    comfy.until(
        lambda: pictures.evaluate_all("pictures => pictures.every(picture => picture.naturalWidth)"),
        "a picture is missing",
    )
    assert comfy.complaints == []  # each page lies where the page asks first


def test_help_in_another_language_opens_in_english(comfy: ComfyPage, graph: Graph) -> None:
    comfy.set_setting("Comfy.Locale", "fr")
    comfy.open()
    graph.add("ADXL_WindowPlan")
    graph.select("ADXL_WindowPlan")
    comfy.page.get_by_test_id("info-button").click()
    comfy.page.locator(".node-help-content h1", has_text="AnimateDiff Window Plan").wait_for()
    comfy.set_setting("Comfy.Locale", "en")
