"""What all nodes of this pack share: their inputs are checked, and their errors are shown on them."""

from typing import Any, ClassVar

import torch
from comfy_api.latest import io
from torch import Tensor

from ...motion_models.errors import MotionError
from .inputs import checked_inputs
from .reports import node_id_of, send


class AnimateDiffNode(io.ComfyNode):
    """A node that implements `run` instead of `execute`."""

    own_checks: ClassVar[tuple[str, ...]] = ()
    """Inputs that the node checks itself, because it can say more than the common checks: names of files, lists."""

    lists: ClassVar[tuple[str, ...]] = ()
    """Inputs that are lists, on a node whose schema has `is_input_list`. ComfyUI then sends lists for all inputs."""

    @classmethod
    def execute(cls, *args: Any, **values: Any) -> io.NodeOutput:
        schema = cls.define_schema()
        values |= dict(zip((field.id for field in schema.inputs), args, strict=False))
        try:
            if schema.is_input_list:
                values = {name: value if name in cls.lists else only(name, value) for name, value in values.items()}
            return cls.run(**checked_inputs(schema.inputs, cls.renamed(values), cls.own_checks, cls.lists))
        except MotionError as error:
            send(node_id_of(cls), error.report())
            raise

    @classmethod
    def renamed(cls, values: dict[str, Any]) -> dict[str, Any]:
        """The values by the current names of the inputs. Nodes with older names override it."""
        return values

    @classmethod
    def run(cls, **values: Any) -> io.NodeOutput:
        raise NotImplementedError


def only(name: str, value: Any) -> Any:
    """The value that a list holds, once or several times. A script may pass the value itself.

    Raises MotionError if the list holds different ones.
    """
    if not isinstance(value, list) or not value:
        return value
    if not all(is_same(value[0], other) for other in value[1:]):
        raise MotionError(
            "{input} is a list of {number} values that differ, but only one can be used: connect a single one.",
            input=name,
            number=len(value),
        )
    return value[0]


def is_same(one: Any, other: Any) -> bool:
    """Objects such as MODELs are the same only if they are one, because == fails for what holds tensors."""
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return torch.equal(one, other)
    return one is other or (isinstance(one, int | float | str) and one == other)
