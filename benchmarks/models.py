"""Image and motion models with the real shapes and random weights, so that nothing is downloaded."""

import dataclasses
from pathlib import Path

import comfy.model_management
import comfy.model_patcher
import torch
from animatediff_xl.motion_models import host
from animatediff_xl.motion_models.files.families import Family
from animatediff_xl.motion_models.network import layers
from animatediff_xl.motion_models.network.motion_module import MotionModel, sinusoidal_positions
from animatediff_xl.motion_models.sampling.motion_config import MotionSettings
from safetensors.torch import save_file
from torch import Tensor, nn

from tests.real_models import CHANNELS, Base, motion_shape, unet_config

SETTINGS = MotionSettings(strength=1.0, start_percent=0.0, end_percent=1.0, clip_frames=0)
"""The defaults of Apply AnimateDiff Motion Model."""


def shallow(base: Base) -> Base:
    """The same model with at most one layer in each transformer, for machines without a GPU."""
    depths = {key: value for key, value in base.config.items() if key.startswith("transformer_depth")}
    once = {key: [min(1, d) for d in value] if isinstance(value, list) else 1 for key, value in depths.items()}
    return dataclasses.replace(base, config=base.config | once)


def image_model(base: Base, dtype: torch.dtype, channels: int = CHANNELS) -> host.ModelPatcher:
    """A MODEL with random weights, on the device where it runs."""
    config = unet_config(base, channels)
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
    shape = motion_shape(family.name, base, channels)
    model = MotionModel(shape, family.norms, layers)
    randomise(model)
    for name, buffer in model.named_buffers():
        if name.endswith("pe"):
            buffer.copy_(sinusoidal_positions(shape.frame_limit, buffer.shape[-1]))
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
