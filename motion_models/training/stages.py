"""The three stages of the paper that are trained (Guo et al., arXiv 2307.04725, section 4), and their files."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..network import layers
from ..network.low_rank import LowRank
from ..network.motion_module import MotionModel

ATTENTION = ("to_q", "to_k", "to_v", "to_out.0")
"""The layers of the authors' MotionLoRAs and domain adapter."""
LAYERS = {
    "attention": ATTENTION,
    "attention and feed-forward": (*ATTENTION, "ff.net.0.proj", "ff.net.2"),  # MotionDirector
    "query and key": ("to_q", "to_k"),  # TAP (arXiv 2501.16714): the values carry the look
}


@dataclass(frozen=True)
class Trained:
    """What a stage trains."""

    module: nn.Module
    hooks: Callable[[], AbstractContextManager[None]]
    """While they are open, the module takes part in the UNet."""
    tensors: Callable[[Mapping[str, Tensor]], dict[str, Tensor]]
    """The tensors of a file, from the trained weights of the module."""


def motion_lora(motion: MotionModel, rank: int, layer_names: tuple[str, ...], seed: int) -> Trained:
    """A MotionLoRA: low-rank changes of the layers of a motion model, whose own weights stay as they are."""
    motion.requires_grad_(False)
    low_rank = new_low_rank(motion, layer_names, rank, seed)
    names = {path: authors_name(path) for path in low_rank.paths}
    return Trained(low_rank, lambda: low_rank.hooks(motion, 1.0), lambda weights: lora_tensors(names, weights))


def motion_model(motion: MotionModel) -> Trained:
    """The weights of the motion modules, without their positional encodings."""
    motion.requires_grad_(True)
    return Trained(motion, nullcontext, dict)


def domain_adapter(unet: nn.Module, names: Mapping[str, str], rank: int, seed: int) -> Trained:
    """A LoRA in the spatial attention of a UNet, for stills without motion. names: of its layers in a file, by path."""
    low_rank = new_low_rank(unet, ATTENTION, rank, seed)
    changed = {path: names[path] for path in low_rank.paths}
    return Trained(low_rank, lambda: low_rank.hooks(unet, 1.0), lambda weights: lora_tensors(changed, weights))


def new_low_rank(network: nn.Module, layer_names: tuple[str, ...], rank: int, seed: int) -> LowRank:
    """An untrained LoRA for the layers of these names. `up` is zero, so it changes nothing yet.

    `down` is random as in the authors' LoRALinearLayer (guoyww/AnimateDiff, motion_lora).
    """
    endings = tuple(f".{name}" for name in layer_names)
    changed: dict[str, Any] = {path: layer for path, layer in network.named_modules() if path.endswith(endings)}
    sizes = {path: (layer.in_features, rank, layer.out_features) for path, layer in changed.items()}
    generator = torch.Generator().manual_seed(seed)
    weights = {}
    for index, (inputs, _, outputs) in enumerate(sizes.values()):
        weights[f"down.{index}.weight"] = torch.randn(rank, inputs, generator=generator) / rank
        weights[f"up.{index}.weight"] = torch.zeros(outputs, rank)
    # with dynamic VRAM, ComfyUI's layers have no parameters before weights are loaded
    low_rank = LowRank(sizes, layers, device="meta", dtype=torch.float32)
    low_rank.load_state_dict(weights, assign=True)
    return low_rank.requires_grad_(True)


def authors_name(path: str) -> str:
    """The name in a MotionLoRA file of a layer of a motion model. MotionDirector's for the feed-forward layers."""
    parent, leaf = path.replace("to_out.0", "to_out").rsplit(".", 1)
    return f"{parent}.processor.{leaf}"


def lora_tensors(names: Mapping[str, str], weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a file from the weights of a LowRank. names: of its layers, in their order, by path.

    There are no `.alpha` keys, which AnimateDiff-Evolved would multiply as matrices.
    """
    return {
        f"{name}_lora.{half}.weight": weights[f"{half}.{index}.weight"]
        for index, name in enumerate(names.values())
        for half in ("down", "up")
    }
