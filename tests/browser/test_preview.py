"""The clip moves on its node while it is sampled."""

from collections.abc import Iterator

import pytest

from .graph import Graph
from .page import ComfyPage, Renderer
from .runs import Runs, tiny
from .test_runs import INTERRUPT

SETTING = "AnimateDiffXL.MovingPreview"
KIND = "KSampler"
COLOURS = ["red", "lime", "blue", "white"]

SEND_SHEET = """async ([kind, colours]) => {
    const canvas = new OffscreenCanvas(64, 64), context = canvas.getContext('2d')
    const tile = colours.length > 1 ? 32 : 64
    colours.forEach((colour, index) => {
        context.fillStyle = colour
        context.fillRect(tile * (index % 2), tile * (index >> 1), tile, tile)
    })
    const id = String(app.graph.nodes.find(node => node.type === kind).id)
    const detail = {blob: await canvas.convertToBlob(), nodeId: id, displayNodeId: id, jobId: '1', promptId: '1'}
    const send = (name, detail) => app.api.dispatchEvent(new CustomEvent(name, {detail}))
    if (colours.length > 1) send('animatediff_xl.preview', {node: id, columns: 2, rows: 2, moments: 4})
    send('b_preview_with_metadata', detail)
    send('b_preview', detail.blob)
    app.canvas.setDirty(true)
}"""
"""Do in the page what the server's messages of a step do. One colour: of its last message, which is a frame."""

SHOWN = """kind => {
    const node = app.graph.nodes.find(node => node.type === kind)
    const images = LiteGraph.vueNodesMode
        ? [...document.querySelectorAll(`[data-node-id="${node.id}"] img[src^="blob:"]`)]
        : node.imgs ?? []
    return images.filter(image => image.complete && image.naturalWidth).map(image => {
        const canvas = new OffscreenCanvas(2, 2), context = canvas.getContext('2d')
        context.drawImage(image, 0, 0, 2, 2)
        const data = context.getImageData(0, 0, 2, 2).data
        const corners = [0, 4, 8, 12].map(at => [0, 1, 2].map(c => data[at + c] > 127 ? 1 : 0).join(''))
        return new Set(corners).size > 1 ? 'a sheet' : corners[0]
    })
}"""
"""The colours of the pictures that a node shows: red is 100."""

HEARD = """() => {
    window.heard = {sheets: 0, pictures: 0, plain: 0}
    for (const [name, key] of [['animatediff_xl.preview', 'sheets'], ['b_preview_with_metadata', 'pictures'],
                               ['b_preview', 'plain']]) {
        app.api.addEventListener(name, () => heard[key]++)
    }
}"""
"""Count what arrives at listeners of others."""


def colours_seen(comfy: ComfyPage, wanted: set[str]) -> bool:
    """Whether a node comes to show each colour, and nothing else."""
    seen: set[str] = set()

    def complete() -> bool:
        seen.update(comfy.evaluate(SHOWN, KIND))
        return seen >= wanted

    comfy.until(complete, f"the node does not show {wanted}")
    return seen == wanted


def test_a_node_plays_the_frames_of_a_sheet(comfy: ComfyPage, graph: Graph, renderer: Renderer) -> None:
    graph.add(KIND)
    graph.select(KIND)
    comfy.evaluate(SEND_SHEET, [KIND, COLOURS])
    assert colours_seen(comfy, {"100", "010", "001", "111"})
    comfy.evaluate(SEND_SHEET, [KIND, ["lime"]])
    comfy.until(lambda: comfy.evaluate(SHOWN, KIND) == ["010"], "the last frame does not stay")
    comfy.page.wait_for_timeout(500)
    assert comfy.evaluate(SHOWN, KIND) == ["010"]


@pytest.fixture
def restored(comfy: ComfyPage) -> Iterator[None]:
    yield
    comfy.set_setting(SETTING, True)


def test_a_run_plays_until_it_ends_or_is_switched_off(
    comfy: ComfyPage, graph: Graph, runs: Runs, restored: None
) -> None:
    comfy.set_setting("Comfy.Execution.PreviewMethod", "latent2rgb")
    comfy.evaluate(HEARD)
    graph.load(tiny(steps=900))
    prompt_id = runs.press_run()["prompt_id"]
    comfy.until(lambda: comfy.evaluate("() => heard.sheets > 1 && heard.pictures > 8"), "nothing plays")
    comfy.page.get_by_role("button", name=INTERRUPT).first.click()
    runs.finished(prompt_id)
    comfy.page.wait_for_timeout(300)
    played = comfy.evaluate("() => heard")
    assert played["plain"] == played["pictures"]
    comfy.set_setting(SETTING, False)
    comfy.page.wait_for_timeout(300)
    assert comfy.evaluate("() => heard") == played  # nothing after the end of the run
    graph.set(KIND, steps=2)
    runs.succeed()
    comfy.until(lambda: comfy.evaluate("() => heard.pictures") == played["pictures"] + 2, "no previews of its steps")
    assert comfy.evaluate("() => heard.sheets") == played["sheets"]
