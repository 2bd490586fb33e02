"""Strengths of single motion modules, by their place in the UNet."""

from typing import NamedTuple

from .. import host
from ..errors import MotionError
from .motion_module import MotionShape

EXAMPLE = "'down 0: 1, mid: 0.5, up 2.1: 0.8'"
STRONGEST = 10.0


class Place(NamedTuple):
    """One or several motion modules of a UNet. Without an index it means all of the level, without a level all."""

    side: str
    """down, mid or up."""
    level: int | None = None
    """Counted from 0 in the order in which the UNet runs. The middle block has no levels."""
    index: int | None = None
    """Of the motion module in its level."""

    def __str__(self) -> str:
        level = "" if self.level is None else f" {self.level}"
        return f"{self.side}{level}" + ("" if self.index is None else f".{self.index}")


BlockStrengths = tuple[tuple[Place, float], ...]

SIDES = ("down", "mid", "up")


def block_strengths(text: str) -> BlockStrengths:
    """Strengths from text such as `down 0: 1, mid: 0.5, up 2.1: 0.8`. Each can have its own line.

    Raises MotionError for a part that is not a place and a strength.
    """
    found: dict[Place, float] = {}
    for part in text.replace(";", ",").replace("\n", ",").split(","):
        if not part.strip():
            continue
        name, _, value = part.partition(":")
        try:
            place, strength = place_named(name), float(value)
        except ValueError:
            raise MotionError(
                "'{part}' is not a strength of a block: write down, mid or up, a level if you mean one, and a number "
                "from 0 to {most}, such as {example}.",
                part=part.strip(),
                most=f"{STRONGEST:g}",
                example=EXAMPLE,
            ) from None
        if not 0 <= strength <= STRONGEST:  # not NaN either
            raise MotionError(
                "The strength of {place} is {value}, but must be a number from 0 to {most}.",
                place=place,
                value=value.strip(),
                most=f"{STRONGEST:g}",
            )
        if place in found:
            raise MotionError("block_strengths has two values for {place}: keep one of them.", place=place)
        found[place] = strength
    return tuple(found.items())


def place_named(name: str) -> Place:
    """Raises ValueError for anything else than a place."""
    side, *numbers = name.strip().lower().replace(".", " ").split()
    if side not in SIDES or len(numbers) > (0 if side == "mid" else 2) or not all(map(str.isdecimal, numbers)):
        raise ValueError
    return Place(side, *map(int, numbers))


def places(shape: MotionShape) -> dict[host.InjectionPoint, Place]:
    """The place of each motion module, by its injection point."""
    down, up = (
        [Place(side, level, index) for level, widths in enumerate(levels) for index in range(len(widths))]
        for side, levels in (("down", shape.down), ("up", shape.up))
    )
    return dict(zip(shape.channels_by_point(), [*down, *(Place("mid") for _ in shape.mid), *up], strict=True))


def names_of(place: Place) -> tuple[Place, ...]:
    """The names that mean a motion module, the most precise first."""
    return (place, Place(place.side, place.level), Place(place.side))


def strengths_by_point(strengths: BlockStrengths, shape: MotionShape) -> dict[host.InjectionPoint, float]:
    """The strengths of the motion modules that are named. A precise name overrides one that means more of them."""
    named = dict(strengths)
    return {
        point: next(named[name] for name in names_of(place) if name in named)
        for point, place in places(shape).items()
        if any(name in named for name in names_of(place))
    }


def missing_places(strengths: BlockStrengths, shape: MotionShape) -> list[Place]:
    """The named places where a motion model has no motion module."""
    known = {name for place in places(shape).values() for name in names_of(place)}
    return [place for place, _ in strengths if place not in known]
