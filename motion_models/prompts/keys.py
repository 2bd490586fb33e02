"""The frames of prompts: `8`, `-1` from the end, `.5` of the length, `0:8` without the 8, and `8:` up to the next."""

import math
import re
from dataclasses import dataclass

from ..errors import MotionError
from .text import Entry, place

FRAME = re.compile(r"-?[0-9]{1,7}")
SHARE = re.compile(r"(?=.?[0-9])[01]?\.[0-9]{0,9}")


@dataclass(frozen=True)
class Key:
    """A prompt and its frames."""

    first: int
    last: int
    """The same as `first`, except for a range. A frame after the end of the clip is a goal that the clip goes to."""
    holds: bool
    """Whether the prompt stays the same until the next key."""
    prompt: str
    at: int
    """Index of the key in the text."""


def keys_of(entries: tuple[Entry, ...], text: str, frames: int, closed_loop: bool) -> list[Key]:
    """The keys in the order of their frames, none of which have a frame in common.

    Raises MotionError with the line and column of a key that is not one, or that fits no other.
    """
    keys = sorted((key_of(entry, text, frames) for entry in entries), key=lambda key: key.first)
    for one, other in zip(keys, keys[1:], strict=False):
        if other.first <= one.last:
            raise MotionError(
                "Line {line}, column {column}: frame {frame} has two prompts. Keep one of them.",
                **place(text, max(one.at, other.at)),
                frame=other.first,
            )
    if closed_loop and keys[-1].last >= frames:
        raise MotionError(
            "Line {line}, column {column}: this loop ends with frame {last}. Remove frame {frame}, because a closed "
            "loop leads back to the first prompt by itself.",
            **place(text, keys[-1].at),
            last=frames - 1,
            frame=keys[-1].last,
        )
    return keys


def key_of(entry: Entry, text: str, frames: int) -> Key:
    written = entry.key.strip()
    holds = written.endswith(":")
    try:
        first, *end = (frame_of(part.strip(), frames) for part in written.removesuffix(":").split(":"))
        if len(end) > 1 or (end and holds):
            raise ValueError
    except ValueError:
        raise MotionError(
            "Line {line}, column {column}: {key} is not a frame. Write 8, or -1 for the last frame, .5 for the middle, "
            "0:8 for a range or 8: to hold.",
            **place(text, entry.at),
            key=repr(entry.key),
        ) from None
    if end:
        first, stop = sorted((max(0, first), max(0, end[0])))
        return Key(first, max(first, stop - 1), holds, entry.prompt, entry.at)
    if first < 0:
        raise MotionError(
            "Line {line}, column {column}: frame {frame} is before the first frame of the {frames} in the clip.",
            **place(text, entry.at),
            frame=written,
            frames=frames,
        )
    return Key(first, first, holds, entry.prompt, entry.at)


def frame_of(written: str, frames: int) -> int:
    """The frame of a number, negative if it is before the first. Raises ValueError for anything else."""
    if FRAME.fullmatch(written):
        number = int(written)
        return number + frames if written.startswith("-") else number
    if not SHARE.fullmatch(written) or float(written) > 1:
        raise ValueError
    return min(frames - 1, math.floor(float(written) * frames))
