"""Reading LoRAs with ComfyUI's reader."""

from collections.abc import Mapping

import comfy.lora
import comfy.weight_adapter
import torch
from comfy.model_patcher import ModelPatcher
from torch import Tensor

LoraAdapter = comfy.weight_adapter.LoRAAdapter
"""A low-rank pair with its alpha, which ComfyUI can patch into a weight. `weights` is (up, down, alpha, ...)."""


def lora_adapters(tensors: dict[str, Tensor], names: dict[str, str]) -> tuple[dict[str, LoraAdapter], int]:
    """The low-rank pairs of a LoRA by the key of the weight that they change, and the number of tensors they use.

    names: the key of a weight, by each name that files use for it.
    """
    found = comfy.lora.load_lora(tensors, names, log_missing=False)
    adapters = {key: adapter for key, adapter in found.items() if isinstance(adapter, LoraAdapter)}
    used = set().union(*(adapter.loaded_keys for adapter in adapters.values()))
    return adapters, len(used)


def fitting(adapters: dict[str, LoraAdapter], shapes: Mapping[str, torch.Size]) -> dict[str, LoraAdapter]:
    """The pairs whose product has the size of the weight that they change. shapes: sizes of the weights, by key."""

    def fits(adapter: LoraAdapter, shape: torch.Size) -> bool:
        up, down = adapter.weights[:2]
        return up.shape[0] == shape[0] and down[0].numel() == shape[1:].numel() and up.shape[1] == down.shape[0]

    return {key: adapter for key, adapter in adapters.items() if key in shapes and fits(adapter, shapes[key])}


def unet_lora_names(model: ModelPatcher) -> dict[str, str]:
    """The keys of the weights of a MODEL's UNet, by each name that LoRA files use for them."""
    return comfy.lora.model_lora_keys_unet(model.model, {})
