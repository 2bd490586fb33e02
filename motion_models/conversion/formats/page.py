"""A level of a graph as ComfyUI's page saves it: the main graph, or a subgraph."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from ...errors import MotionError
from ..tables.made_nodes import MADE
from .graph import ACTIVE, BYPASSED, MUTED, Consumer, Graph, Id, New, Output, checked_id

STATES = {2: MUTED, 4: BYPASSED}
"""By LiteGraph's `mode`."""

REROUTES = ("Reroute", "Reroute (rgthree)")
SETTER, GETTER = "SetNode", "GetNode"
"""KJNodes' invisible links: both have the name of the link as their only widget."""

BORDER = (-10, -20)
"""Ids of the nodes for the inputs and the outputs of a subgraph."""

ROW_PIXELS, WIDGET_PIXELS, NODE_WIDTH = 40, 24, 320


@dataclass
class Link:
    origin: Id
    slot: int
    target: Id
    target_slot: int
    type: Any
    raw: Any
    """As the graph has it: a list, or a dict in newer graphs and in subgraphs. None for a new link."""


class PageGraph(Graph):
    def __init__(self, level: dict[str, Any], ids: "Ids"):
        """level: with `nodes` and `links`. It is not changed. ids: of the whole graph, for new nodes and links."""
        self.level = level
        self.ids = ids
        self.nodes: dict[Id, dict[str, Any]] = {}
        for raw in level["nodes"]:
            node = copied(raw)
            if node["id"] in self.nodes:
                raise MotionError("This graph is damaged: two nodes have the id {id}.", id=node["id"])
            self.nodes[node["id"]] = node
        self.links = dict(link_of(raw) for raw in listed(level.get("links")))
        self.outgoing: dict[Id, set[Any]] = defaultdict(set)
        for number, link in self.links.items():
            self.outgoing[link.origin].add(number)
        self.touched: set[Id] = set()
        """Nodes whose outputs have other links than before."""

    def kinds(self) -> dict[Id, str]:
        return {number: str(node.get("type")) for number, node in self.nodes.items()}

    def kind(self, node: Id) -> str:
        return str(self.nodes[node].get("type")) if node in self.nodes else ""

    def state(self, node: Id) -> str:
        mode = self.nodes[node].get("mode") if node in self.nodes else None
        return STATES.get(mode, ACTIVE) if isinstance(mode, int) else ACTIVE

    def links_of(self, node: Id) -> dict[str, Output]:
        found = {}
        for socket in self.nodes.get(node, {}).get("inputs", []):
            link = self.link(socket.get("link"))
            if link:
                found[str(socket.get("name"))] = Output(link.origin, link.slot)
        return found

    def link(self, number: Any) -> Link | None:
        return self.links.get(number) if isinstance(number, int | str) else None

    def values_of(self, node: Id, names: tuple[str, ...]) -> dict[str, Any]:
        values = self.nodes[node].get("widgets_values")
        if isinstance(values, dict):
            return values
        return dict(zip(names, values, strict=False)) if isinstance(values, list) else {}

    def consumers(self, node: Id) -> list[Consumer]:
        links = [self.links[number] for number in sorted(self.outgoing[node], key=str)]
        return [Consumer(link.slot, link.target, self.name_of_input(link)) for link in links]

    def name_of_input(self, link: Link) -> str:
        sockets = self.nodes.get(link.target, {}).get("inputs", [])
        return str(sockets[link.target_slot].get("name")) if link.target_slot < len(sockets) else ""

    def set_value(self, node: Id, name: str, position: int, value: Any) -> None:
        values = self.nodes[node].get("widgets_values")
        if isinstance(values, list) and position < len(values):
            self.nodes[node]["widgets_values"] = [*values[:position], value, *values[position + 1 :]]
        elif isinstance(values, dict):
            self.nodes[node]["widgets_values"] = values | {name: value}

    def type_of(self, output: Output) -> Any:
        outputs = self.nodes.get(output.node, {}).get("outputs", [])
        return outputs[output.slot].get("type") if output.slot < len(outputs) else None

    def passes_on(self, node: Id) -> bool:
        kind = self.nodes.get(node, {}).get("type")
        return kind in REROUTES or kind == GETTER or self.state(node) == BYPASSED

    def bypass(self, output: Output) -> Output | None:
        kind = self.nodes[output.node].get("type")
        if kind == GETTER:
            return self.behind_setter(self.name_of(output.node))
        sockets = self.nodes[output.node].get("inputs", [])
        if kind not in REROUTES:
            # LiteGraph passes on the first input of the same type
            sockets = [socket for socket in sockets if socket.get("type") == self.type_of(output)]
        link = self.link(sockets[0].get("link")) if sockets else None
        return Output(link.origin, link.slot) if link else None

    def name_of(self, node: Id) -> Any:
        return self.values_of(node, ("name",)).get("name")

    def behind_setter(self, name: Any) -> Output | None:
        setters = [number for number, kind in self.kinds().items() if kind == SETTER and self.name_of(number) == name]
        return next((output for number in setters for output in self.links_of(number).values()), None)

    def add(self, new: New) -> Id:
        made = MADE[new.kind]
        number = self.ids.new_node()
        old = self.nodes[new.beside]
        widgets = [
            {"name": name, "type": made.widget_type(name), "link": None, "widget": {"name": name}}
            for name in made.widgets
            if name in new.links
        ]
        sockets = [{"name": name, "type": kind, "link": None} for name, kind in made.sockets.items()]
        self.nodes[number] = {
            "id": number,
            "type": new.kind,
            "pos": place(old.get("pos"), new.row),
            "size": [NODE_WIDTH, ROW_PIXELS + WIDGET_PIXELS * (len(made.widgets) + len(sockets))],
            "flags": {},
            "order": old.get("order", 0),
            "mode": next((mode for mode, state in STATES.items() if state == new.state), 0),
            "inputs": sockets + widgets,
            "outputs": [{"name": name, "type": kind, "links": []} for name, kind in made.outputs],
            "properties": {"Node name for S&R": new.kind, "cnr_id": made.pack},
            "widgets_values": [new.values.get(name, default) for name, default in made.widgets.items()],
        }
        for slot, socket in enumerate(sockets + widgets):
            if socket["name"] in new.links:
                self.link_up(new.links[socket["name"]], number, slot, socket["type"])
        return number

    def link_up(self, output: Output, target: Id, slot: int, kind: Any) -> None:
        """Make a link. slot: of the target's inputs."""
        number = self.ids.new_link()
        self.nodes[target]["inputs"][slot]["link"] = number
        self.links[number] = Link(output.node, output.slot, target, slot, kind, None)
        self.outgoing[output.node].add(number)
        self.touched.add(output.node)

    def redirect(self, old: Output, new: Output | None) -> None:
        self.touched.add(old.node)
        for number in list(self.outgoing[old.node]):
            link = self.links[number]
            if link.slot != old.slot:
                continue
            self.outgoing[old.node].discard(number)
            if new is None:
                self.drop(number)
            else:
                link.origin, link.slot = new.node, new.slot
                self.outgoing[new.node].add(number)
                self.touched.add(new.node)

    def drop(self, number: Any) -> None:
        link = self.links.pop(number)
        self.outgoing[link.origin].discard(number)
        self.touched.add(link.origin)
        for socket in self.nodes.get(link.target, {}).get("inputs", []):
            if socket.get("link") == number:
                socket["link"] = None

    def remove(self, node: Id) -> None:
        linked = [socket.get("link") for socket in self.nodes[node].get("inputs", [])]
        for number in {*self.outgoing[node], *(n for n in linked if self.link(n))}:
            self.drop(number)
        del self.nodes[node]

    def finished(self) -> dict[str, Any]:
        for node in self.touched & set(self.nodes):
            for slot, socket in enumerate(self.nodes[node].get("outputs", [])):
                now = [n for n in self.outgoing[node] if self.links[n].slot == slot]
                kept = [n for n in listed(socket.get("links")) if n in now]
                socket["links"] = kept + sorted((n for n in now if n not in kept), key=str)
        return (
            self.level
            | {
                "nodes": list(self.nodes.values()),
                "links": [self.saved(number, link) for number, link in self.links.items()],
            }
            | self.border()
        )

    def border(self) -> dict[str, Any]:
        """The inputs and outputs of a subgraph, with the ids of their links."""
        ends = defaultdict(list)
        for number, link in self.links.items():
            ends["inputs", link.slot if link.origin == BORDER[0] else None].append(number)
            ends["outputs", link.target_slot if link.target == BORDER[1] else None].append(number)
        return {
            side: [
                socket | {"linkIds": ends[side, slot]} if isinstance(socket, dict) and "linkIds" in socket else socket
                for slot, socket in enumerate(self.level[side])
            ]
            for side in ("inputs", "outputs")
            if isinstance(self.level.get(side), list)
        }

    def saved(self, number: Any, link: Link) -> Any:
        fields = {
            "id": number,
            "origin_id": link.origin,
            "origin_slot": link.slot,
            "target_id": link.target,
            "target_slot": link.target_slot,
            "type": link.type,
        }
        if isinstance(link.raw, dict) or (link.raw is None and self.as_dicts()):
            return (link.raw or {}) | fields
        return list(fields.values())

    def as_dicts(self) -> bool:
        return any(isinstance(raw, dict) for raw in listed(self.level.get("links"))) or "inputNode" in self.level


class Ids:
    """New ids of nodes and links, above all that a graph has."""

    def __init__(self, levels: list[dict[str, Any]]):
        nodes = [node.get("id") for level in levels for node in level["nodes"] if isinstance(node, dict)]
        links = [number_of(raw) for level in levels for raw in listed(level.get("links"))]
        self.node, self.link = largest(nodes), largest(links)

    def new_node(self) -> int:
        self.node += 1
        return self.node

    def new_link(self) -> int:
        self.link += 1
        return self.link


def largest(numbers: list[Any]) -> int:
    return max((n for n in numbers if isinstance(n, int)), default=0)


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def number_of(raw: Any) -> Any:
    if isinstance(raw, dict):
        return raw.get("id")
    return raw[0] if isinstance(raw, list) and raw else None


def link_of(raw: Any) -> tuple[Any, Link]:
    """The id of a link, and the link. Raises MotionError if it is not one."""
    names = ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type")
    fields: list[Any] = [raw.get(name) for name in names] if isinstance(raw, dict) else listed(raw)
    if len(fields) < 5 or not all(isinstance(field, int | str) for field in fields[:5]):
        raise MotionError("This graph is damaged: {value} is not a link.", value=raw)
    slots = [slot if isinstance(slot, int) and slot >= 0 else 0 for slot in (fields[2], fields[4])]
    return fields[0], Link(fields[1], slots[0], fields[3], slots[1], fields[5] if len(fields) > 5 else "*", raw)


def copied(raw: Any) -> dict[str, Any]:
    """A node whose sockets can be changed. Raises MotionError if it is not a node."""
    if not isinstance(raw, dict):
        raise MotionError("This graph is damaged: {value} is not a node.", value=raw)
    node = raw | {"id": checked_id(raw.get("id"))}
    for side in ("inputs", "outputs"):
        if side in node:
            node[side] = [dict(socket) for socket in listed(node[side]) if isinstance(socket, dict)]
    return node


def place(pos: Any, row: int) -> list[float]:
    """Where a new node stands: in the place of an old one, or below it. pos: a list, or a dict in old graphs."""
    both: list[Any] = [pos.get("0"), pos.get("1")] if isinstance(pos, dict) else listed(pos)[:2]
    x, y = both if len(both) == 2 and all(isinstance(n, int | float) for n in both) else (0, 0)
    return [x, y + row * 260]
