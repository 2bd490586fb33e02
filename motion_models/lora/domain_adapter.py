"""The domain adapter: a LoRA in the spatial attention that takes up the look of the video data, so that the motion
modules need not.

Guo et al., arXiv 2307.04725, section 4.1: trained with alpha 1; dropped (alpha 0) or lowered when a clip is made.
"""

from pathlib import Path

from .. import host
from ..errors import MotionError
from ..files.reading import read
from ..files.unsupported_files import MOTION_LORA
from .motion_lora import pairs_in


def apply_domain_adapter(model: host.ModelPatcher, path: Path, alpha: float) -> tuple[host.ModelPatcher, str]:
    """A clone of MODEL with alpha times the adapter in its spatial attention, and a report of what fitted.

    Raises MotionError if nothing of the file fits MODEL, with the reason.
    """
    tensors = read(path)
    adapters, used = pairs_in(tensors, host.unet_lora_names(model), path.name)
    fitting = host.fitting(adapters, {key: value.shape for key, value in model.model.state_dict().items()})
    if not fitting:
        said, remedy = "has no tensor that fits", "choose"
        if MOTION_LORA.fits(tensors):
            said, remedy = f"is {MOTION_LORA.what}", f"{MOTION_LORA.remedy}, or choose"
        raise MotionError(
            f"{path.name} {said}, and no domain adapter for this MODEL ({host.base_name(model)}): {remedy} an adapter "
            f"made for it, such as v3_sd15_adapter.ckpt for SD1.5."
        )
    patched = model.clone()
    if alpha:  # with 0 nothing is patched, so that the model is bit for bit what it was
        patched.add_patches(fitting, alpha)
    rank = max(adapter.weights[1].shape[0] for adapter in fitting.values())
    unused = len(tensors) - used + 2 * (len(adapters) - len(fitting))
    return patched, f"{path.name}: rank {rank}, {len(tensors) - unused} tensors used, {unused} not."
