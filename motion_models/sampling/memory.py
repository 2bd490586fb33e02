"""The memory of motion modules, for ComfyUI's memory plan."""

from .. import host
from .motion_config import loaded_motions


def motion_bytes(model: host.ModelPatcher, shape: list[int]) -> float:
    """Bytes that the motion modules of a MODEL need at their peak, for latents of the shape (b c h w)."""
    frames, _, height, width = shape
    handler = host.motion_windows(model.model_options)
    if handler:  # the frames of all windows are gathered
        frames += handler.gathered_frames(frames)
    device, item = host.load_device(model), host.compute_dtype(model).itemsize
    counts = (one.motion.activation_elements(frames, height, width, device) for one in loaded_motions(model))
    return item * max(counts, default=0)
