"""Measure Motion shows its picture so large that it can be read."""

from typing import Any

import pytest

from .graph import Graph
from .page import ComfyPage, Renderer
from .runs import Runs

FRAMES, KIND = "EmptyImage", "ADXL_MeasureMotion"
SMALL = [400, 800]
"""Width and height that a person gives the node."""
MOST_PIXELS = 1600

FIND = "const find = kind => app.canvas.graph.nodes.find(node => node.type === kind);"
"""In the graph that is open, which can be that of a subgraph."""
SIZE = f"kind => {{ {FIND} return [...find(kind).size] }}"
MAKE_SMALLER = f"([kind, size]) => {{ {FIND} find(kind).setSize(size) }}"
OPEN = f"kind => {{ {FIND} app.canvas.setGraph(find(kind).subgraph) }}"
CENTER = f"kind => {{ {FIND} app.canvas.centerOnNode(find(kind)) }}"
SHOWN = f"""async kind => {{
    {FIND}
    const node = find(kind)
    if (LiteGraph.vueNodesMode) {{
        const image = document.querySelector(`[data-node-id="${{node.id}}"] img`)
        if (!image?.naturalWidth) return [0, 0, 0]
        const {{clientWidth, clientHeight, naturalWidth, naturalHeight}} = image
        const scale = Math.min(clientWidth / naturalWidth, clientHeight / naturalHeight)
        return [naturalWidth * scale, naturalHeight * scale, naturalHeight]
    }}
    let shown = [0, 0, 0]
    const {{prototype}} = CanvasRenderingContext2D, {{drawImage}} = prototype
    prototype.drawImage = function (image, ...place) {{
        if (node.imgs?.includes(image)) shown = [place[2], place[3], image.naturalHeight]
        return drawImage.call(this, image, ...place)
    }}
    app.canvas.setDirty(true, true)
    for (let frame = 0; frame < 3; frame++) await new Promise(requestAnimationFrame)
    prototype.drawImage = drawImage
    return shown
}}"""
"""Width and height of the picture as it is drawn in the node, and the height of its file."""


RESIZED = [1, 40]
"""Version of the front end. Vue nodes of ComfyUI 0.16.3 (1.39.19) keep the height they opened with."""


@pytest.fixture(autouse=True)
def resized(comfy: ComfyPage, renderer: Renderer) -> None:
    version = comfy.evaluate("() => window.__COMFYUI_FRONTEND_VERSION__.split('.').map(Number)")
    if renderer == "vue" and version < RESIZED:
        pytest.skip("Vue nodes of this front end do not follow a new size")


@pytest.fixture
def measured(graph: Graph) -> Graph:
    """A still clip that is measured."""
    graph.add(FRAMES)
    graph.add(KIND)
    graph.set(FRAMES, width=64, height=64, batch_size=4)
    graph.connect(FRAMES, 0, KIND, "images")
    graph.select(KIND)
    return graph


def until_readable(comfy: ComfyPage) -> list[int]:
    """Wait until the picture is about as wide as the node; gives what is shown then."""

    def readable() -> list[Any] | None:
        shown, (width, height) = comfy.evaluate(SHOWN, KIND), comfy.evaluate(SIZE, KIND)
        return shown if 0.9 * width < shown[0] <= width and height <= MOST_PIXELS else None

    return comfy.until(readable, "the picture is narrower than its node", 20_000)


def test_the_picture_is_as_wide_as_its_node(comfy: ComfyPage, measured: Graph, runs: Runs, renderer: Renderer) -> None:
    width, _ = comfy.evaluate(SIZE, KIND)
    runs.succeed()
    _, height, _ = until_readable(comfy)
    assert comfy.evaluate(SIZE, KIND)[0] == width
    assert height > width


def test_a_node_that_was_made_smaller_stays_so(
    comfy: ComfyPage, measured: Graph, runs: Runs, renderer: Renderer
) -> None:
    """Until its picture has another shape, as with more clips."""
    runs.succeed()
    *_, before = until_readable(comfy)
    comfy.evaluate(MAKE_SMALLER, [KIND, SMALL])
    measured.set(KIND, fps=9)
    runs.succeed()
    comfy.page.wait_for_timeout(1000)
    assert comfy.evaluate(SIZE, KIND)[1] < SMALL[1] + 50
    measured.set(KIND, clip_frames=2)
    runs.succeed()
    comfy.until(lambda: comfy.evaluate(SHOWN, KIND)[2] > before, "no picture of two clips")
    until_readable(comfy)


def test_a_node_in_a_subgraph_makes_room_too(comfy: ComfyPage, measured: Graph, runs: Runs, renderer: Renderer) -> None:
    subgraph = measured.convert_to_subgraph(KIND)
    runs.succeed()
    comfy.evaluate(OPEN, subgraph)
    comfy.evaluate(CENTER, KIND)
    until_readable(comfy)
