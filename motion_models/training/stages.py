"""The three stages of the paper that are trained (Guo et al., arXiv 2307.04725, section 4), and their files."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..files.key_formats import ORIGINAL_TO_DIFFUSERS
from ..network import layers
from ..network.low_rank import LowRank
from ..network.motion_module import MotionModel, PositionalEncoding, sinusoidal_positions

FROM_FILE, FROM_NOTHING = STARTS = ("this motion model", "nothing")
"""Where the weights of a motion model come from."""

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


Keys = tuple[str, str]
"""The keys of the down and the up matrix of a low-rank pair in a file."""


def authors_keys(path: str) -> Keys:
    """The keys for a layer in a MotionLoRA file. MotionDirector's for the feed-forward layers.

    There are no `.alpha` keys, which AnimateDiff-Evolved would multiply as matrices.
    """
    parent, leaf = path.replace("to_out.0", "to_out").rsplit(".", 1)
    return processor_keys(f"{parent}.processor.{leaf}")


def processor_keys(name: str) -> Keys:
    return f"{name}_lora.down.weight", f"{name}_lora.up.weight"


def diffusers_keys(path: str) -> Keys:
    """The keys for a layer of a motion model in a LoRA file that diffusers loads (UNetMotionModel, with peft)."""
    path = path.replace("temporal_transformer.", "")
    for original, other in ORIGINAL_TO_DIFFUSERS.items():
        path = path.replace(original, other)
    return f"unet.{path}.lora_A.weight", f"unet.{path}.lora_B.weight"


AUTHORS = "AnimateDiff"
KEY_FORMATS: dict[str, Callable[[str], Keys]] = {AUTHORS: authors_keys, "diffusers": diffusers_keys}
"""The keys of a MotionLoRA file, by the program that it is for. This pack loads all of them."""


def motion_lora(
    motion: MotionModel, rank: int, layer_names: tuple[str, ...], seed: int, key_format: str = AUTHORS
) -> Trained:
    """A MotionLoRA: low-rank changes of the layers of a motion model, whose own weights stay as they are.

    key_format: of its file, a key of KEY_FORMATS.
    """
    motion.requires_grad_(False)
    low_rank = new_low_rank(motion, layer_names, rank, seed)
    keys = [KEY_FORMATS[key_format](path) for path in low_rank.paths]
    return Trained(low_rank, lambda: low_rank.hooks(motion, 1.0), lambda weights: lora_tensors(keys, weights))


def motion_model(motion: MotionModel, start: str, seed: int) -> Trained:
    """The weights of the motion modules, without their positional encodings. start: one of STARTS."""
    if start == FROM_NOTHING:
        renew(motion, seed)
    motion.requires_grad_(True)
    return Trained(motion, nullcontext, dict)


@torch.no_grad()
def renew(motion: MotionModel, seed: int) -> None:
    """Give motion modules untrained weights, as the authors start: PyTorch's own, and zero in `proj_out`.

    A layer of zeros adds no motion, so the UNet first gives the stills that it gives without motion modules.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for layer in motion.modules():
            if isinstance(layer, nn.Linear):
                fresh = nn.Linear(layer.in_features, layer.out_features, bias=layer.bias is not None)
                layer.load_state_dict(fresh.state_dict())
            elif isinstance(layer, nn.GroupNorm | nn.LayerNorm):
                layer.weight.fill_(1)
                layer.bias.zero_()
            elif isinstance(layer, PositionalEncoding):
                layer.pe.copy_(sinusoidal_positions(*layer.pe.shape[1:]))
    for module in motion.modules_by_point.values():
        module.temporal_transformer.proj_out.weight.zero_()
        module.temporal_transformer.proj_out.bias.zero_()


def domain_adapter(unet: nn.Module, names: Mapping[str, str], rank: int, seed: int) -> Trained:
    """A LoRA in the spatial attention of a UNet, for stills without motion. names: of its layers in a file, by path."""
    low_rank = new_low_rank(unet, ATTENTION, rank, seed)
    keys = [processor_keys(names[path]) for path in low_rank.paths]
    return Trained(low_rank, lambda: low_rank.hooks(unet, 1.0), lambda weights: lora_tensors(keys, weights))


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


def lora_tensors(keys: Iterable[Keys], weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a file from the weights of a LowRank. keys: of its layers, in their order."""
    return {
        key: weights[f"{half}.{index}.weight"]
        for index, pair in enumerate(keys)
        for half, key in zip(("down", "up"), pair, strict=True)
    }
