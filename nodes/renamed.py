"""Names of inputs and choices in graphs that were saved before the first release."""

from typing import Any

INPUTS = {
    "length": "context_length",
    "overlap": "context_overlap",
    "stride": "context_stride",
    "schedule": "context_schedule",
    "fuse": "fuse_method",
    "between": "interpolation",
    "times": "multiply_by",
}
CHOICES = {
    "static": "standard_static",
    "uniform": "standard_uniform",
    "looped": "looped_uniform",
    "linear": "overlap-linear",
}
"""Of context_schedule and fuse_method."""


def current_inputs(given: dict[str, Any]) -> dict[str, Any]:
    """What a node was given, under the names of today."""
    return {INPUTS.get(name, name): value for name, value in given.items()}


def current_choice(value: str) -> str:
    return CHOICES.get(value, value)
