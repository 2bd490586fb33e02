"""Timelines above the texts of Prompt Travel and Strength Schedule."""

import re

import pytest

from .graph import Graph
from .page import ComfyPage, Renderer
from .timeline import PROMPTS, STRENGTHS, Timeline

GRAMMARS = {
    "head\n 0: a cat\n\n .5 :a \U0001f436, 16:9\n": [0, 8],
    '{"0": "a \\"cat\\"",, "8:" :"b"}': [0, 8],
    '-1 = "a", 0:4 = "b"': [0, 15],
}
TEXT_ON_A_NODE = ":is(.dom-widget, [data-node-id]) textarea"
"""Classic or Vue. The side panel has texts too, and that of the older front end shows what they were."""


@pytest.fixture(params=[PROMPTS, STRENGTHS])
def either(request: pytest.FixtureRequest, comfy: ComfyPage, graph: Graph, renderer: Renderer) -> Timeline:
    return opened(comfy, graph, request.param)


@pytest.fixture
def prompts(comfy: ComfyPage, graph: Graph, renderer: Renderer) -> Timeline:
    return opened(comfy, graph, PROMPTS)


def opened(comfy: ComfyPage, graph: Graph, kind: str) -> Timeline:
    """A node with its timeline, on a canvas that is zoomed out a little."""
    graph.add(kind)
    comfy.evaluate("() => { app.canvas.ds.scale = 0.9 }")
    graph.select(kind)
    timeline = Timeline(comfy, graph, kind)
    timeline.until_drawn(*([0, 8] if kind == PROMPTS else [0, 8, 15]))
    return timeline


def test_a_drawn_text_keeps_every_character(prompts: Timeline) -> None:
    for text, positions in GRAMMARS.items():
        prompts.write(text, *positions)
        assert prompts.text() == text
    assert not prompts.comfy.complaints


def test_a_dragged_key_changes_its_number_and_undo_restores_it(either: Timeline) -> None:
    graph, text = either.graph, either.text()
    graph.settle()
    after = {PROMPTS: text.replace("8:", "11:"), STRENGTHS: text.replace("8: 1", "11: 1")}[either.kind]
    either.drag(1, frames=3)
    either.until_text(after)
    shown = either.comfy.page.locator(f"{TEXT_ON_A_NODE}:visible").first
    either.comfy.until(lambda: shown.input_value() == after, "the text does not show the change")
    either.keys.nth(1).press("Control+z")
    either.until_text(text)
    either.until_drawn(*([0, 8] if either.kind == PROMPTS else [0, 8, 15]))


def test_a_point_dragged_down_has_a_smaller_value(comfy: ComfyPage, graph: Graph, renderer: Renderer) -> None:
    timeline = opened(comfy, graph, STRENGTHS)
    timeline.drag(1, frames=0, pixels=20)
    comfy.until(lambda: timeline.text() != "0: 0, 8: 1, 15: 0", "the value does not change")
    found = re.fullmatch(r"0: 0, 8: (0\.\d+), 15: 0", timeline.text())
    assert found and 0.5 < float(found[1]) < 0.95


def test_keys_are_moved_added_and_removed_by_keyboard(either: Timeline) -> None:
    graph = either.graph
    either.write({PROMPTS: "0: a\n8: b", STRENGTHS: "0: 0, 8: 1"}[either.kind], 0, 8)
    either.keys.nth(1).press("ArrowLeft")
    either.until_drawn(0, 7)
    either.keys.first.press("Insert")  # in the middle, and selected
    either.until_drawn(0, 3, 7)
    either.comfy.press("Shift+ArrowRight")  # past its neighbour
    either.until_drawn(0, 7, 13)
    either.comfy.press("Delete")
    either.until_drawn(0, 7)
    assert either.text() == {PROMPTS: "0: a\n7: b", STRENGTHS: "0: 0, 7: 1"}[either.kind]
    assert graph.kinds() == [either.kind]


def test_numbers_are_typed(comfy: ComfyPage, graph: Graph, renderer: Renderer) -> None:
    timeline = opened(comfy, graph, STRENGTHS)
    timeline.keys.nth(1).focus()
    timeline.root.get_by_label("value", exact=True).fill("0.35")
    timeline.comfy.press("Enter")
    timeline.until_text("0: 0, 8: 0.35, 15: 0")
    timeline.root.get_by_label("frame", exact=True).fill("40")
    timeline.comfy.press("Enter")
    timeline.until_text("0: 0, 40: 0.35, 15: 0")
    timeline.until_drawn(0, 15, 40)


def test_a_double_click_adds_and_enter_marks_the_prompt(prompts: Timeline) -> None:
    x, y = prompts.middle(0)
    prompts.comfy.page.mouse.dblclick(x + 4 * prompts.column(), y + 10)
    prompts.until_text("0: a forest in spring\n4: a forest in spring\n8: a forest in autumn")
    prompts.keys.nth(1).press("Enter")
    prompts.comfy.page.keyboard.type("rain")
    prompts.until_text("0: a forest in spring\n4: rain\n8: a forest in autumn")


def test_an_unreadable_text_stays_with_its_sentence(prompts: Timeline) -> None:
    prompts.write('0 = "a')
    prompts.comfy.until(lambda: "double quote is not closed" in prompts.message(), "no sentence")
    assert prompts.text() == '0 = "a' and prompts.root.get_by_role("button").first.is_disabled()
    prompts.write("0: a\n8: b", 0, 8)
    prompts.drag(1, frames=-8)  # onto the other key
    prompts.comfy.until(lambda: "frame 0 has two prompts" in prompts.message(), "no sentence")
    assert prompts.text() == "0: a\n8: b" and prompts.positions() == [0, 8]


def test_touch_moves_a_key(comfy: ComfyPage, graph: Graph, renderer: Renderer) -> None:
    timeline = opened(comfy, graph, PROMPTS)
    timeline.drag(1, frames=-2, touch=True)
    timeline.until_text("0: a forest in spring\n6: a forest in autumn")


def test_copies_saves_and_subgraphs_keep_texts(either: Timeline) -> None:
    comfy, graph = either.comfy, either.graph
    text = either.text().replace("8:", "10:")
    either.drag(1, frames=2)
    either.until_text(text)
    sent = graph.sent(either.kind)
    saved = comfy.evaluate("() => JSON.parse(JSON.stringify(app.graph.serialize())).nodes[0].widgets_values")
    assert None not in saved and saved[0] == text
    graph.select(either.kind)
    comfy.press("Control+c", "Control+v")
    comfy.until(lambda: len(graph.kinds()) == 2, "the node is not pasted")
    assert [node["inputs"] for node in graph.prompt().values()] == [sent, sent]
    comfy.evaluate("() => app.graph.remove(app.graph.nodes[1])")
    made = graph.convert_to_subgraph(either.kind)
    comfy.evaluate("kind => app.canvas.setGraph(app.graph.nodes.find(node => node.type === kind).subgraph)", made)
    comfy.until(lambda: either.kind in comfy.evaluate("() => app.canvas.graph.nodes.map(n => n.type)"), "not inside")
    comfy.evaluate("() => { app.canvas.centerOnNode(app.canvas.graph.nodes[0]); app.canvas.setDirty(true, true) }")
    comfy.until(lambda: either.keys.count() >= 2, "no timeline in the subgraph")
    either.drag(0, frames=1)
    either.until_text(text.replace("0:", "1:", 1))


def test_linked_values_are_followed_or_named(comfy: ComfyPage, graph: Graph, renderer: Renderer) -> None:
    timeline = opened(comfy, graph, PROMPTS)
    graph.add("PrimitiveInt")
    graph.set("PrimitiveInt", value=24)
    graph.add("Reroute")
    graph.connect("PrimitiveInt", 0, "Reroute", "")
    graph.connect("Reroute", 0, PROMPTS, "frames")
    graph.select(PROMPTS)
    comfy.until(lambda: timeline.keys.first.get_attribute("aria-valuemax") == "23", "24 frames are not drawn")
    graph.add("PrimitiveString")
    graph.connect("PrimitiveString", 0, PROMPTS, "prompts")
    comfy.until(lambda: "comes from a link" in timeline.message(), "no sentence")
    assert timeline.positions() == []


def test_rulers_have_even_numbers_and_both_ends(comfy: ComfyPage) -> None:
    found = comfy.evaluate(
        """async ends => {
            const { ticks } = await import('/extensions/animatediff_xl/lib/timeline/scale.mjs')
            return ends.map(ticks)
        }""",
        list(range(600)),
    )
    for end, ticks in enumerate(found):
        assert ticks[0] == 0 and ticks[-1] == end and len(ticks) <= 10
        steps = {after - before for before, after in zip(ticks[:-2], ticks[1:-1], strict=True)}
        assert len(steps) <= 1 and ticks == sorted(set(ticks))
