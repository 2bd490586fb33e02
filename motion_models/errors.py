"""Sentences for the user: what is wrong, what was expected and what to do."""

import sys

LONGEST_VALUE = 200
"""Characters of a value in a sentence."""


class MotionError(ValueError):
    """An error that a user can fix. ComfyUI shows its message in the error dialog."""

    def __init__(self, template: str, **values: object):
        super().__init__(sentence(template, **values))

    def report(self) -> str:
        """What a node shows below its widgets. js/lib/messages.mjs knows errors by the first word."""
        return f"Error: {self}"


# the dialog shows the type of an error with its module
MotionError.__module__ = "AnimateDiff XL"


def sentence(template: str, **values: object) -> str:
    """The template with its {values}. js/lib/messages.mjs translates templates, so they are literals.

    File names, keys and texts of users can hold line breaks, text direction marks or invalid characters. These must not
    reach a log or a terminal, so they are escaped here. ComfyUI's queue ends when it cannot log an error.
    """
    return template.format(**{name: printable(value) for name, value in values.items()})


def printable(value: object) -> str:
    """A value as it can be shown and logged: escaped where it is not printable, and cut."""
    text = str(value)
    if len(text) > LONGEST_VALUE:
        text = f"{text[:LONGEST_VALUE]}..."
    text = "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)
