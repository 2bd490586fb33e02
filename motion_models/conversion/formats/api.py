"""A graph in the format of ComfyUI's API: the inputs of each node, by its id."""

from collections import defaultdict
from typing import Any

from ...errors import MotionError
from ..tables.made_nodes import MADE
from .graph import ACTIVE, Consumer, Graph, Id, New, Output

REROUTES = ("Reroute",)
LONGEST_NUMBER = 16
"""Digits of an id that is read as a number."""


class ApiGraph(Graph):
    def __init__(self, graph: dict[str, Any]):
        """graph: is not changed."""
        for number, node in graph.items():
            if not isinstance(node, dict) or not isinstance(node.get("inputs", {}), dict):
                raise MotionError("This graph is damaged: {value} is not a node.", value=number)
        self.nodes: dict[Id, dict[str, Any]] = {
            n: node | {"inputs": dict(node.get("inputs", {}))} for n, node in graph.items()
        }
        self.outgoing: dict[Id, set[tuple[Id, str]]] = defaultdict(set)
        """(node, input) for each link out of a node."""
        for number in self.nodes:
            for name, output in self.links_of(number).items():
                self.outgoing[output.node].add((number, name))
        numbers = (int(number) for number in graph if number.isdecimal() and len(number) < LONGEST_NUMBER)
        self.next_id = max(numbers, default=0)

    def kinds(self) -> dict[Id, str]:
        return {number: str(node.get("class_type")) for number, node in self.nodes.items()}

    def kind(self, node: Id) -> str:
        return str(self.nodes[node].get("class_type")) if node in self.nodes else ""

    def state(self, node: Id) -> str:
        return ACTIVE

    def links_of(self, node: Id) -> dict[str, Output]:
        inputs = self.nodes[node]["inputs"] if node in self.nodes else {}
        return {name: Output(*value) for name, value in inputs.items() if is_link(value)}

    def values_of(self, node: Id, names: tuple[str, ...]) -> dict[str, Any]:
        return {name: value for name, value in self.nodes[node]["inputs"].items() if not is_link(value)}

    def consumers(self, node: Id) -> list[Consumer]:
        return [Consumer(self.slot(*end), *end) for end in sorted(self.outgoing[node], key=str)]

    def set_value(self, node: Id, name: str, position: int, value: Any) -> None:
        self.nodes[node]["inputs"][name] = value

    def slot(self, node: Id, name: str) -> int:
        """The slot of the output that is linked to an input."""
        return self.nodes[node]["inputs"][name][1]

    def passes_on(self, node: Id) -> bool:
        return node in self.nodes and self.nodes[node].get("class_type") in REROUTES

    def bypass(self, output: Output) -> Output | None:
        return next(iter(self.links_of(output.node).values()), None)

    def add(self, new: New) -> Id:
        self.next_id += 1
        number = str(self.next_id)
        widgets = {name: new.values.get(name, default) for name, default in MADE[new.kind].widgets.items()}
        links = {name: [output.node, output.slot] for name, output in new.links.items()}
        self.nodes[number] = {
            "class_type": new.kind,
            "inputs": widgets | links,
            "_meta": {"title": MADE[new.kind].title},
        }
        for name, output in new.links.items():
            self.outgoing[output.node].add((number, name))
        return number

    def redirect(self, old: Output, new: Output | None) -> None:
        for target, name in [end for end in self.outgoing[old.node] if self.slot(*end) == old.slot]:
            self.outgoing[old.node].discard((target, name))
            if new is None:
                del self.nodes[target]["inputs"][name]
            else:
                self.nodes[target]["inputs"][name] = [new.node, new.slot]
                self.outgoing[new.node].add((target, name))

    def remove(self, node: Id) -> None:
        for target, name in self.outgoing.pop(node, ()):
            del self.nodes[target]["inputs"][name]
        for name, output in self.links_of(node).items():
            self.outgoing[output.node].discard((node, name))
        del self.nodes[node]

    def finished(self) -> dict[str, Any]:
        return {str(number): node for number, node in self.nodes.items()}


def is_link(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and isinstance(value[0], str)
        and isinstance(value[1], int)
        and not isinstance(value[1], bool)
    )
