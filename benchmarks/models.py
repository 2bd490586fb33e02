"""Image and motion models with the real shapes and random weights, so that nothing is downloaded."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import comfy.model_management
import comfy.model_patcher
import comfy.supported_models
import comfy.supported_models_base
import torch
from animatediff_xl.motion_models import host
from animatediff_xl.motion_models.files.families import Family
from animatediff_xl.motion_models.network import layers
from animatediff_xl.motion_models.network.motion_module import MotionModel, MotionShape, sinusoidal_positions
from animatediff_xl.motion_models.sampling.motion_config import MotionSettings
from safetensors.torch import save_file
from torch import Tensor, nn

SETTINGS = MotionSettings(strength=1.0, start_percent=0.0, end_percent=1.0, clip_frames=0)
"""The defaults of Apply AnimateDiff Motion Model."""

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


def shallow(base: Base) -> Base:
    """The same model with at most one layer in each transformer, for machines without a GPU."""
    depths = {key: value for key, value in base.config.items() if key.startswith("transformer_depth")}
    once = {key: [min(1, d) for d in value] if isinstance(value, list) else 1 for key, value in depths.items()}
    return dataclasses.replace(base, config=base.config | once)


def image_model(base: Base, dtype: torch.dtype, channels: int = CHANNELS) -> host.ModelPatcher:
    """A MODEL with random weights, on the device where it runs."""
    heads = {"num_heads": -1 if base.head_channels else 8, "num_head_channels": base.head_channels or -1}
    kind = type(base.kind.__name__, (base.kind,), {"unet_extra_config": heads})
    shape = {"model_channels": channels, "channel_mult": list(base.multiples), "context_dim": base.context}
    config = kind(COMMON | base.config | shape)
    config.set_inference_dtype(dtype, None)
    device = comfy.model_management.get_torch_device()
    network = config.get_model({}, device=device)
    randomise(network.diffusion_model)
    return comfy.model_patcher.CoreModelPatcher(network, load_device=device, offload_device=device)


@torch.inference_mode()
def randomise(module: nn.Module) -> None:
    """Random weights that keep the scale of the activations."""
    for parameter in module.parameters():
        if parameter.ndim > 1:
            parameter.normal_(std=parameter[0].numel() ** -0.5)
        else:
            parameter.normal_(std=0.1)
    for layer in module.modules():
        if isinstance(layer, nn.GroupNorm | nn.LayerNorm):
            layer.weight.add_(1)


def motion_file(folder: Path, family: Family, base: Base, channels: int = CHANNELS) -> Path:
    """A checkpoint of a family, in fp32 like most published ones."""
    levels = [channels * multiple for multiple in base.multiples]
    down = tuple((width,) * 2 for width in levels)
    up = tuple((width,) * 3 for width in reversed(levels))
    rows = family.layouts[0][1] or family.frame_limit
    shape = MotionShape(down, up, (levels[-1],) if family.mid else (), rows)
    model = MotionModel(shape, family.norms, layers)
    randomise(model)
    for name, buffer in model.named_buffers():
        if name.endswith("pe"):
            buffer.copy_(sinusoidal_positions(rows, buffer.shape[-1]))
    path = folder / f"{family.name.replace(' ', '_')}.safetensors"
    save_file(model.state_dict(), path)
    return path


def motion_lora_file(folder: Path, motion: dict[str, Tensor], rank: int = 64) -> Path:
    """A MotionLoRA for a motion model, with the key format and rank of the original ones."""
    projections = {key: value for key, value in motion.items() if ".to_" in key and key.endswith(".weight")}
    tensors = {}
    for key, weight in projections.items():
        parent, leaf = key.removesuffix(".weight").replace("to_out.0", "to_out").rsplit(".", 1)
        name = f"{parent}.processor.{leaf}_lora"
        tensors[f"{name}.down.weight"] = torch.randn(rank, weight.shape[1]) * 0.01
        tensors[f"{name}.up.weight"] = torch.randn(weight.shape[0], rank) * 0.01
    path = folder / "random_lora.safetensors"
    save_file(tensors, path)
    return path


def conditioning(base: Base, seed: int) -> list:
    """The output of a text encode node: [[context (1 77 c), {pooled}]]."""
    generator = torch.Generator().manual_seed(seed)
    context = torch.randn(1, 77, base.context, generator=generator)
    pooled = {"pooled_output": torch.randn(1, base.pooled, generator=generator)} if base.pooled else {}
    return [[context, pooled]]
