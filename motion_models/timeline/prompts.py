"""The timeline of prompts that travel. A moved key keeps its form: `-1` from the end, `.5` of the length, `0:8`."""

import math

from ..prompts.grammar import read
from ..prompts.keys import Key, frame_of, keys_of
from ..prompts.lines import LINES
from ..prompts.shares import shares
from ..prompts.text import Entry
from .drawing import Drawing, DrawnKey
from .edits import Add, Edit, Move
from .items import replaced, with_item, without

MOST_DECIMALS = 9


def draw(text: str, frames: int, interpolation: str, closed_loop: bool) -> Drawing:
    """Raises MotionError with the line and column of what cannot be read."""
    reading = read(text)
    keys = keys_of(reading.entries, text, frames, closed_loop)
    entries = {entry.at: entry for entry in reading.entries}
    found = shares(keys, frames, interpolation, closed_loop)
    index = {prompt: number for number, prompt in enumerate(dict.fromkeys(key.prompt for key in keys))}
    drawn = [DrawnKey(key.first, key.prompt, entries[key.at].prompt_span) for key in keys]
    return Drawing(
        text,
        drawn,
        max(frames - 1, keys[-1].last),
        prompts=len(index),
        shares=[(index[each.prompt], index[each.next], round(each.share, 5)) for each in found],
    )


def edited(text: str, edit: Edit, frames: int, closed_loop: bool) -> str:
    """The text after an edit. It can be one that cannot be read. Raises MotionError if the text before cannot."""
    reading = read(text)
    keys = keys_of(reading.entries, text, frames, closed_loop)
    entries = {entry.at: entry for entry in reading.entries}
    spans = [entry.span for entry in reading.entries]
    if isinstance(edit, Add):
        neighbour = next((key for key in reversed(keys) if key.first <= edit.position), keys[0])
        entry = entries[neighbour.at]
        item = with_key(text, entry, str(round(edit.position)))
        separator = "\n" if reading.grammar == LINES else ",\n"
        before = edit.position < neighbour.first
        return with_item(text, spans, spans.index(entry.span), item, before, separator)
    key = keys[edit.key]
    entry = entries[key.at]
    if isinstance(edit, Move):
        return text if edit.position is None else moved(text, entry, key, round(edit.position), frames)
    return without(text, spans, spans.index(entry.span))


def with_key(text: str, entry: Entry, key: str) -> str:
    """An entry as it is written, but with another key."""
    (start, stop), end = entry.span, entry.at + len(entry.key)
    return text[start : entry.at] + key + text[end:stop]


def moved(text: str, entry: Entry, key: Key, position: int, frames: int) -> str:
    """Only the number of the key changes. Of a range, both numbers do."""
    parts = entry.key.split(":")
    way = position - key.first
    written = ":".join(moved_number(part, way, frames) if part.strip() else part for part in parts)
    return replaced(text, (entry.at, entry.at + len(entry.key)), written)


def moved_number(written: str, way: int, frames: int) -> str:
    """A number of a key for a frame further on, in the same form if it can be, with the same blanks around it."""
    number = written.strip()
    frame = max(0, frame_of(number, frames) + way)
    if number.startswith("-") and frame < frames:
        new = str(frame - frames)
    elif "." in number and frame < frames:
        new = as_share(frame, frames, leading_zero=not number.startswith("."))
    else:
        new = str(frame)
    return written.replace(number, new)


def as_share(frame: int, frames: int, leading_zero: bool) -> str:
    """The shortest decimal that a frame is read from, such as .5 for frame 8 of 16."""
    for decimals in range(MOST_DECIMALS + 1):
        share = math.ceil(frame / frames * 10**decimals) / 10**decimals
        whole, _, fraction = f"{share:.{decimals}f}".partition(".")
        written = f"{whole if leading_zero or whole == '1' or not fraction else ''}.{fraction}"
        if frame_of(written, frames) == frame:
            return written
    return str(frame)  # of so many frames that no decimal is exact
