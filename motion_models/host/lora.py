"""LoRAs as the host reads and applies them."""

from collections.abc import Mapping

import comfy.lora
import comfy.weight_adapter
import torch
from comfy.model_patcher import ModelPatcher
from torch import Tensor

LoraAdapter = comfy.weight_adapter.LoRAAdapter
"""A low-rank pair with its alpha, as the host patches it into a weight; `weights` are (up, down, alpha, ...)."""


def lora_adapters(tensors: dict[str, Tensor], names: dict[str, str]) -> tuple[dict[str, LoraAdapter], int]:
    """The low-rank pairs that the host's own reader finds in a LoRA, by the key of the weight they change, and how many
    tensors of the file that took. names: what files call a weight -> its key."""
    found = comfy.lora.load_lora(tensors, names, log_missing=False)
    adapters = {key: adapter for key, adapter in found.items() if isinstance(adapter, LoraAdapter)}
    used = set().union(*(adapter.loaded_keys for adapter in adapters.values()))
    return adapters, len(used)


def fitting(adapters: dict[str, LoraAdapter], shapes: Mapping[str, torch.Size]) -> dict[str, LoraAdapter]:
    """The pairs whose product has the size of the weight they change. shapes: of the weights, by key."""

    def fits(adapter: LoraAdapter, shape: torch.Size) -> bool:
        up, down = adapter.weights[:2]
        return up.shape[0] == shape[0] and down[0].numel() == shape[1:].numel() and up.shape[1] == down.shape[0]

    return {key: adapter for key, adapter in adapters.items() if key in shapes and fits(adapter, shapes[key])}


def unet_lora_names(model: ModelPatcher) -> dict[str, str]:
    """What LoRA files call the weights of a MODEL -> their keys."""
    return comfy.lora.model_lora_keys_unet(model.model, {})
