"""The graph that is open in the page: nodes by their class, values of widgets, what the page would send."""

from collections.abc import Callable
from typing import Any

from .page import ComfyPage

Prompt = dict[str, dict[str, Any]]

MEASURED_MS = 300
MOST_UNDOS, UNDO_MS = 3, 1000
"""On a slow machine the page records the place of a pasted node, or the size of a new one, as a step of its own."""
HISTORY = "app.extensionManager.workflow.activeWorkflow.changeTracker"
FIND = "const find = kind => app.graph.nodes.find(node => node.type === kind);"


class Graph:
    """Where a class occurs more than once, the first of its nodes is meant."""

    def __init__(self, comfy: ComfyPage):
        self.comfy = comfy

    def load(self, workflow: dict[str, Any]) -> None:
        """Open a saved graph in a new tab."""
        self.comfy.evaluate("workflow => app.loadGraphData(workflow, true, true)", workflow)
        self.until_drawn()

    def until_drawn(self) -> None:
        """Wait until Vue has drawn all nodes. The canvas needs no wait."""
        drawn = "() => !LiteGraph.vueNodesMode || document.querySelectorAll('[data-node-id]').length"
        self.comfy.until(lambda: self.comfy.evaluate(f"{drawn} >= app.graph.nodes.length"), "not all nodes are drawn")

    def settle(self) -> None:
        """Wait until the page's history holds the sizes that Vue has measured. Else undo takes back those first."""
        script = f"""() => {{
            const sizes = graph => JSON.stringify(graph.nodes.map(node => node.size))
            return [sizes(app.graph.serialize()), sizes({HISTORY}.activeState)]
        }}"""

        def settled() -> bool:
            self.comfy.press("Escape")  # the page looks for changes when a key is pressed
            before = self.comfy.evaluate(script)
            self.comfy.page.wait_for_timeout(MEASURED_MS)
            return before == self.comfy.evaluate(script) and before[0] == before[1]

        self.comfy.until(settled, "the sizes of nodes do not settle")

    def undo(self, undone: Callable[[], bool], otherwise: str) -> None:
        """Undo what was done last. Fail with a sentence if it stays."""
        for _ in range(MOST_UNDOS):
            if not undone():
                self.comfy.press("Control+z")
                self.comfy.page.wait_for_timeout(UNDO_MS)
        self.comfy.until(undone, otherwise)

    def add(self, kind: str) -> None:
        self.comfy.evaluate("kind => { app.graph.add(LiteGraph.createNode(kind)) }", kind)
        self.until_drawn()

    def remove(self, kind: str) -> None:
        self.comfy.evaluate(f"kind => {{ {FIND} app.graph.remove(find(kind)) }}", kind)

    def connect(self, source: str, output: int, target: str, field: str) -> None:
        """Connect an output, by its position, with an input, by its name."""
        self.comfy.evaluate(
            f"""([source, output, target, field]) => {{
                {FIND}
                const slot = find(target).inputs.findIndex(input => input.name === field)
                if (!find(source).connect(output, find(target), slot)) throw Error(`${{target}} refuses ${{source}}`)
            }}""",
            [source, output, target, field],
        )

    def kinds(self) -> list[str]:
        """Classes of all nodes."""
        return self.comfy.evaluate("() => app.graph.nodes.map(node => node.type)")

    def remembered(self) -> list[str]:
        """Classes of all nodes in the state at which the page's history is. It follows the graph a moment later."""
        return self.comfy.evaluate(f"() => {HISTORY}.activeState.nodes.map(node => node.type)")

    def widgets(self, kind: str) -> dict[str, Any]:
        """Values of a node's widgets by their names, in the order in which the node shows them."""
        return dict(
            self.comfy.evaluate(
                f"""kind => {{
                    {FIND}
                    const kept = (find(kind).widgets ?? []).filter(widget => widget.serialize !== false)
                    return kept.map(widget => [widget.name, widget.value])
                }}""",
                kind,
            )
        )

    def set(self, kind: str, /, **values: Any) -> None:
        """Set widgets, as the page does when a person changes them."""
        self.comfy.evaluate(
            f"""([kind, values]) => {{
                {FIND}
                for (const [name, value] of Object.entries(values)) {{
                    const widget = find(kind).widgets.find(widget => widget.name === name)
                    widget.value = value
                    widget.callback?.(value, app.canvas, find(kind))
                }}
                app.graph.setDirtyCanvas(true, true)
            }}""",
            [kind, values],
        )

    def prompt(self) -> Prompt:
        """What the page would send to the server."""
        return self.comfy.evaluate("async () => (await app.graphToPrompt()).output")

    def sent(self, kind: str, *names: str) -> dict[str, Any]:
        """The inputs of a node that the page would send: those of some names, or all."""
        inputs = next(node["inputs"] for node in self.prompt().values() if node["class_type"] == kind)
        return {name: inputs.get(name) for name in names or inputs}

    def select(self, *kinds: str) -> None:
        """Select nodes, and move the first to the middle of the page, where nothing covers it. Keys go to the graph."""
        self.comfy.evaluate(
            f"""kinds => {{
                {FIND}
                app.canvas.deselectAll()
                app.canvas.centerOnNode(find(kinds[0]))
                app.canvas.selectItems(kinds.map(find))
                app.canvas.canvas.focus()
            }}""",
            list(kinds),
        )

    def convert_to_subgraph(self, *kinds: str) -> str:
        """Put nodes into a subgraph; gives the class of its node."""
        before = self.kinds()
        self.select(*kinds)
        self.comfy.command("Comfy.Graph.ConvertToSubgraph")
        (made,) = self.comfy.until(
            lambda: [kind for kind in self.kinds() if kind not in before], "the nodes do not become a subgraph"
        )
        return made

    def text(self, kind: str) -> str:
        """What a node shows below its widgets."""
        return self.comfy.evaluate(
            f"""kind => {{
                {FIND}
                const others = [...find(kind).inputs.map(input => input.name), 'animatediff_timeline']
                return (find(kind).widgets ?? [])
                    .filter(widget => !others.includes(widget.name))
                    .map(widget => widget.element?.innerText || widget.value || '')
                    .join('\\n')
            }}""",
            kind,
        )

    def badges(self, kind: str) -> list[str]:
        """Texts of a node's badges, which are drawn above it. Of a Vue node, what is on the page."""
        return self.comfy.evaluate(
            f"""kind => {{
                {FIND}
                const node = find(kind)
                if (LiteGraph.vueNodesMode) {{
                    return [document.querySelector(`[data-node-id="${{node?.id}}"]`)?.innerText ?? ""]
                }}
                return (node?.badges ?? []).map(badge => (badge instanceof LGraphBadge ? badge : badge()).text)
            }}""",
            kind,
        )
