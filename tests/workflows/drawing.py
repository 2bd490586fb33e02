"""Graphs as the front end saves them, drawn from boxes, and as the API takes them."""

from dataclasses import dataclass
from typing import Any

FRONT_END_ONLY = ("MarkdownNote",)
SEED_CONTROL = "fixed"
"""The widget that the front end adds after each seed."""


@dataclass(frozen=True)
class Box:
    """A node of the drawing. Sockets are (name, type); a link is (input, box, output index)."""

    type: str
    place: tuple[int, int]
    size: tuple[int, int]
    inputs: tuple[tuple[str, str], ...] = ()
    outputs: tuple[tuple[str, str], ...] = ()
    values: tuple = ()
    links: tuple[tuple[str, str, int], ...] = ()
    models: tuple[dict[str, str], ...] = ()
    title: str = ""


def draw(drawing: dict[str, Box]) -> dict[str, Any]:
    """The graph as the front end saves it. drawing: its boxes by name, which links use."""
    numbers = {name: index for index, name in enumerate(drawing, start=1)}
    links = [
        [numbers[source], output, numbers[name], [socket for socket, _ in box.inputs].index(target), kind]
        for name, box in drawing.items()
        for target, source, output in box.links
        for kind in [dict(box.inputs)[target]]
    ]
    links = [[index, *link] for index, link in enumerate(links, start=1)]
    return {
        "last_node_id": len(drawing),
        "last_link_id": len(links),
        "nodes": [node(numbers[name], box, links) for name, box in drawing.items()],
        "links": links,
        "groups": [],
        "config": {},
        "extra": {"ds": {"scale": 0.8, "offset": [60, 90]}},
        "version": 0.4,
    }


def node(number: int, box: Box, links: list[list]) -> dict[str, Any]:
    into = {link[4]: link[0] for link in links if link[3] == number}
    out_of = [[link[0] for link in links if link[1:3] == [number, slot]] for slot in range(len(box.outputs))]
    properties: dict[str, Any] = {"Node name for S&R": box.type}
    if box.type not in FRONT_END_ONLY:
        properties["cnr_id"] = "animatediff-xl" if box.type.startswith("ADXL_") else "comfy-core"
    if box.models:
        properties["models"] = list(box.models)
    return {
        "id": number,
        "type": box.type,
        "pos": list(box.place),
        "size": list(box.size),
        "flags": {},
        "order": number - 1,
        "mode": 0,
        "inputs": [
            {"name": name, "type": kind, "link": into.get(slot)} | ({"shape": 7} if kind == "AUDIO" else {})
            for slot, (name, kind) in enumerate(box.inputs)
        ],
        "outputs": [
            {"name": name, "type": kind, "links": out_of[slot]} for slot, (name, kind) in enumerate(box.outputs)
        ],
        "properties": properties,
        "widgets_values": list(box.values),
    } | ({"title": box.title} if box.title else {})


def to_prompt(workflow: dict[str, Any], object_info: dict[str, Any]) -> dict[str, Any]:
    """The API format of a saved graph, as the front end sends it. object_info: of a running host."""
    sources = {link[0]: [str(link[1]), link[2]] for link in workflow["links"]}
    prompt = {}
    for saved in workflow["nodes"]:
        if saved["type"] in FRONT_END_ONLY:
            continue
        linked = {socket["name"]: sources[socket["link"]] for socket in saved["inputs"] if socket["link"] is not None}
        sockets = {socket["name"] for socket in saved["inputs"]}
        definition = object_info[saved["type"]]["input"]
        names = [name for part in ("required", "optional") for name in definition.get(part, {}) if name not in sockets]
        values = [value for value in saved["widgets_values"] if value != SEED_CONTROL]
        prompt[str(saved["id"])] = {
            "class_type": saved["type"],
            "inputs": dict(zip(names, values, strict=False)) | linked,
            "_meta": {"title": saved.get("title", saved["type"])},
        }
    return prompt
