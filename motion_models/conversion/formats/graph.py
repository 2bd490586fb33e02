"""A level of a graph: the nodes and links that one canvas shows, whatever the format."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ...errors import MotionError

Id = int | str

MOST_NODES = 10_000
"""Of a whole graph. The largest known graphs have some hundred."""
MOST_LINKS = 50_000

ACTIVE, MUTED, BYPASSED = "active", "muted", "bypassed"


@dataclass(frozen=True)
class Output:
    """An output of a node."""

    node: Id
    slot: int


@dataclass(frozen=True)
class Consumer:
    """An input that is linked to an output."""

    slot: int
    """Of the output."""
    node: Id
    """At the border of a subgraph, an id that no node has."""
    input: str


@dataclass(frozen=True)
class New:
    """A node to add."""

    kind: str
    values: Mapping[str, Any]
    """By the names of widgets. Those that are missing have their defaults."""
    links: Mapping[str, Output]
    """By the names of inputs. A linked widget is one of them."""
    beside: Id
    """The node in whose place it stands."""
    row: int = 0
    """Its number among the nodes in that place."""
    state: str = ACTIVE


class Graph(ABC):
    """Nodes by their ids, with links that can be read and changed."""

    @abstractmethod
    def kinds(self) -> dict[Id, str]:
        """The class of each node."""

    @abstractmethod
    def kind(self, node: Id) -> str:
        """The class of a node, or "" if there is no such node."""

    @abstractmethod
    def state(self, node: Id) -> str:
        """ACTIVE, MUTED or BYPASSED."""

    @abstractmethod
    def links_of(self, node: Id) -> dict[str, Output]:
        """What is linked to each input of a node."""

    @abstractmethod
    def values_of(self, node: Id, names: tuple[str, ...]) -> dict[str, Any]:
        """The widgets of a node. names: of its widgets in order, for a format that saves them by position."""

    @abstractmethod
    def consumers(self, node: Id) -> list[Consumer]:
        """What is linked to the outputs of a node."""

    @abstractmethod
    def set_value(self, node: Id, name: str, position: int, value: Any) -> None:
        """Set a widget of a node, by its name or its position, whichever the format has."""

    @abstractmethod
    def bypass(self, output: Output) -> Output | None:
        """What passes through a node that is bypassed or only passes something on. None if nothing does."""

    @abstractmethod
    def add(self, new: New) -> Id:
        """Add a node."""

    @abstractmethod
    def redirect(self, old: Output, new: Output | None) -> None:
        """Link what is linked to one output to another, or to none."""

    @abstractmethod
    def remove(self, node: Id) -> None:
        """Remove a node with its links."""

    @abstractmethod
    def finished(self) -> dict[str, Any]:
        """The level as JSON."""

    def origin(self, output: Output | None) -> Output | None:
        """The output that a link really comes from: through nodes that only pass on, and through bypassed ones.

        Raises MotionError if nodes are connected in a circle.
        """
        seen = set()
        while output is not None:
            if output in seen:
                raise in_a_circle(output.node)
            seen.add(output)
            if not self.passes_on(output.node):
                return None if self.state(output.node) == MUTED else output
            output = self.bypass(output)
        return None

    @abstractmethod
    def passes_on(self, node: Id) -> bool:
        """Whether a node is bypassed, or does nothing but pass on what is linked to it."""

    def upstream(self, output: Output | None, inputs: tuple[str, ...]) -> Iterator[Output]:
        """An output, and those before it, along the first input of each node that is linked and among `inputs`.

        Raises MotionError if nodes are connected in a circle.
        """
        seen = set()
        output = self.origin(output)
        while output is not None:
            if output.node in seen:
                raise in_a_circle(output.node)
            seen.add(output.node)
            yield output
            links = self.links_of(output.node)
            output = self.origin(next((links[name] for name in inputs if name in links), None))


def in_a_circle(node: Id) -> MotionError:
    return MotionError("Nodes of this graph are connected in a circle: node {id} leads to itself.", id=node)


def checked_id(value: Any) -> Id:
    """The id of a node. Raises MotionError for anything else than a number or text."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise MotionError("This graph is damaged: {value} is not the id of a node.", value=value)
    return value


def check_size(nodes: int, links: int) -> None:
    """Raises MotionError if a graph is too large."""
    if nodes > MOST_NODES or links > MOST_LINKS:
        raise MotionError(
            "This graph is too large to convert: it has {nodes} nodes and {links} links, and {most_nodes} nodes and "
            "{most_links} links are possible.",
            nodes=nodes,
            links=links,
            most_nodes=MOST_NODES,
            most_links=MOST_LINKS,
        )
