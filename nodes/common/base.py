"""What all nodes of this pack share: their inputs are checked, and their errors are shown on them."""

from typing import Any, ClassVar

from comfy_api.latest import io

from ...motion_models.errors import MotionError
from .inputs import checked_inputs
from .reports import node_id_of, send


class AnimateDiffNode(io.ComfyNode):
    """A node that implements `run` instead of `execute`."""

    own_checks: ClassVar[tuple[str, ...]] = ()
    """Inputs that the node checks itself, because it can say more than the common checks: names of files, lists."""

    @classmethod
    def execute(cls, *args: Any, **values: Any) -> io.NodeOutput:
        fields = cls.define_schema().inputs
        values |= dict(zip((field.id for field in fields), args, strict=False))
        try:
            return cls.run(**checked_inputs(fields, cls.renamed(values), cls.own_checks))
        except MotionError as error:
            send(node_id_of(cls), str(error))
            raise

    @classmethod
    def renamed(cls, values: dict[str, Any]) -> dict[str, Any]:
        """The values by the current names of the inputs. Nodes with older names override it."""
        return values

    @classmethod
    def run(cls, **values: Any) -> io.NodeOutput:
        raise NotImplementedError
