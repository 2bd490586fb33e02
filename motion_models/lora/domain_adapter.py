"""The domain adapter: a LoRA in the spatial attention. It learns the look of the training videos, so that the motion
modules do not learn it.

Guo et al., arXiv 2307.04725, section 4.1. It is trained with alpha 1. At inference alpha is lowered, or 0.
"""

from pathlib import Path

from .. import host
from ..errors import MotionError, sentence
from ..files.reading import read
from ..files.unsupported_files import MOTION_LORA
from .motion_lora import pairs_in


def apply_domain_adapter(model: host.ModelPatcher, path: Path, alpha: float) -> tuple[host.ModelPatcher, str]:
    """A clone of MODEL with alpha times the adapter in its spatial attention, and a report of the tensors used.

    Raises MotionError if no tensor of the file fits MODEL.
    """
    tensors = read(path)
    adapters, used = pairs_in(tensors, host.unet_lora_names(model), path.name)
    fitting = host.fitting(adapters, {key: value.shape for key, value in model.model.state_dict().items()})
    if not fitting:
        problem, remedy = "is not a domain adapter for this MODEL", "choose"
        if MOTION_LORA.fits(tensors):
            problem, remedy = f"is {MOTION_LORA.description}, not a domain adapter", f"{MOTION_LORA.remedy}, or choose"
        raise MotionError(
            "{file} {problem}: {remedy} an adapter made for this MODEL ({model}), such as "
            "v3_sd15_adapter.ckpt for SD1.5.",
            file=path.name,
            problem=problem,
            remedy=remedy,
            model=host.base_name(model),
        )
    patched = model.clone()
    if alpha:  # alpha 0 adds no patch, so the weights stay the same bit for bit
        patched.add_patches(fitting, alpha)
    rank = max(adapter.weights[1].shape[0] for adapter in fitting.values())
    unused = len(tensors) - used + 2 * (len(adapters) - len(fitting))
    return patched, sentence(
        "{file}: rank {rank}, {used} tensors used, {unused} not.",
        file=path.name,
        rank=rank,
        used=len(tensors) - unused,
        unused=unused,
    )
