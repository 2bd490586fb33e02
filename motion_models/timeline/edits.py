"""Edits that a person makes in a timeline."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Move:
    key: int
    """Index of a key, in the order of their positions."""
    position: float | None
    """Where it goes. None: it stays."""
    value: float | None
    """Its new value. None: the old one."""


@dataclass(frozen=True)
class Add:
    position: float
    value: float | None
    """Of a strength. None: as it is there."""


@dataclass(frozen=True)
class Remove:
    key: int


Edit = Move | Add | Remove
