"""A person opens the page and finds the pack in it."""

import re
from collections.abc import Callable

import pytest

from tests.test_pack import INPUTS

from .page import ComfyPage

SEARCH_MS = 20_000
FIRST = {
    "animatediff": "AnimateDiff",
    "AnimateDiff XL": "AnimateDiff",
    "motion lora": "Load AnimateDiff Motion LoRA",
}
"""What is searched for, and what the first hit must contain."""


def test_the_page_opens_without_a_complaint(comfy: ComfyPage) -> None:
    registered = comfy.evaluate("() => Object.keys(LiteGraph.registered_node_types)")
    assert {name for name in registered if name.startswith("ADXL_")} == set(INPUTS)
    assert comfy.complaints == []


def search(comfy: ComfyPage, words: str, found: Callable[[list[str]], bool]) -> None:
    """Search for some words, and wait until the names that are offered, best first, are as they should be."""
    comfy.command("Workspace.SearchBox.Toggle")
    box = comfy.page.get_by_placeholder(re.compile("Add a node|Search Nodes"))
    options = comfy.page.locator("[role=option]")

    def names() -> list[str]:
        lines = [text.strip().split("\n")[0].strip() for text in options.all_inner_texts()]
        return [line for line in lines if line]

    box.fill("no node has this name")  # the box opens with what was found before
    comfy.until(lambda: not any("AnimateDiff" in name for name in names()), "the search finds what is not there")
    box.fill(words)
    comfy.until(lambda: found(names()), f"{words!r} does not find the pack", SEARCH_MS)
    comfy.press("Escape")
    box.wait_for(state="hidden")


@pytest.mark.parametrize("words", FIRST)
def test_search_finds_the_pack_first(comfy: ComfyPage, words: str) -> None:
    search(comfy, words, lambda names: bool(names) and FIRST[words] in names[0])


def test_search_for_context_offers_the_pack(comfy: ComfyPage) -> None:
    search(comfy, "context", lambda names: "AnimateDiff Context Windows" in names[:6])
