"""Prompt travel: from a text to the prompts of each frame, and a report of what was read."""

import re
from dataclasses import dataclass, replace
from typing import Any

from ..errors import printable, sentence
from .encoding import MIXES, Conditioning
from .grammar import read
from .keys import Key, keys_of
from .lines import joined
from .shares import Share, shares
from .text import Reading

NEGATIVE = "--neg"
"""FizzNodes has the negative prompt after this word."""
LORA_TAG = re.compile(r"<lora:[^<>]{1,200}>")
INNER_FRAME = re.compile(r"(?:^|[,;])\s{0,20}(\"?[0-9]{1,7}\"?\s{0,20}[:=\uff1a])\s{0,20}[^\s0-9]")
"""What looks like a frame inside a prompt, as in `a cat, 8: a dog`, but not as in `a screen, 16:9`."""
MOST_ROWS, MOST_LETTERS = 12, 90
"""Of the table in a report."""


@dataclass(frozen=True)
class Travel:
    """Prompts that travel over the frames of a clip."""

    reading: Reading
    keys: list[Key]
    """With their prompts as they are written."""
    before: str
    after: str
    """Texts around every prompt."""
    frames: list[Share]
    """With whole prompts."""
    closed_loop: bool

    def conditioning(self, clip: Any, mix: str) -> Conditioning:
        """mix: a key of MIXES. Raises MotionError if the text encoder cannot mix the prompts."""
        return MIXES[mix](clip, self.frames)

    def report(self) -> str:
        """A table of frames and prompts, and what of the text is not used."""
        rows = [
            sentence("Read as {grammar}, for {frames} frames.", grammar=self.reading.grammar, frames=len(self.frames))
        ]
        if self.before:
            rows.append(sentence("Before every prompt: '{text}'.", text=self.before))
        rows += [row(key) for key in self.keys[:MOST_ROWS]]
        if len(self.keys) > MOST_ROWS:
            rows.append(sentence("More frames with prompts: {count}.", count=len(self.keys) - MOST_ROWS))
        if self.closed_loop and len(self.keys) > 1:
            rows.append(sentence("The last prompt travels back to the first one."))
        if self.after:
            rows.append(sentence("After every prompt: '{text}'.", text=self.after))
        return "\n".join([*rows, *self.remarks()])

    def remarks(self) -> list[str]:
        written = [self.before, *(key.prompt for key in self.keys), self.after]
        tags = [found[0] for found in map(LORA_TAG.search, written) if found]
        inner = [found[1] for found in map(INNER_FRAME.search, written) if found]
        remarks = []
        if self.keys[-1].last >= len(self.frames):
            remarks.append(
                sentence(
                    "Frame {frame} is after the last frame, {last}: the clip ends before it.",
                    frame=self.keys[-1].last,
                    last=len(self.frames) - 1,
                )
            )
        if inner:
            remarks.append(
                sentence("'{found}' is read as part of a prompt. Write each frame on its own line.", found=inner[0])
            )
        if any(NEGATIVE in text for text in written):
            remarks.append(sentence("The text after --neg is not used. Write it into a negative prompt."))
        if tags:
            remarks.append(sentence("{tag} in a prompt loads nothing. Load LoRAs with Load LoRA.", tag=tags[0]))
        return remarks


def row(key: Key) -> str:
    """Frames and prompt, without words, so that every language can read it."""
    prompt = key.prompt if len(key.prompt) <= MOST_LETTERS else f"{key.prompt[:MOST_LETTERS]}..."
    frames = str(key.first) if key.last == key.first else f"{key.first}-{key.last}"
    return f"{frames}: {printable(prompt)}"


def travel(text: str, frames: int, interpolation: str, closed_loop: bool, before: str = "", after: str = "") -> Travel:
    """The prompts of a text for a clip. interpolation: one of INTERPOLATIONS. before, after: texts around every prompt.

    Raises MotionError with the line and column of what it cannot read.
    """
    reading = read(text)
    keys = keys_of(reading.entries, text, frames, closed_loop)
    before, after = joined(before, reading.before), joined(reading.after, after)
    whole = [replace(key, prompt=positive(before, key.prompt, after)) for key in keys]
    return Travel(reading, keys, before, after, shares(whole, frames, interpolation, closed_loop), closed_loop)


def positive(*parts: str) -> str:
    """The parts as one prompt, without what FizzNodes takes for the negative one.

    A surrogate pair becomes its character. Half of a pair would stop the tokenizer, so it becomes a question mark.
    """
    text = joined(*(part.partition(NEGATIVE)[0] for part in parts))
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
