"""Names of inputs and choices in graphs saved before the first release."""

from collections.abc import Collection
from typing import Any

from ...motion_models.errors import MotionError

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
"""Choices of context_schedule and fuse_method."""


def current_inputs(given: dict[str, Any], known: Collection[str]) -> dict[str, Any]:
    """The values a node received, by the current names of its inputs. known: those names.

    Raises MotionError for a name the node never had.
    """
    renamed = {INPUTS.get(name, name): value for name, value in given.items() if name not in known}
    unknown = [name for name in renamed if name not in known]
    if unknown:
        raise MotionError(
            "This node has no input {name}: choose from {names}.", name=repr(unknown[0]), names=", ".join(known)
        )
    return renamed | {name: value for name, value in given.items() if name in known}


def current_choice(value: Any) -> Any:
    return CHOICES.get(value, value) if isinstance(value, str) else value
