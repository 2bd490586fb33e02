"""ComfyUI's low-rank pairs, its names for the weights of a UNet, and the sizes of these weights."""

from collections.abc import Iterable
from typing import Any

import comfy.lora
import comfy.utils
import comfy.weight_adapter
import torch
from comfy.model_patcher import ModelPatcher
from torch import Tensor
from torch.utils._pytree import tree_leaves

LoraAdapter = comfy.weight_adapter.LoRAAdapter
"""A low-rank pair with its alpha, which ComfyUI can patch into a weight. `weights` is (up, down, alpha, ...)."""


def lora_adapter(keys: set[str], up: Tensor, down: Tensor, alpha: float | None) -> LoraAdapter:
    """A low-rank pair without any of ComfyUI's extras. keys: its tensors in the file."""
    return LoraAdapter(keys, (up, down, alpha, None, None, None))


def unet_lora_names(model: ModelPatcher) -> dict[str, str]:
    """The keys of the weights of a MODEL's UNet, by each name that LoRA files use for them.

    Names of parts of a weight are left out. ComfyUI has them for some models other than SD1.5 and SDXL.
    """
    names = comfy.lora.model_lora_keys_unet(model.model, {})
    return {name: key for name, key in names.items() if isinstance(key, str)}


def adapter_names(model: ModelPatcher) -> dict[str, str]:
    """The names in the authors' domain adapter of the attention layers of a MODEL's UNet, by their path in the UNet."""
    return {
        key.removeprefix("diffusion_model.").removesuffix(".weight"): name
        for name, key in unet_lora_names(model).items()
        if ".processor." in name and not name.startswith("unet.")
    }


def patches_of(model: ModelPatcher) -> list[Any]:
    """What changes the weights of a MODEL: keys, strengths and tensors of all LoRAs, in a fixed order."""
    values: list[Any] = []
    for key, patches in sorted(model.patches.items(), key=lambda item: str(item[0])):
        for strength, value, model_strength, offset, _ in patches:
            values += [key, strength, model_strength, offset, *tree_leaves(getattr(value, "weights", value))]
    return values


def weight_shapes(model: ModelPatcher, keys: Iterable[str]) -> dict[str, torch.Size]:
    """The shapes of the weights of a MODEL, by key.

    A weight is asked only for its shape. The state dict of a quantised weight (GGUF) has the size of its bytes.
    """
    shapes = {}
    for key in set(keys):
        try:
            weight = comfy.utils.get_attr(model.model, key)
        except AttributeError:  # ComfyUI also has names for weights that this UNet does not have
            continue
        if weight is not None:
            shapes[key] = torch.Size(weight.shape)
    return shapes
