"""Widgets of every node: their order, their defaults, and what the page sends for them."""

from typing import Any

import pytest

from tests.test_pack import INPUTS

from .graph import Graph
from .page import ComfyPage, Renderer

WIDGETS = ("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO")

Field = tuple[str, dict[str, Any]]


def fields(object_info: dict[str, Any], kind: str) -> dict[str, Field]:
    """Type and options of the inputs that are widgets, in the order of the schema."""
    found = {}
    for part in object_info[kind]["input"].values():
        for name, (declared, *options) in part.items():
            choices = {"options": declared} if isinstance(declared, list) else {}
            options = choices | (options[0] if options else {})
            if (choices or declared in WIDGETS) and not options.get("forceInput"):
                found[name] = ("COMBO" if choices else declared, options)
    return found


def default(field: Field) -> Any:
    _, options = field
    return options["default"] if "default" in options else options["options"][0]


def another(field: Field) -> Any:
    """A value that is not the default."""
    declared, options = field
    before = default(field)
    if declared == "COMBO":
        return next((choice for choice in options["options"] if choice != before), before)
    if declared == "BOOLEAN":
        return not before
    if declared == "STRING":
        return f"{before}, 20: 0.5"
    return options["min"] if before != options["min"] else options["max"]


@pytest.mark.parametrize("kind", INPUTS)
def test_a_fresh_node_sends_its_defaults_only(
    graph: Graph, renderer: Renderer, object_info: dict[str, Any], kind: str
) -> None:
    """Sockets without a link are not sent, and the widgets stand in the order of the schema."""
    expected = {name: default(field) for name, field in fields(object_info, kind).items()}
    graph.add(kind)
    assert list(graph.widgets(kind).items()) == list(expected.items())
    assert graph.sent(kind) == expected


@pytest.mark.parametrize("kind", INPUTS)
def test_changed_values_are_sent(graph: Graph, renderer: Renderer, object_info: dict[str, Any], kind: str) -> None:
    changed = {name: another(field) for name, field in fields(object_info, kind).items()}
    graph.add(kind)
    graph.set(kind, **changed)
    assert graph.sent(kind) == changed


@pytest.mark.parametrize("kind", INPUTS)
def test_vue_nodes_show_names_in_schema_order(
    comfy: ComfyPage, graph: Graph, server: Any, object_info: dict[str, Any], kind: str
) -> None:
    texts = server.get("/i18n")["en"]["nodeDefs"][kind]["inputs"]
    names = [texts[name]["name"] for name in fields(object_info, kind)]
    comfy.use("vue")
    graph.add(kind)
    node = comfy.page.locator("[data-node-id]")
    more = node.get_by_text("Show advanced inputs")
    if more.count():
        more.click()

    def shown() -> list[str]:
        lines = [line for line in node.inner_text().splitlines() if line in names]
        return lines[-len(names) :]  # sockets, which may have the same names, stand above

    comfy.until(lambda: shown() == names, f"{kind} does not show {names} in this order")


def test_a_typed_number_is_sent(comfy: ComfyPage, graph: Graph, renderer: Renderer) -> None:
    graph.add("ADXL_EmptyLatentFrames")
    graph.select("ADXL_EmptyLatentFrames")
    if renderer == "vue":
        box = comfy.page.locator("[data-node-id]").get_by_label("frames", exact=True).get_by_role("spinbutton")
    else:
        comfy.page.mouse.click(*place_of(comfy, "ADXL_EmptyLatentFrames", "frames"))
        box = comfy.page.locator(".graphdialog input")
    box.fill("23")
    box.press("Enter")
    comfy.until(lambda: graph.sent("ADXL_EmptyLatentFrames")["frames"] == 23, "23 is not sent")


def place_of(comfy: ComfyPage, kind: str, widget: str) -> tuple[float, float]:
    """Where the canvas has drawn a widget: it has no element of its own."""
    where = """([kind, name]) => {
        const node = app.graph.nodes.find(node => node.type === kind)
        const y = node.widgets.find(widget => widget.name === name).last_y
        const scale = app.canvas.ds.scale, [left, top] = app.canvas.ds.offset
        const canvas = app.canvas.canvas.getBoundingClientRect()
        return y && [
            canvas.x + (node.pos[0] + node.size[0] / 2 + left) * scale,
            canvas.y + (node.pos[1] + y + LiteGraph.NODE_WIDGET_HEIGHT / 2 + top) * scale,
        ]
    }"""
    x, y = comfy.until(lambda: comfy.evaluate(where, [kind, widget]), f"{widget} is not drawn")
    return x, y
