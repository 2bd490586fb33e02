"""Their schedules of values as text of Strength Schedule."""

import math
import re

KEYED = re.compile(r"""["']?([\d.:-]+)["']?[=:](.+)""")
"""A position and a value, without spaces."""
LONGEST_TEXT = 100_000
MOST_POINTS = 2_000


def points_of(text: str, frames: int) -> str | None:
    """The points of a text such as `0 = 1, 8: = .5` or `"0": 1, "8": .5`, or None if it cannot be read.

    frames: of the clip, for positions that count from its end or are parts of it. 0 if that is not known.
    """
    keys: dict[int, tuple[float, bool]] = {}
    latest = -1
    for part in text[:LONGEST_TEXT].strip().strip(",").split(","):
        found = KEYED.fullmatch("".join(part.split()))
        value = number(found[2].strip("()[]{}\"'")) if found else None
        positions = positions_of(found[1], frames) if found else None
        if not found or value is None or not positions or positions[0] < latest or len(keys) > MOST_POINTS:
            return None
        keys |= {position: (value, found[1].endswith(":")) for position in positions}
        latest = positions[-1]
    return as_text(keys)


PROMPT_KEY = re.compile(r"""(\d{1,6}):?\s?"?\s?[=:]\s?\"""")


def last_position(text: str) -> int | None:
    """The frames up to the last key of a text with prompts, or None if it has none."""
    positions = [int(key) for key in PROMPT_KEY.findall(text[:LONGEST_TEXT])]
    return max(positions) + 1 if positions else None


def as_text(keys: dict[int, tuple[float, bool]]) -> str:
    """keys: values by frames, and whether a value holds up to the next one."""
    ordered = sorted(keys.items())
    points = []
    for (position, (value, holds)), following in zip(ordered, [*ordered[1:], None], strict=True):
        points.append((position, value))
        if holds and following and following[0] > position + 1:
            points.append((following[0] - 1, value))
    return written(points)


def written(points: list[tuple[float, float]]) -> str:
    """The text of Strength Schedule."""
    return ", ".join(f"{position:.6g}: {value:.6g}" for position, value in points)


def positions_of(key: str, frames: int) -> range | list[int] | None:
    """The frames of a key: `8`, `-1`, `0.5`, `2:6` without 6, or `8:`, whose value holds. None if it is not a key."""
    start, colon, end = key.partition(":")
    first = position_of(start, frames)
    last = position_of(end, frames) if end else None
    if first is None or (end and last is None):
        return None
    if last is None or last == first:
        return [first]
    return range(min(first, last), min(max(first, last), min(first, last) + MOST_POINTS))


def position_of(text: str, frames: int) -> int | None:
    value = number(text)
    if value is None:
        return None
    if "." in text:  # a part of the clip
        if not frames or not 0 <= value <= 1:
            return None
        return min(math.floor(value * frames), frames - 1)
    if value < 0:
        return int(value) + frames if frames and value >= -frames else None
    return int(value)


def number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and abs(value) < 1e6 else None
