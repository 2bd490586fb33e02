"""The domain adapter: a LoRA in the spatial attention. It learns the look of the training videos, so that the motion
modules do not learn it.

Guo et al., arXiv 2307.04725, section 4.1. It is trained with alpha 1. At inference alpha is lowered, or 0.
"""

from pathlib import Path

from .. import host
from ..errors import MotionError, sentence
from ..files.reading import read
from ..files.unsupported_files import MOTION_LORA, MOTION_PARTS
from .pairs import pairs_in, unsupported_method


def apply_domain_adapter(model: host.ModelPatcher, path: Path, alpha: float) -> tuple[host.ModelPatcher, str]:
    """A clone of MODEL with alpha times the adapter in its spatial attention, and a report of the tensors used.

    Raises MotionError if no tensor of the file fits MODEL.
    """
    tensors = read(path)
    method = unsupported_method(key for key in tensors if not any(part in key for part in MOTION_PARTS))
    if method:
        raise MotionError(
            "{file} uses {method}, which this pack does not support: load it with Load LoRA, or choose a domain "
            "adapter of low-rank pairs, such as v3_sd15_adapter.ckpt for SD1.5.",
            file=path.name,
            method=method,
        )
    names = host.unet_lora_names(model)
    pairs = pairs_in(tensors, names, host.weight_shapes(model, names.values()), path.name)
    if not pairs.fitting and MOTION_LORA.fits(tensors):
        raise MotionError(
            "{file} is {kind}, not a domain adapter: {remedy}. Choose an adapter made for this MODEL ({model}) here, "
            "such as v3_sd15_adapter.ckpt for SD1.5.",
            file=path.name,
            kind=MOTION_LORA.description,
            remedy=MOTION_LORA.remedy,
            model=host.base_name(model),
        )
    if not pairs.fitting:
        raise MotionError(
            "{file} is not a domain adapter for this MODEL: choose an adapter made for this MODEL ({model}), such as "
            "v3_sd15_adapter.ckpt for SD1.5.",
            file=path.name,
            model=host.base_name(model),
        )
    patched = model.clone()
    if alpha:  # alpha 0 adds no patch, so the weights stay the same bit for bit
        patched.add_patches(pairs.fitting, alpha)
    return patched, sentence(
        "{file} is added to this MODEL: rank {rank}, {used} tensors used, {unused} not.",
        file=path.name,
        rank=pairs.rank,
        used=pairs.used,
        unused=len(tensors) - pairs.used,
    )
