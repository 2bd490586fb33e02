"""Their nodes as rules read them: checked values and links. And the nodes that rules make."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...errors import sentence
from ..formats.graph import ACTIVE, Graph, Id, New, Output
from ..report import Report, became, went_into
from ..tables.made_nodes import MADE
from ..tables.their_nodes import OLDER_INPUTS, OLDER_WIDGETS, THEIR_WIDGETS, Widgets, is_theirs
from ..tables.values import FRAMES, LATENT_INPUTS, MODEL_INPUTS, STEPS

MOST_NODES_AFTER = 200
"""How many nodes after a MODEL are searched for a sampler."""


@dataclass
class Conversion:
    """The conversion of one level of a graph."""

    graph: Graph
    report: Report
    files: Mapping[str, list[str]]
    """Names of the files that are there, by folders of models: for names from another system."""
    shared: dict[tuple[Any, ...], Output] = field(default_factory=dict)
    """Outputs of new nodes that several others use, by what they were made from."""
    rows: dict[Id, int] = field(default_factory=dict)
    """How many new nodes stand in the place of one of theirs."""
    done: set[Id] = field(default_factory=set)
    """Their nodes whose settings are in new nodes."""
    replaced: set[Id] = field(default_factory=set)
    """Their nodes whose motion models never ran, because of a later node."""

    def their(self, output: Output | None) -> "TheirNode | None":
        """The node of an output, if it is one of theirs."""
        kind = self.graph.kind(output.node) if output else ""
        return TheirNode(self, output.node, kind) if output and is_theirs(kind) else None

    def chain(self, output: Output | None, previous: str) -> list["TheirNode"]:
        """Their nodes from the last of a chain to the first. previous: the input with the one before."""
        found = []
        for link in self.graph.upstream(output, (previous,)):
            node = self.their(link)
            if node:
                found.append(node)
        return found

    def make(self, kind: str, beside: Id, state: str = ACTIVE, /, **fields: Any) -> Output:
        """Add a node. fields: values, or outputs to link. Those that are None stay as they are by default."""
        row = self.rows[beside] = self.rows.get(beside, -1) + 1
        given = {name: value for name, value in fields.items() if value is not None}
        links = {name: value for name, value in given.items() if isinstance(value, Output)}
        values = {name: value for name, value in given.items() if name not in links}
        return Output(self.graph.add(New(kind, values, links, beside, row, state)), 0)

    def file(self, folder: str, name: Any) -> Any:
        """The name of a file as it is here. Graphs from other systems have other folders and other slashes."""
        here = self.files.get(folder, [])
        same = [other for other in here if base_name(other) == base_name(name)]
        return same[0] if name not in here and len(same) == 1 else name

    def samplers_after(self, output: Output, table: Mapping[str, tuple[str, int]]) -> dict[Id, float]:
        """Numbers that nodes after a MODEL have for its sampling. table: their widgets."""
        waiting, seen, found = [output.node], {output.node}, {}
        while waiting and len(seen) < MOST_NODES_AFTER:
            node = waiting.pop(0)
            number = self.number_of(node, table)
            if number is not None:
                found[node] = number
            following = [
                end.node
                for end in self.graph.consumers(node)
                if end.node not in seen and end.input in (*MODEL_INPUTS, "guider")
            ]
            waiting += following
            seen.update(following)
        return found

    def steps_after(self, output: Output) -> int | None:
        """The steps of the first sampler after a MODEL, or None if there is none."""
        return next((int(steps) for steps in self.samplers_after(output, STEPS).values()), None)

    def frames_of(self, latent: Output | None) -> int | None:
        """The frames of latents, or None if the graph does not show them."""
        for output in self.graph.upstream(latent, LATENT_INPUTS):
            found = self.number_of(output.node, FRAMES)
            if found is not None:
                return int(found)
        return None

    def number_of(self, node: Id, table: Mapping[str, tuple[str, int]]) -> float | None:
        """The value of a widget, if a node has it, and it is not linked."""
        name, position = table.get(self.graph.kind(node), (None, 0))
        if name is None or name in self.graph.links_of(node):
            return None
        value = self.graph.values_of(node, ("",) * position + (name,)).get(name)
        return value if isinstance(value, int | float) and fits(value, 1.0) and 0 < value < 100_000 else None

    def loader_of(self, model: Output | None, kind: str) -> "TheirNode | None":
        """The node of a kind that a MODEL comes from, through the nodes that pass it on."""
        found = [output for output in self.graph.upstream(model, MODEL_INPUTS) if self.graph.kind(output.node) == kind]
        return self.their(found[0]) if found else None


@dataclass(frozen=True)
class TheirNode:
    conversion: Conversion
    id: Id
    kind: str

    def add(self, what: str, advice: str = "") -> None:
        self.conversion.report.add(self.kind, self.id, what, advice)

    def became(self, kind: str) -> None:
        self.conversion.done.add(self.id)
        self.add(became(kind))

    def went_into(self, kind: str) -> None:
        self.conversion.done.add(self.id)
        self.add(went_into(kind))

    @property
    def state(self) -> str:
        return self.conversion.graph.state(self.id)

    def links(self) -> dict[str, Output]:
        """What is linked, by the current names of inputs, through nodes that only pass on."""
        graph = self.conversion.graph
        current = {old: new for new, old in OLDER_INPUTS.items()}
        found = {current.get(name, name): graph.origin(output) for name, output in graph.links_of(self.id).items()}
        return {name: output for name, output in found.items() if output is not None}

    def link(self, name: str) -> Output | None:
        return self.links().get(name)

    def values(self) -> dict[str, Any]:
        """Values of the widgets, or their defaults."""
        table = THEIR_WIDGETS.get(self.kind, {})
        older = OLDER_WIDGETS.get(self.kind, {})
        values = self.conversion.graph.values_of(self.id, tuple(table))
        if older and not all_fit(values, table):
            values = self.conversion.graph.values_of(self.id, tuple(older))
        checked = {}
        for name, default in {**older, **table}.items():
            checked[name] = values.get(name, default)
            if not fits(checked[name], default):
                checked[name] = default
                self.add(
                    sentence(
                        "The value of {their_input} cannot be read, and is {value} now.",
                        their_input=name,
                        value=default,
                    ),
                    sentence("Set the value again."),
                )
        return checked

    def value(self, name: str) -> Any:
        return self.values()[name]

    def field(self, name: str) -> Any:
        """What is linked to a widget, or else its value."""
        return self.link(name) or self.value(name)

    def number(self, name: str) -> Any:
        """The value of a widget that a rule calculates with. A linked one is reported, and its own value is used."""
        if self.link(name):
            self.add(
                sentence("{their_input} is linked, and the conversion cannot follow the link.", their_input=name),
                sentence("Compare the value on the new node: it is what the widget had."),
            )
        return self.value(name)


def all_fit(values: Mapping[str, Any], table: Widgets) -> bool:
    return all(fits(values[name], default) for name, default in table.items() if name in values)


def fits(value: Any, default: Any) -> bool:
    """Whether a value has the type of a default, and is finite."""
    if isinstance(default, float):
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if isinstance(default, bool):
        return isinstance(value, bool)
    if isinstance(default, int):
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, type(default))


def limited(node: TheirNode, name: str, value: Any, least: float, most: float) -> Any:
    """A number within limits. It is reported if it is not."""
    if isinstance(value, Output) or least <= value <= most:
        return value
    possible = min(max(value, least), most)
    node.add(
        sentence(
            "{their_input} {value} is not possible, and is {possible} now.",
            their_input=name,
            value=value,
            possible=possible,
        ),
        sentence("Compare the clip, and change the value on the new node if it is worse."),
    )
    return possible


def base_name(name: Any) -> str:
    return str(name).replace("\\", "/").rsplit("/", 1)[-1]


def title(kind: str) -> str:
    return MADE[kind].title
