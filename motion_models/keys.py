"""Key spellings of motion model files, all turned into that of the authors.

    authors    down_blocks.0.motion_modules.1.temporal_transformer.transformer_blocks.0.attention_blocks.0.to_q.weight
    diffusers  down_blocks.0.motion_modules.1.transformer_blocks.0.attn1.to_q.weight

Sources: the authors' files and diffusers' MotionAdapter (huggingface/diffusers 58eb52c, unet_motion_model.py).
"""

import re

from torch import Tensor

WRAPPING = ("module.", "unet.")
"""In front of every key: what the authors' training script and diffusers' exports leave there."""

MOTION_KEY = re.compile(r"^(?:down_blocks\.\d+|up_blocks\.\d+|mid_block)\.motion_modules\.\d+\.")

DIFFUSERS_MODULE = re.compile(r"(\.motion_modules\.\d+)\.(?=norm\.|proj_in\.|proj_out\.|transformer_blocks\.)")

DIFFUSERS_TO_AUTHORS = {
    ".attn1.": ".attention_blocks.0.",
    ".attn2.": ".attention_blocks.1.",
    ".norm1.": ".norms.0.",
    ".norm2.": ".norms.1.",
    ".norm3.": ".ff_norm.",
}

DIFFUSERS_POSITIONS = ".pos_embed.pe"
AUTHORS_POSITIONS = tuple(f".attention_blocks.{index}.pos_encoder.pe" for index in range(2))


def unwrapped(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors without what stands in front of every key."""
    for prefix in WRAPPING:
        if tensors and all(key.startswith(prefix) for key in tensors):
            tensors = {key.removeprefix(prefix): value for key, value in tensors.items()}
    return tensors


def in_authors_spelling(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The motion tensors of a file under the authors' keys; what is not motion is left out."""
    renamed = {}
    for key, value in unwrapped(tensors).items():
        if not MOTION_KEY.match(key):
            continue
        if not DIFFUSERS_MODULE.search(key):
            renamed[key] = value
            continue
        key = DIFFUSERS_MODULE.sub(r"\1.temporal_transformer.", key)
        for theirs, ours in DIFFUSERS_TO_AUTHORS.items():
            key = key.replace(theirs, ours)
        if key.endswith(DIFFUSERS_POSITIONS):  # one table there, one for each attention here
            stem = key.removesuffix(DIFFUSERS_POSITIONS)
            renamed |= {stem + positions: value for positions in AUTHORS_POSITIONS}
        else:
            renamed[key] = value
    return renamed
