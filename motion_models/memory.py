"""What the host must know of the memory that motion takes."""

from . import host
from .applied import applied


def motion_bytes(model: host.ModelPatcher, shape: list[int]) -> float:
    """Bytes that the motion modules of a MODEL add at their peak, for latents (b c h w)."""
    batch, _, height, width = shape
    item = host.compute_dtype(model).itemsize
    return max((one.motion.activation_elements(batch * height * width) * item for one in applied(model)), default=0)
