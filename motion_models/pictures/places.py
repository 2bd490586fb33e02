"""Where in a clip the given frames are: a text such as "0, -1", as frame numbers."""

import re

import numpy as np

from ..errors import MotionError

WORDS = {"first": "0", "last": "-1"}
SPREAD = "spread"
"""Spreads the pictures evenly over the clip."""

PART = re.compile(r"(-?\d{1,9})(?:\s*-\s*(-?\d{1,9}))?", re.ASCII)
"""A frame, or the first and the last frame of a range."""


def places_of(at: str, kept: int, frames: int, closed_loop: bool = False) -> list[int]:
    """The frame of the clip for each of the kept frames.

    at: frames, ranges such as "0-3", "first" and "last", separated by commas, or "spread". -1 is the last frame.
    A single kept frame is used at all places, so there may be more places than kept frames.
    Raises MotionError for a text that it cannot read, and for places that the clip does not have, or has twice.
    """
    if at.strip().lower() == SPREAD:
        return spread(kept, frames, closed_loop)
    places: list[int] = []
    seen = set()
    for place in (place for part in at.split(",") for place in range_of(part.strip(), frames)):
        if place in seen:
            raise MotionError("at names frame {frame} twice: name each frame once.", frame=place)
        seen.add(place)
        places.append(place)
    if kept not in (1, len(places)):
        raise MotionError(
            "There are not as many pictures as places: name a frame in at for each picture, or write spread. There are "
            "{pictures} pictures, frames of latent included, and at names {places} frames.",
            pictures=kept,
            places=len(places),
        )
    return places


def spread(kept: int, frames: int, closed_loop: bool) -> list[int]:
    """From the first frame to the last. In a closed loop the last place is one distance before the first."""
    if kept > frames:
        raise MotionError(
            "The clip is too short for its pictures: raise frames, or connect fewer pictures. It has {frames} frames, "
            "and there are {pictures} pictures.",
            frames=frames,
            pictures=kept,
        )
    end = frames if closed_loop else frames - 1
    return np.linspace(0, end, kept, endpoint=not closed_loop).round().astype(int).tolist()


def range_of(part: str, frames: int) -> range:
    """The frames of one part of the text. A range may also run backwards."""
    found = PART.fullmatch(WORDS.get(part.lower(), part))
    if found is None:
        raise MotionError(
            "'{part}' in at is not a frame: write frames such as '0, 15', ranges such as '0-3', first, last or spread.",
            part=part,
        )
    start, end = (frame_of(int(number), frames) for number in (found[1], found[2] or found[1]))
    return range(start, end + 1) if start <= end else range(start, end - 1, -1)


def frame_of(number: int, frames: int) -> int:
    """A frame of the clip, counted from its end if the number is negative."""
    if not -frames <= number < frames:
        raise MotionError(
            "at names frame {number}, which the clip does not have: choose from 0 to {last}, or from -{frames} to -1 "
            "to count from the end.",
            number=number,
            last=frames - 1,
            frames=frames,
        )
    return number % frames
