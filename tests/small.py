"""Small random SDXL and SD1.5 models with random motion modules: in the host, and in diffusers as the oracle."""

import functools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import comfy.model_patcher
import comfy.supported_models
import comfy.supported_models_base
import comfy.utils
import torch
from diffusers import MotionAdapter, UNet2DConditionModel, UNetMotionModel
from safetensors.torch import save_file
from torch import Tensor, nn

WIDTHS = (32, 64, 128)
CONTEXT, POOLED = 64, 32
SIZES = (768, 768, 0, 0, 768, 768)
"""The host's default size conditioning of SDXL."""

COMMON = {
    "image_size": 32, "use_checkpoint": False, "legacy": False, "use_spatial_transformer": True,
    "in_channels": 4, "out_channels": 4, "model_channels": WIDTHS[0], "context_dim": CONTEXT,
    "use_temporal_attention": False, "use_temporal_resblock": False,
}  # fmt: skip
HOST_CONFIG = COMMON | {
    "num_res_blocks": [2, 2, 2], "channel_mult": [1, 2, 4], "transformer_depth": [0, 0, 1, 1, 2, 2],
    "transformer_depth_middle": 2, "transformer_depth_output": [0, 0, 0, 1, 1, 1, 2, 2, 2],
    "use_linear_in_transformer": True, "num_classes": "sequential", "adm_in_channels": POOLED + 6 * 256,
}  # fmt: skip
SD15_CONFIG = COMMON | {
    "num_res_blocks": [2, 2, 2, 2], "channel_mult": [1, 2, 4, 4], "transformer_depth": [1, 1, 1, 1, 1, 1, 0, 0],
    "transformer_depth_middle": 1, "transformer_depth_output": [1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0],
    "use_linear_in_transformer": False, "num_heads": 2, "adm_in_channels": None,
}  # fmt: skip


@dataclass(frozen=True)
class Base:
    """An image model: its configuration in the host and in diffusers."""

    kind: type[comfy.supported_models_base.BASE]
    config: dict[str, Any]
    head_channels: int
    widths: tuple[int, ...]
    oracle: dict[str, Any]


SDXL = Base(
    comfy.supported_models.SDXL,
    HOST_CONFIG,
    16,
    WIDTHS,
    {
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        "attention_head_dim": (2, 4, 8),
        "transformer_layers_per_block": (1, 1, 2),
        "use_linear_projection": True,
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 256,
        "projection_class_embeddings_input_dim": POOLED + 6 * 256,
    },
)
SD15 = Base(comfy.supported_models.SD15, SD15_CONFIG, -1, (*WIDTHS, WIDTHS[-1]), {"attention_head_dim": 2})


@dataclass(frozen=True)
class Pair:
    """The same weights in the host and in diffusers."""

    model: comfy.model_patcher.ModelPatcher
    """In the host, without the motion modules."""
    motion: dict[str, Tensor]
    """The motion modules in the authors' key format."""
    adapter: dict[str, Tensor]
    """The motion modules in diffusers' key format."""
    oracle: UNetMotionModel
    """In diffusers, with the motion modules."""


def random_vectors(module: nn.Module) -> None:
    """Make norms random. Their initial weight 1 and bias 0 would hide a wrong norm."""
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.ndim == 1:
                parameter.add_(0.1 * torch.randn_like(parameter))


def small_pair(seed: int = 0, base: Base = SDXL, rows: int = 32, mid: bool = False) -> Pair:
    """rows: of the positional encoding. mid: with a motion module in the middle block."""
    torch.manual_seed(seed)
    unet = UNet2DConditionModel(
        sample_size=16, block_out_channels=base.widths, layers_per_block=2, cross_attention_dim=CONTEXT, **base.oracle
    ).eval()
    adapter = MotionAdapter(block_out_channels=base.widths, motion_max_seq_length=rows, use_motion_mid_block=mid).eval()
    random_vectors(unet)
    random_vectors(adapter)
    oracle = UNetMotionModel.from_unet2d(unet, adapter).eval()
    if base is SDXL:
        oracle.add_embedding.load_state_dict(unet.add_embedding.state_dict())  # from_unet2d leaves it random
    diffusers_weights = adapter.state_dict()
    model = host_model(host_weights(unet.state_dict(), base), base=base)
    return Pair(model, in_original_format(diffusers_weights), diffusers_weights, oracle)


def random_motion(widths: tuple[int, ...], mid: bool = False) -> dict[str, Tensor]:
    """Motion modules alone, in the authors' key format."""
    torch.manual_seed(0)
    adapter = MotionAdapter(block_out_channels=widths, motion_max_seq_length=32, use_motion_mid_block=mid)
    return {key: value.detach().clone() for key, value in in_original_format(adapter.state_dict()).items()}


def host_weights(diffusers_weights: dict[str, Tensor], base: Base) -> dict[str, Tensor]:
    names = comfy.utils.unet_to_diffusers(base.config)
    return {names[key]: value for key, value in diffusers_weights.items() if key in names}


def host_model(
    weights: dict[str, Tensor] | None,
    kind: type[comfy.supported_models_base.BASE] | None = None,
    dtype: torch.dtype = torch.float32,
    compute: torch.dtype | None = None,
    base: Base = SDXL,
    disable_dynamic: bool = False,
    **changes: Any,
) -> comfy.model_patcher.ModelPatcher:
    """A MODEL of the host. Without weights it cannot run.

    kind: the host's class of model, by default that of `base`. changes: to its configuration. disable_dynamic: an
    argument of the host's loaders.
    """
    kind = kind or base.kind
    heads = {"num_heads": base.config.get("num_heads", -1), "num_head_channels": base.head_channels}
    small = type(kind.__name__, (kind,), {"unet_extra_config": heads})
    config = small(base.config | changes)
    config.set_inference_dtype(dtype, compute)
    network = config.get_model({}, device="cpu")
    if weights is not None:
        network.diffusion_model.load_state_dict(weights)
    cpu = torch.device("cpu")
    patcher = comfy.model_patcher.ModelPatcher if disable_dynamic else comfy.model_patcher.CoreModelPatcher
    model = patcher(network, load_device=cpu, offload_device=cpu)
    model.cached_patcher_init = (functools.partial(host_model, **changes), (weights, kind, dtype, compute, base))
    return model


def with_parameters(network: nn.Module) -> nn.Module:
    """The network with random weights. With dynamic VRAM the host's layers have none before weights are loaded."""
    for layer in network.modules():
        if isinstance(layer, nn.Linear) and layer.weight is None:
            layer.weight = nn.Parameter(torch.empty(layer.out_features, layer.in_features))
            layer.bias = nn.Parameter(torch.empty(layer.out_features)) if layer.comfy_need_lazy_init_bias else None
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.05)
    return network


def shapes_of(tensors: dict[str, Tensor]) -> dict[str, torch.Size]:
    return {key: value.shape for key, value in tensors.items()}


def with_input_channels(weights: dict[str, Tensor], channels: int) -> dict[str, Tensor]:
    """The UNet with more input channels than latents have, as in inpainting and instruct-pix2pix models."""
    first = weights["input_blocks.0.0.weight"]
    further = torch.randn(first.shape[0], channels - first.shape[1], *first.shape[2:]) * 0.05
    return weights | {"input_blocks.0.0.weight": torch.cat([first, further], dim=1)}


def in_original_format(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights with diffusers' names renamed to the authors'. Independent of the pack's own conversion."""
    turned = {}
    for key, value in weights.items():
        key = re.sub(r"(motion_modules\.\d+)\.", r"\1.temporal_transformer.", key)
        key = re.sub(r"\.attn([12])\.", lambda m: f".attention_blocks.{int(m[1]) - 1}.", key)
        key = re.sub(r"\.norm([12])\.", lambda m: f".norms.{int(m[1]) - 1}.", key)
        key = key.replace(".norm3.", ".ff_norm.")
        if "pos_embed" in key:
            for index in (0, 1):
                turned[key.replace("pos_embed", f"attention_blocks.{index}.pos_encoder")] = value
        else:
            turned[key] = value
    return turned


def save(weights: dict[str, Tensor], path: Path) -> Path:
    """A .safetensors file, or a pickle for any other suffix."""
    if path.suffix == ".safetensors":
        save_file({key: value.contiguous().clone() for key, value in weights.items()}, path)
    else:
        torch.save(weights, path)
    return path


def conditioning(seed: int, tokens: int = 7) -> list:
    """The result of a text encode node: [[context (1 tokens c), {pooled}]]."""
    generator = torch.Generator().manual_seed(seed)
    context = torch.randn(1, tokens, CONTEXT, generator=generator)
    return [[context, {"pooled_output": torch.randn(1, POOLED, generator=generator)}]]
