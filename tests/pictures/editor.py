"""Help pictures of nodes: the graph of a clip, and the timelines. They are taken from the page in a browser.

python -m tests.pictures.editor
"""

from dataclasses import replace
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from playwright.sync_api import FloatRect, sync_playwright

from ..browser.chromium import chromium
from ..browser.graph import Graph
from ..browser.page import ComfyPage
from ..browser.timeline import PROMPTS, STRENGTHS, Timeline
from ..host.front_end import front_end
from ..host.obtain import comfyui_root
from ..host.server import serving
from ..workflows.clips import REFERENCE, clip_boxes
from ..workflows.drawing import Box, draw
from .saving import MOST_WIDTH, save_still

PLACES = {"checkpoint": (0, 0), "motion": (0, 165), "apply": (340, 0), "sampler": (680, 0)}
"""Boxes of the graph of a clip, in columns narrower than those of the templates, so that letters stay large."""
COLUMN = 290
BORDER = 24
AS_LOW_AS_POSSIBLE = """() => {
    app.graph.nodes.forEach(node => node.setSize([node.size[0], node.computeSize()[1]]))
    app.canvas.deselectAll()
    app.canvas.setDirty(true, true)
}"""
CORNERS = """() => {
    const {x, y} = app.canvas.canvas.getBoundingClientRect()
    const boxes = app.graph.nodes.map(node => node.getBounding())
    const [left, top] = [0, 1].map(axis => Math.min(...boxes.map(box => box[axis])))
    const [right, bottom] = [0, 1].map(axis => Math.max(...boxes.map(box => box[axis] + box[axis + 2])))
    const {scale, offset} = app.canvas.ds
    return [[left, top], [right, bottom]].map(([a, b]) => [(a + offset[0]) * scale + x, (b + offset[1]) * scale + y])
}"""
"""Where the graph is on the page: its upper left and lower right corner."""

NODES = {
    PROMPTS: (
        {"prompts": "0: spring, blossom\n7: summer\n12: autumn, red leaves\n-1: winter", "frames": 24},
        (0, 7, 12, 23),
    ),
    STRENGTHS: ({"points": "0: 0, 8: 1.2, 15: 0.5, 23: 1", "interpolation": "cubic"}, (0, 8, 15, 23)),
}
GAP = 8
SETTLED_MS = 1000


def main_nodes() -> dict[str, Box]:
    """The nodes of a clip that pass the model on."""
    drawing = clip_boxes(REFERENCE)
    return {
        name: replace(
            drawing[name],
            place=place,
            size=(COLUMN, drawing[name].size[1]),
            links=tuple(link for link in drawing[name].links if link[1] in PLACES),
            models=(),
        )
        for name, place in PLACES.items()
    }


def graph_of_a_clip(comfy: ComfyPage) -> Image.Image:
    comfy.blank()
    comfy.use("classic")
    graph = Graph(comfy)
    graph.load(draw(main_nodes()))
    graph.select("ADXL_ApplyMotionModel")
    comfy.evaluate(AS_LOW_AS_POSSIBLE)
    comfy.page.wait_for_timeout(SETTLED_MS)
    (left, top), (right, bottom) = comfy.evaluate(CORNERS)
    return screenshot(comfy, left - BORDER, top - BORDER, right - left + 2 * BORDER, bottom - top + 2 * BORDER)


def timeline(comfy: ComfyPage, kind: str) -> Image.Image:
    """A timeline in a Vue node, as wide as the help page shows it."""
    graph = Graph(comfy)
    comfy.blank()
    comfy.use("vue")
    graph.add(kind)
    values, positions = NODES[kind]
    graph.set(kind, **values)
    comfy.evaluate("width => { app.canvas.ds.scale = width / (app.graph.nodes[0].size[0] - 32) }", MOST_WIDTH)
    graph.select(kind)
    drawn = Timeline(comfy, graph, kind)
    drawn.until_drawn(*positions)
    comfy.page.wait_for_timeout(SETTLED_MS)
    box = drawn.root.bounding_box()
    assert box
    return screenshot(comfy, box["x"] - GAP, box["y"] - GAP / 2, box["width"] + 2 * GAP, box["height"] + GAP)


def screenshot(comfy: ComfyPage, x: float, y: float, width: float, height: float) -> Image.Image:
    clip = FloatRect(x=x, y=y, width=width, height=height)
    return Image.open(BytesIO(comfy.page.screenshot(clip=clip))).convert("RGB")


def put_empty_models(folder: Path) -> None:
    """Files with the names of the real models, so that the page marks none as missing."""
    for kind, name in (("checkpoints", REFERENCE.checkpoint), ("animatediff_models", REFERENCE.motion_model)):
        path = folder / "models" / kind / name
        path.parent.mkdir(parents=True)
        path.touch()


def main() -> None:
    host = comfyui_root()
    flags = ("--cpu", "--front-end-root", str(front_end(host)))
    with TemporaryDirectory() as folder:
        put_empty_models(Path(folder))
        with serving(host, Path(folder), *flags) as server, sync_playwright() as playwright:
            comfy = ComfyPage(playwright.chromium.launch(executable_path=chromium(playwright)), server.address)
            comfy.open()
            graph = graph_of_a_clip(comfy)
            timelines = [timeline(comfy, kind) for kind in NODES]
    save_still(graph, "graph.png")
    sheet = Image.new("RGB", (timelines[0].width, sum(picture.height for picture in timelines)))
    top = 0
    for picture in timelines:
        sheet.paste(picture, (0, top))
        top += picture.height
    save_still(sheet, "timeline.png")


if __name__ == "__main__":
    main()
