"""What the page draws: keys, and either the share of each prompt in each frame or a curve."""

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import Any

from ..prompts.text import Span


@dataclass(frozen=True)
class DrawnKey:
    position: float
    """Frame or sampling step. Of a range, the first frame."""
    label: str
    span: Span
    """What a person types for it: the prompt, or the point."""
    value: float | None = None
    """Of a strength."""


@dataclass(frozen=True)
class Drawing:
    text: str
    keys: list[DrawnKey]
    """In the order of their positions."""
    end: float
    """Last position of the ruler, which begins at 0."""
    prompts: int = 0
    """How many different prompts the text has."""
    shares: list[tuple[int, int, float]] = field(default_factory=list)
    """For each frame: index of its prompt, index of the next one, and the share of that. Prompts count from 0, in the
    order of their first keys."""
    curve: list[tuple[float, float]] = field(default_factory=list)
    """(position, value), close enough for lines between them."""
    values: list[float] = field(default_factory=list)
    """The value of each frame, if the clip is short enough to show them."""

    def as_json(self, edited: float | None) -> dict[str, Any]:
        """For the page, which counts characters in UTF-16. edited: position of the key that was edited."""
        indices = Utf16(self.text)
        keys = [
            {
                "position": key.position,
                "label": key.label,
                "value": key.value,
                "span": [indices[key.span[0]], indices[key.span[1]]],
            }
            for key in self.keys
        ]
        return {
            "text": self.text,
            "keys": keys,
            "edited": next((index for index, key in enumerate(self.keys) if key.position == edited), None),
            "end": self.end,
            "prompts": self.prompts,
            "shares": self.shares,
            "curve": self.curve,
            "values": self.values,
        }


class Utf16:
    """Indices of a text's characters, as JavaScript counts them."""

    def __init__(self, text: str):
        self.wide = [index for index, character in enumerate(text) if character > "\uffff"]

    def __getitem__(self, index: int) -> int:
        return index + bisect_left(self.wide, index)
