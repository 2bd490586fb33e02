"""The report of a conversion: what became of each of their nodes, and what a person has to do."""

from dataclasses import dataclass, field
from typing import Any

from ..errors import sentence
from .formats.graph import Id
from .tables.made_nodes import CORE, MADE


@dataclass
class Report:
    entries: list[dict[str, Any]] = field(default_factory=list)
    level: str = ""
    """The name of the subgraph that is being converted."""

    def add(self, kind: str, node: Id, what: str, advice: str = "") -> None:
        """what, advice: sentences."""
        number = f"{self.level}/{node}" if self.level else str(node)
        entry = {"node": kind, "id": number, "what": what, "advice": advice}
        if entry not in self.entries:
            self.entries.append(entry)


def became(kind: str) -> str:
    made = MADE[kind]
    if made.pack == CORE:
        return sentence("Became ComfyUI's {core_node}.", core_node=made.title)
    return sentence("Became {node}.", node=made.title)


def went_into(kind: str) -> str:
    made = MADE[kind]
    if made.pack == CORE:
        return sentence("Its settings are now in ComfyUI's {core_node}.", core_node=made.title)
    return sentence("Its settings are now in {node}.", node=made.title)
