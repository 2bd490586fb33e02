"""Graphs come back: from a reload, from the saved file, from a video or a picture that they made."""

from typing import Any

import pytest

from tests.host.server import Server

from .graph import Graph
from .page import ComfyPage, Renderer
from .runs import Runs, files, tiny

WINDOWS = "ADXL_ContextWindows"
VALUES: dict[str, Any] = {
    "context_length": 12,
    "context_overlap": 3,
    "context_stride": 2,
    "context_schedule": "looped_uniform",
    "fuse_method": "relative",
    "closed_loop": True,
    "freenoise": True,
    "windows_per_batch": 2,
}


@pytest.fixture
def edited(graph: Graph) -> Graph:
    """A graph whose Context Windows has no default left."""
    graph.load(tiny())
    graph.add(WINDOWS)
    graph.connect("ADXL_ApplyMotionModel", 0, WINDOWS, "model")
    graph.connect(WINDOWS, 0, "KSampler", "model")
    graph.set(WINDOWS, **VALUES)
    return graph


def test_a_saved_graph_opens_from_the_sidebar_with_its_values(
    comfy: ComfyPage, edited: Graph, server: Server, renderer: Renderer
) -> None:
    name = f"kept {renderer}"
    comfy.press("Control+s")
    box = comfy.page.get_by_role("dialog").get_by_role("textbox")
    box.fill(name)
    box.press("Enter")
    comfy.until(
        lambda: f"workflows/{name}.json" in server.get("/userdata?dir=.&recurse=true"), "the graph is not saved"
    )
    comfy.open()
    comfy.blank()
    comfy.command("Workspace.ToggleSidebarTab.workflows")
    comfy.page.get_by_role("treeitem").get_by_text(name).last.click()
    comfy.until(lambda: WINDOWS in edited.kinds(), "the graph does not open")
    assert edited.sent(WINDOWS, *VALUES) == VALUES
    comfy.command("Workspace.ToggleSidebarTab.workflows")


def test_an_unsaved_graph_survives_a_reload(comfy: ComfyPage, edited: Graph, renderer: Renderer) -> None:
    marker = f"an unsaved graph of {renderer} nodes"
    edited.set("CLIPTextEncode", text=marker)
    edited.select(WINDOWS)
    comfy.press("Escape")  # the page looks for changes when a key is pressed
    stored = "marker => [localStorage, sessionStorage].some(s => Object.values(s).some(kept => kept.includes(marker)))"
    comfy.until(lambda: comfy.evaluate(stored, marker), "the page does not keep the graph")
    comfy.open()
    comfy.until(lambda: WINDOWS in edited.kinds(), "the graph is gone")
    assert edited.sent(WINDOWS, *VALUES) == VALUES


DROP = """async ([address, name, type]) => {
    const data = new DataTransfer()
    data.items.add(new File([await (await fetch(address)).blob()], name, {type}))
    const canvas = document.querySelector('#graph-canvas')
    const event = {bubbles: true, cancelable: true, dataTransfer: data, clientX: 800, clientY: 500}
    for (const kind of ['dragenter', 'dragover', 'drop']) canvas.dispatchEvent(new DragEvent(kind, event))
}"""


@pytest.mark.parametrize("type", ["video/mp4", "image/png"])
def test_a_dropped_result_brings_its_graph_back(comfy: ComfyPage, edited: Graph, runs: Runs, type: str) -> None:
    if type == "image/png":
        edited.add("SaveImage")
        edited.connect("VAEDecode", 0, "SaveImage", "images")
    outputs = runs.succeed()
    saved = next(item for item in files(outputs) if item["filename"].endswith(type[-3:]))
    comfy.blank()
    address = f"/api/view?filename={saved['filename']}&subfolder={saved['subfolder']}&type={saved['type']}"
    comfy.evaluate(DROP, [address, saved["filename"], type])
    comfy.until(lambda: WINDOWS in edited.kinds(), "the graph does not come back")
    assert edited.sent(WINDOWS, *VALUES) == VALUES
