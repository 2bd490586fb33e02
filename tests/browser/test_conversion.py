"""Graphs of AnimateDiff-Evolved: the offer when one opens, the menu command, and undo."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator

from tests.motion_models.conversion.graphs import box, gen2, link, page, with_settings

from .graph import Graph
from .page import ComfyPage, Renderer

THEIRS = [
    "ADE_ApplyAnimateDiffModelSimple",
    "ADE_LoadAnimateDiffModel",
    "ADE_StandardStaticContextOptions",
    "ADE_UseEvolvedSampling",
]
OURS = ["ADXL_ApplyMotionModel", "ADXL_ContextWindows", "ADXL_LoadMotionModel"]
COMMAND = "AnimateDiffXL.ConvertGraph"


def theirs() -> dict[str, Any]:
    """A small graph of theirs, which no other test has opened: it has no id yet."""
    graph = with_settings(
        gen2(effect_multival=link("effect", "MULTIVAL")), context_options=link("context", "CONTEXT_OPTIONS")
    )
    graph["effect"] = box("ADE_MultivalDynamic", float_val=0.75)
    graph["context"] = box("ADE_StandardStaticContextOptions", context_length=12, context_overlap=3, fuse_method="flat")
    return page(graph)


@pytest.fixture(autouse=True)
def without_other_questions(comfy: ComfyPage) -> Iterator[None]:
    """Older pages show a dialog about missing nodes, which can lie over ours."""
    comfy.set_setting("Comfy.Workflow.ShowMissingNodesWarning", False)
    yield
    comfy.set_setting("Comfy.Workflow.ShowMissingNodesWarning", True)


def question(comfy: ComfyPage) -> Locator:
    return comfy.page.get_by_role("dialog").filter(has_text="Convert to AnimateDiff XL")


def kinds(graph: Graph, wanted: list[str]) -> bool:
    return set(wanted) <= set(graph.kinds())


def until_converted(comfy: ComfyPage, graph: Graph) -> None:
    comfy.until(lambda: kinds(graph, OURS), "the graph is not converted")
    comfy.page.get_by_text("The graph is converted").last.wait_for()


def check(graph: Graph) -> None:
    """What the page would send for the converted graph."""
    windows = graph.sent("ADXL_ContextWindows")
    assert (windows["context_length"], windows["context_overlap"], windows["fuse_method"]) == (12, 3, "flat")
    prompt = graph.prompt()
    classes = {number: node["class_type"] for number, node in prompt.items()}
    applied = graph.sent("ADXL_ApplyMotionModel")
    assert applied["strength"] == 0.75 and classes[applied["motion_model"][0]] == "ADXL_LoadMotionModel"
    assert classes[graph.sent("KSampler")["model"][0]] == "ADXL_ContextWindows"
    assert graph.sent("ADXL_LoadMotionModel")["motion_model"] == "mm_sdxl_v10_beta.ckpt"
    assert graph.sent("KSampler", "steps", "cfg") == {"steps": 30, "cfg": 8}


def test_a_graph_of_theirs_is_converted_on_request_and_undone(
    comfy: ComfyPage, graph: Graph, renderer: Renderer
) -> None:
    graph.load(theirs())
    question(comfy).wait_for()
    assert kinds(graph, THEIRS)  # nothing happens before the answer
    assert "5 nodes" in question(comfy).inner_text()
    question(comfy).get_by_role("button", name="Confirm").click()
    until_converted(comfy, graph)
    assert not any(kind.startswith("ADE_") for kind in graph.kinds())
    comfy.close_dialogs()
    check(graph)
    assert "same seed gives another clip" in str(graph.widgets("MarkdownNote"))
    graph.undo(lambda: kinds(graph, THEIRS), "undo does not bring the graph back")
    comfy.page.wait_for_timeout(500)
    assert not question(comfy).count()
    comfy.press("Control+y")
    comfy.until(lambda: kinds(graph, OURS), "redo does not convert the graph again")


def test_the_menu_command_converts_and_no_changes_nothing(comfy: ComfyPage, graph: Graph, renderer: Renderer) -> None:
    graph.load(theirs())
    question(comfy).get_by_role("button", name="Cancel").click()
    comfy.close_dialogs()
    assert kinds(graph, THEIRS) and "MarkdownNote" not in graph.kinds()
    comfy.command(COMMAND)
    question(comfy).get_by_role("button", name="Confirm").click()
    until_converted(comfy, graph)
    comfy.close_dialogs()
    check(graph)
    comfy.command(COMMAND)
    comfy.page.get_by_text("has no nodes of AnimateDiff-Evolved").first.wait_for()
    of_the_registry = "api.comfy.org"  # the page looks for the missing pack there
    assert not [complaint for complaint in comfy.complaints if of_the_registry not in complaint]
