"""Unpacks subgraphs whose border crosses a connection of AnimateDiff-Evolved: its parts must be on one canvas."""

from typing import Any

from ..errors import MotionError, sentence
from .formats.graph import MOST_NODES, Id, Output
from .formats.page import BORDER, Link, PageGraph, listed, place
from .report import Report

MOST_UNPACKED = 200

THEIR_TYPES = frozenset(
    (
        "AD_BLOCK",
        "AD_KEYFRAMES",
        "AD_SETTINGS",
        "ANCESTRAL_OPTS",
        "CFG_EXTRAS",
        "CONTEXTREF_KEYFRAME",
        "CONTEXTREF_MODE",
        "CONTEXTREF_TUNE",
        "CONTEXT_EXTRAS",
        "CONTEXT_OPTIONS",
        "CUSTOM_CFG",
        "IMAGE_INJECT",
        "IMAGE_INJECT_OPTIONS",
        "ITERATION_OPTS",
        "MOTION_LORA",
        "MOTION_MODEL_ADE",
        "MULTIVAL",
        "M_MODELS",
        "NAIVEREUSE_KEYFRAME",
        "NOISE_LAYERS",
        "PER_BLOCK",
        "PE_ADJUST",
        "PIA_INPUT",
        "SAMPLE_SETTINGS",
        "SIGMA_SCHEDULE",
        "VALUES_REPLACE",
        "VIEW_OPTS",
        "WEIGHT_ADJUST",
    )
)


def unpack_crossing(levels: list[PageGraph], subgraphs: dict[Any, PageGraph], report: Report) -> None:
    """Unpack each node of a subgraph with an input or output of theirs. subgraphs: by the class of their nodes."""
    count = 0
    for level in levels:
        waiting = list(level.nodes)
        while waiting:
            number = waiting.pop()
            inner = subgraphs.get(level.kind(number))
            if inner is None or not crosses(inner.level):
                continue
            count += 1
            if count > MOST_UNPACKED or len(level.nodes) + len(inner.nodes) > MOST_NODES:
                raise MotionError("The subgraphs of this graph are nested too deeply to convert.")
            waiting += unpack(level, number, inner)
            report.add(
                str(inner.level.get("name", "")),
                number,
                sentence("The subgraph was unpacked, because links of AnimateDiff-Evolved crossed its border."),
                sentence("To have a subgraph again, select its nodes and convert them to one."),
            )


def crosses(level: dict[str, Any]) -> bool:
    sockets = [socket for side in ("inputs", "outputs") for socket in listed(level.get(side))]
    return any(isinstance(socket, dict) and str(socket.get("type")) in THEIR_TYPES for socket in sockets)


def unpack(outer: PageGraph, number: Id, inner: PageGraph) -> list[Id]:
    """Put the nodes of a subgraph in the place of its node. Returns their new ids."""
    sources = outer.links_of(number)
    names = [socket.get("name") if isinstance(socket, dict) else None for socket in listed(inner.level.get("inputs"))]
    by_slot: dict[tuple[Id, int], Output | None] = {
        (BORDER[0], slot): sources.get(str(name)) for slot, name in enumerate(names)
    }
    numbers = {old: outer.ids.new_node() for old in inner.nodes}
    corner = place(outer.nodes[number].get("pos"), 0)
    for old, node in inner.nodes.items():
        x, y = place(node.get("pos"), 0)
        outer.nodes[numbers[old]] = node | {
            "id": numbers[old],
            "pos": [corner[0] + x, corner[1] + y],
            "inputs": [socket | {"link": None} for socket in node.get("inputs", [])],
            "outputs": [socket | {"links": []} for socket in node.get("outputs", [])],
        }
    ends: dict[int, Output | None] = {}
    for link in inner.links.values():
        if link.origin in numbers:
            origin: Output | None = Output(numbers[link.origin], link.slot)
        else:
            origin = by_slot.get((link.origin, link.slot))
        if link.target == BORDER[1]:
            ends[link.target_slot] = origin
        elif origin and link.target in numbers:
            connect(outer, origin, numbers[link.target], link)
    for slot, origin in ends.items():
        outer.redirect(Output(number, slot), origin)
    outer.remove(number)
    return list(numbers.values())


def connect(outer: PageGraph, origin: Output, target: Id, inside: Link) -> None:
    """A link as inside a subgraph."""
    sockets = outer.nodes[target]["inputs"]
    if inside.target_slot < len(sockets):
        outer.link_up(origin, target, inside.target_slot, inside.type)
