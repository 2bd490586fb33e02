"""Key formats of motion model files, and their conversion to the original one.

    original   down_blocks.0.motion_modules.1.temporal_transformer.transformer_blocks.0.attention_blocks.0.to_q.weight
    diffusers  down_blocks.0.motion_modules.1.transformer_blocks.0.attn1.to_q.weight
    HotshotXL  down_blocks.0.temporal_attentions.1.transformer_blocks.0.attention_blocks.0.to_q.weight

Sources: the original files (guoyww/AnimateDiff), diffusers' MotionAdapter (huggingface/diffusers 58eb52c,
unet_motion_model.py), and hotshotco/Hotshot-XL (cc01f7f).
"""

import re
from collections.abc import Iterable

from torch import Tensor

KEY_PREFIXES = ("module.", "unet.")
"""Prefixes of every key in files of the original training script and in diffusers' exports."""

ORIGINAL, DIFFUSERS, HOTSHOT = "authors", "diffusers", "hotshot"

MOTION_KEY = re.compile(
    r"^(?:down_blocks\.\d{1,2}|up_blocks\.\d{1,2}|mid_block)\.(?:motion_modules|temporal_attentions)\.\d{1,2}\."
)

# For each key format: the part of a key up to the names of the module's layers, and replacements after it.
RENAMED: dict[str, tuple[re.Pattern[str], dict[str, str]]] = {
    HOTSHOT: (
        re.compile(r"\.temporal_attentions\.(\d+)\."),
        {".pos_encoder.positional_encoding": ".pos_encoder.pe"},
    ),
    DIFFUSERS: (
        re.compile(r"\.motion_modules\.(\d+)\.(?!temporal_transformer\.)"),
        {
            ".attn1.": ".attention_blocks.0.",
            ".attn2.": ".attention_blocks.1.",
            ".norm1.": ".norms.0.",
            ".norm2.": ".norms.1.",
            ".norm3.": ".ff_norm.",
        },
    ),
}

ORIGINAL_TO_DIFFUSERS = {original: other for other, original in RENAMED[DIFFUSERS][1].items()}

DIFFUSERS_POSITIONS = ".pos_embed.pe"
ORIGINAL_POSITIONS = tuple(f".attention_blocks.{index}.pos_encoder.pe" for index in range(2))


def key_format_of(keys: Iterable[str]) -> str:
    """ORIGINAL, DIFFUSERS or HOTSHOT. A single key in a format of RENAMED is enough."""
    keys = list(keys)
    return next(
        (name for name, (module, _) in RENAMED.items() if any(module.search(key) for key in keys)),
        ORIGINAL,
    )


def unwrapped(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors without the key prefixes that all of them share."""
    for prefix in KEY_PREFIXES:
        if tensors and all(key.startswith(prefix) for key in tensors):
            tensors = {key.removeprefix(prefix): value for key, value in tensors.items()}
    return tensors


def motion_keys(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of motion modules, in any key format."""
    return {key: value for key, value in tensors.items() if MOTION_KEY.match(key)}


def in_original_format(tensors: dict[str, Tensor], key_format: str) -> dict[str, Tensor]:
    """The same motion tensors under their original keys."""
    if key_format == ORIGINAL:
        return tensors
    module, names = RENAMED[key_format]
    renamed = {}
    for key, value in tensors.items():
        key = module.sub(r".motion_modules.\1.temporal_transformer.", key)
        for other, original in names.items():
            key = key.replace(other, original)
        if key.endswith(DIFFUSERS_POSITIONS):  # diffusers has one table for both attentions of a block
            stem = key.removesuffix(DIFFUSERS_POSITIONS)
            renamed |= {stem + positions: value for positions in ORIGINAL_POSITIONS}
        else:
            renamed[key] = value
    return renamed
