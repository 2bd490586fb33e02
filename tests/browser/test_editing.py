"""Everyday work on a graph: undo, copy, bypass, subgraphs."""

import pytest

from .graph import Graph
from .page import ComfyPage, Renderer
from .runs import Runs, files, tiny

LOAD, APPLY = "ADXL_LoadMotionModel", "ADXL_ApplyMotionModel"
VALUES = {"beta_schedule": "SDXL", "strength": 0.5, "start_percent": 0.25, "end_percent": 0.75, "clip_frames": 2}


@pytest.fixture
def edited(graph: Graph, renderer: Renderer) -> Graph:
    """A graph whose Apply has no default left, as it was saved, drawn by each renderer."""
    workflow = tiny()
    apply = next(node for node in workflow["nodes"] if node["type"] == APPLY)
    apply["widgets_values"] = list(VALUES.values())
    graph.load(workflow)
    return graph


@pytest.fixture
def undoable(edited: Graph) -> Graph:
    """The same graph without Save Video: Vue measures it twice, and each time the page ends what can be redone."""
    edited.remove("SaveVideo")
    edited.select(LOAD)
    edited.settle()
    return edited


def test_a_copy_keeps_values_and_undo_takes_it_back(comfy: ComfyPage, undoable: Graph) -> None:
    undoable.select(APPLY)
    comfy.press("Control+c", "Control+v")
    comfy.until(lambda: undoable.remembered().count(APPLY) == 2, "the node is not pasted")
    copies = [node["inputs"] for node in undoable.prompt().values() if node["class_type"] == APPLY]
    assert [{name: copy[name] for name in VALUES} for copy in copies] == [VALUES, VALUES]
    undoable.undo(lambda: undoable.remembered().count(APPLY) == 1, "the copy is not undone")
    assert undoable.sent(APPLY, *VALUES) == VALUES


def test_undo_and_redo_keep_values(comfy: ComfyPage, undoable: Graph, renderer: Renderer) -> None:
    undoable.select(LOAD)
    comfy.press("Delete")
    comfy.until(lambda: LOAD not in undoable.remembered(), "the node is not deleted")
    comfy.press("Control+z")
    comfy.until(lambda: LOAD in undoable.remembered(), "the deletion is not undone")
    assert undoable.sent(APPLY, *VALUES) == VALUES
    if renderer == "vue":  # measures nodes again after undo: if a size differs, the page has nothing left to redo
        return
    comfy.press("Control+y")
    comfy.until(lambda: LOAD not in undoable.remembered(), "the deletion is not done again")
    assert undoable.sent(APPLY, *VALUES) == VALUES


def test_bypass_takes_the_node_out_and_back(comfy: ComfyPage, edited: Graph) -> None:
    motion = edited.sent("KSampler", "model")
    checkpoint = edited.sent(APPLY, "model")
    edited.select(APPLY)
    comfy.press("Control+b")
    comfy.until(lambda: edited.sent("KSampler", "model") == checkpoint, "the node is not bypassed")
    comfy.press("Control+b")
    comfy.until(lambda: edited.sent("KSampler", "model") == motion, "the node does not come back")
    assert edited.sent(APPLY, *VALUES) == VALUES


def test_a_subgraph_sends_the_same_values_and_runs(edited: Graph, runs: Runs) -> None:
    edited.convert_to_subgraph(LOAD, APPLY)
    assert APPLY not in edited.kinds()
    assert edited.sent(APPLY, *VALUES) == VALUES
    assert files(runs.succeed())
