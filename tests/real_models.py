"""The real shapes of SDXL and SD1.5 and of their motion models."""

from dataclasses import dataclass
from typing import Any

import comfy.supported_models
import comfy.supported_models_base
from animatediff_xl.motion_models.files.families import FAMILIES
from animatediff_xl.motion_models.network.motion_module import MotionShape

COMMON = {
    "image_size": 32, "use_checkpoint": False, "legacy": False, "use_spatial_transformer": True,
    "in_channels": 4, "out_channels": 4, "use_temporal_attention": False, "use_temporal_resblock": False,
}  # fmt: skip


@dataclass(frozen=True)
class Base:
    """An image model: ComfyUI's class for it, and the original configuration of its UNet."""

    kind: type[comfy.supported_models_base.BASE]
    multiples: tuple[int, ...]
    """Channels of each level, as multiples of the first level's channels."""
    context: int
    """Channels of the text encoding."""
    pooled: int
    """Channels of the pooled text encoding. 0 if there is none."""
    head_channels: int
    """Channels of an attention head. 0: eight heads in every layer."""
    config: dict[str, Any]


BASES = {
    # stabilityai/generative-models, configs/inference/sd_xl_base.yaml
    "SDXL": Base(comfy.supported_models.SDXL, (1, 2, 4), 2048, 1280, 64, {
        "num_res_blocks": [2, 2, 2], "transformer_depth": [0, 0, 2, 2, 10, 10], "transformer_depth_middle": 10,
        "transformer_depth_output": [0, 0, 0, 2, 2, 2, 10, 10, 10], "use_linear_in_transformer": True,
        "num_classes": "sequential", "adm_in_channels": 1280 + 6 * 256,
    }),
    # CompVis/stable-diffusion, configs/stable-diffusion/v1-inference.yaml
    "SD1.5": Base(comfy.supported_models.SD15, (1, 2, 4, 4), 768, 0, 0, {
        "num_res_blocks": [2, 2, 2, 2], "transformer_depth": [1, 1, 1, 1, 1, 1, 0, 0], "transformer_depth_middle": 1,
        "transformer_depth_output": [1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0], "use_linear_in_transformer": False,
        "adm_in_channels": None,
    }),
}  # fmt: skip


CHANNELS = 320
"""Channels of the first level of both base models."""


def unet_config(base: Base, channels: int = CHANNELS) -> comfy.supported_models_base.BASE:
    """ComfyUI's configuration of a base. channels: of the first level."""
    heads = {"num_heads": -1 if base.head_channels else 8, "num_head_channels": base.head_channels or -1}
    kind = type(base.kind.__name__, (base.kind,), {"unet_extra_config": heads})
    shape = {"model_channels": channels, "channel_mult": list(base.multiples), "context_dim": base.context}
    return kind(COMMON | base.config | shape)


def motion_shape(family_name: str, base: Base, channels: int = CHANNELS) -> MotionShape:
    family, levels = FAMILIES[family_name], [channels * multiple for multiple in base.multiples]
    down = tuple((width,) * 2 for width in levels)
    up = tuple((width,) * 3 for width in reversed(levels))
    rows = family.layouts[0][1] or family.frame_limit
    return MotionShape(down, up, (levels[-1],) if family.mid else (), rows)
