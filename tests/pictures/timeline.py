"""The picture of the timelines in `js/docs`, taken from the page in a browser.

python -m tests.pictures.timeline
"""

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
from .help import COLOURS, FOLDER, MOST_WIDTH

NODES = {
    PROMPTS: (
        {"prompts": "0: spring, blossom\n7: summer\n12: autumn, red leaves\n-1: winter", "frames": 24},
        (0, 7, 12, 23),
    ),
    STRENGTHS: ({"points": "0: 0, 8: 1.2, 15: 0.5, 23: 1", "interpolation": "cubic"}, (0, 8, 15, 23)),
}
GAP = 8


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
    comfy.page.wait_for_timeout(1000)
    box = drawn.root.bounding_box()
    assert box
    width, height = box["width"] + 2 * GAP, box["height"] + GAP
    clip = FloatRect(x=box["x"] - GAP, y=box["y"] - GAP / 2, width=width, height=height)
    return Image.open(BytesIO(comfy.page.screenshot(clip=clip))).convert("RGB")


def main() -> None:
    host = comfyui_root()
    flags = ("--cpu", "--front-end-root", str(front_end(host)))
    with TemporaryDirectory() as folder, serving(host, Path(folder), *flags) as server, sync_playwright() as playwright:
        comfy = ComfyPage(playwright.chromium.launch(executable_path=chromium(playwright)), server.address)
        comfy.open()
        pictures = [timeline(comfy, kind) for kind in NODES]
    sheet = Image.new("RGB", (pictures[0].width, sum(picture.height for picture in pictures)))
    top = 0
    for picture in pictures:
        sheet.paste(picture, (0, top))
        top += picture.height
    sheet.thumbnail((MOST_WIDTH, MOST_WIDTH))
    sheet.quantize(COLOURS).save(FOLDER / "timeline.png", optimize=True)


if __name__ == "__main__":
    main()
