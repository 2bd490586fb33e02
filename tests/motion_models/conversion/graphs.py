"""Small graphs of AnimateDiff-Evolved's nodes in both formats, and what a conversion made of them."""

from dataclasses import dataclass
from typing import Any

from animatediff_xl.motion_models.conversion.convert import convert
from animatediff_xl.motion_models.conversion.tables.made_nodes import MADE


@dataclass(frozen=True)
class Box:
    """A node: its class, the values of its widgets by name, and its links as (box, output index, type)."""

    kind: str
    values: dict[str, Any]
    links: dict[str, tuple[str, int, str]]
    mode: int = 0


Graph = dict[str, Box]


def box(kind: str, mode: int = 0, **inputs: Any) -> Box:
    """inputs: values, and links such as link("loader", "MODEL")."""
    links = {name: value for name, value in inputs.items() if isinstance(value, tuple)}
    return Box(kind, {name: value for name, value in inputs.items() if name not in links}, links, mode)


def link(target: str, kind: str, slot: int = 0) -> tuple[str, int, str]:
    return target, slot, kind


CHECKPOINT = box("CheckpointLoaderSimple", ckpt_name="sdxl.safetensors")
MODEL = link("checkpoint", "MODEL")


def sampler(model: str = "use") -> Box:
    values = {"seed": 1, "control": "fixed", "steps": 30, "cfg": 8.0, "sampler_name": "euler", "scheduler": "normal"}
    return box("KSampler", **values, denoise=1.0, model=link(model, "MODEL"))


def gen2(**inputs: Any) -> Graph:
    """Use Evolved Sampling with one motion model. inputs: of the node that applies it."""
    return {
        "checkpoint": CHECKPOINT,
        "load": box("ADE_LoadAnimateDiffModel", model_name="mm_sdxl_v10_beta.ckpt"),
        "apply": box("ADE_ApplyAnimateDiffModelSimple", motion_model=link("load", "MOTION_MODEL_ADE"), **inputs),
        "use": box(
            "ADE_UseEvolvedSampling", beta_schedule="autoselect", model=MODEL, m_models=link("apply", "M_MODELS")
        ),
        "sampler": sampler(),
    }


def with_settings(graph: Graph, **inputs: Any) -> Graph:
    """A graph whose Use Evolved Sampling has more inputs."""
    use = graph["use"]
    links = {name: value for name, value in inputs.items() if isinstance(value, tuple)}
    values = {name: value for name, value in inputs.items() if name not in links}
    return graph | {"use": Box(use.kind, use.values | values, use.links | links)}


def page(graph: Graph, first: int = 1) -> dict[str, Any]:
    """As the page saves it, with the values in the order in which they are given."""
    numbers = {name: first + index for index, name in enumerate(graph)}
    links = [
        [numbers[source], slot, numbers[name], position, kind]
        for name, node in graph.items()
        for position, (source, slot, kind) in enumerate(node.links.values())
    ]
    links = [[index, *fields] for index, fields in enumerate(links, start=1)]
    return {
        "last_node_id": first + len(graph) - 1,
        "last_link_id": len(links),
        "nodes": [saved(numbers[name], node, links) for name, node in graph.items()],
        "links": links,
        "version": 0.4,
    }


def saved(number: int, node: Box, links: list[Any]) -> dict[str, Any]:
    into = {fields[4]: fields[0] for fields in links if fields[3] == number}
    out_of = [fields for fields in links if fields[1] == number]
    slots = max((fields[2] for fields in out_of), default=-1) + 1
    kinds = {fields[2]: fields[5] for fields in out_of}
    return {
        "id": number,
        "type": node.kind,
        "pos": [400 * number, 0],
        "mode": node.mode,
        "inputs": [
            {"name": name, "type": kind, "link": into[position]}
            | ({"widget": {"name": name}} if name in node.values else {})
            for position, (name, (_, _, kind)) in enumerate(node.links.items())
        ],
        "outputs": [
            {
                "name": kinds.get(slot, "*"),
                "type": kinds.get(slot, "*"),
                "links": [f[0] for f in out_of if f[2] == slot],
            }
            for slot in range(slots)
        ],
        "widgets_values": list(node.values.values()),
    }


def api(graph: Graph) -> dict[str, Any]:
    """As the API takes it."""
    numbers = {name: str(index) for index, name in enumerate(graph, start=1)}
    return {
        numbers[name]: {
            "class_type": node.kind,
            "inputs": node.values
            | {target: [numbers[source], slot] for target, (source, slot, _) in node.links.items()},
        }
        for name, node in graph.items()
    }


FORMATS = {"page": page, "api": api}


class Converted:
    """The result of a conversion, the same for both formats."""

    def __init__(self, graph: dict[str, Any]):
        result = convert(graph)
        self.graph, self.report = result["graph"], result["report"]
        self.nodes = from_page(self.graph) if "nodes" in self.graph else from_api(self.graph)
        """(class, values and links by input) by id. A link is (class, output index)."""

    @property
    def kinds(self) -> list[str]:
        return sorted(kind for kind, _ in self.nodes.values())

    def inputs(self, kind: str, number: int = 0) -> dict[str, Any]:
        """The inputs of a node of a class. number: if there are several, in the order of their ids."""
        found = [
            inputs for _, (node, inputs) in sorted(self.nodes.items(), key=lambda item: int(item[0])) if node == kind
        ]
        return found[number]

    def said(self, kind: str) -> str:
        """All that the report has on nodes of a class."""
        return "\n".join(f"{e['what']} {e['advice']}" for e in self.report if e["node"] == kind)


def from_api(graph: dict[str, Any]) -> dict[Any, tuple[str, dict[str, Any]]]:
    kinds = {number: node["class_type"] for number, node in graph.items()}
    return {
        number: (
            node["class_type"],
            {
                name: (kinds[value[0]], value[1]) if isinstance(value, list) else value
                for name, value in node["inputs"].items()
            },
        )
        for number, node in graph.items()
    }


def from_page(graph: dict[str, Any]) -> dict[Any, tuple[str, dict[str, Any]]]:
    kinds = {node["id"]: node["type"] for node in graph["nodes"]}
    assert len(kinds) == len(graph["nodes"])
    assert max(kinds, default=0) <= graph["last_node_id"]
    links = {fields[0]: fields for fields in graph["links"]}
    assert len(links) == len(graph["links"])
    found = {}
    used = []
    for node in graph["nodes"]:
        widgets = MADE[node["type"]].widgets if node["type"] in MADE else {}
        inputs: dict[str, Any] = dict(zip(widgets, node["widgets_values"], strict=bool(widgets)))
        for slot, socket in enumerate(node.get("inputs", [])):
            if socket["link"] is not None:
                _, origin, output, target, position, _ = links[socket["link"]]
                assert (target, position) == (node["id"], slot)
                inputs[socket["name"]] = (kinds[origin], output)
                used.append(socket["link"])
        found[node["id"]] = (node["type"], inputs)
        for slot, socket in enumerate(node["outputs"]):
            leaving = [fields[0] for fields in graph["links"] if fields[1:3] == [node["id"], slot]]
            assert sorted(socket["links"]) == sorted(leaving)
    assert sorted(used) == sorted(links)
    return found
