"""The memory of ComfyUI's devices, and a call of a UNet on torch's meta device, on which memory can be counted."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import comfy.model_management
import torch
from comfy.model_patcher import ModelPatcher
from torch import Tensor

from .attention_kernels import meta_attention
from .patchers import Executor, WrappedCall, compute_dtype, is_cpu, planned_memory, wrap
from .unet import running_unet
from .windows import Conditions

COUNTS_USE = ("cuda", "xpu", "npu", "mlu")
"""Types of devices whose memory in use ComfyUI knows."""


def available_memory(model: ModelPatcher) -> float:
    """Bytes for the weights and a run of MODEL, which is not loaded, if ComfyUI unloads everything else."""
    device = model.load_device
    free: Any = comfy.model_management.get_free_memory(device)
    if is_cpu(device):  # its weights are there already, and unloading others frees nothing
        return free + weight_bytes(model)
    others = [other for other in comfy.model_management.current_loaded_models if other.device == device]
    return free + sum(other.model_loaded_memory() for other in others)


def weight_bytes(model: ModelPatcher) -> int:
    """Bytes of the weights of a MODEL and its additional models."""
    return sum(each.model_size() for each in (model, *model.get_nested_additional_models()))


def total_memory() -> float:
    """Bytes of memory of the device that ComfyUI uses."""
    megabytes: Any = comfy.model_management.total_vram
    return megabytes * 2**20


def memory_in_use(device: torch.device) -> int | None:
    """Bytes in use on a device, by all programs. None if that is not known."""
    if device.type not in COUNTS_USE:
        return None
    both: Any = comfy.model_management.get_free_memory(device, torch_free_too=True)
    total: Any = comfy.model_management.get_total_memory(device)
    free, kept_by_torch = both
    return total - (free - kept_by_torch)


def reserve(model: ModelPatcher, needed: float) -> None:
    """Let ComfyUI make room for a run of MODEL, a clone that is not loaded. needed: bytes, with all weights.

    ComfyUI then loads all of the weights. Otherwise it may leave some on the CPU, and casts them in each call into a
    buffer that the next layer overwrites, before the backward pass has read it.
    """
    beside = needed - weight_bytes(model)

    def on_prepare(executor: Executor, patcher: ModelPatcher, noise_shape: Any, *args: Any, **kw: Any) -> Any:
        shape = list(noise_shape)
        shape[-2] = math.ceil(shape[-2] * beside / planned_memory(patcher, shape))
        return executor(patcher, shape, *args, **kw | {"force_full_load": True})

    wrap(model, {WrappedCall.PREPARE_SAMPLING: on_prepare})


@contextmanager
def meta_call(
    model: ModelPatcher, size: torch.Size, conditions: Sequence[Conditions]
) -> Iterator[Callable[[], Tensor]]:
    """Yields a call of the UNet of MODEL on the meta device, where its weights must be then. size: of latents.

    Inside the context, layers cast their weights as they do when MODEL is loaded.
    """
    base: Any = model.model
    unet, dtype, (frames, _, height, width) = running_unet(base), compute_dtype(model), size
    contexts: list[Any] = [context for each in conditions for context, _ in each]
    longest = max(contexts, key=lambda context: context.shape[1])
    rows = frames * max(len(each) for each in conditions)  # ComfyUI runs all entries of a conditioning in one call

    def empty(*shape: int) -> Tensor:
        return torch.empty(shape, dtype=dtype, device="meta")

    def call() -> Tensor:
        return unet(
            empty(rows, unet.in_channels, height, width),
            empty(rows),
            context=empty(rows, *longest.shape[1:]),
            y=empty(rows, base.adm_channels) if base.adm_channels else None,
            transformer_options={"optimized_attention_override": lambda _, *args, **kw: meta_attention(*args, **kw)},
        )

    casting: list[Any] = [layer for layer in unet.modules() if hasattr(layer, "comfy_cast_weights")]
    before = [layer.comfy_cast_weights for layer in casting]
    try:
        for layer in casting:
            layer.comfy_cast_weights = layer.comfy_cast_weights or model.force_cast_weights
        yield call
    finally:
        for layer, casts in zip(casting, before, strict=True):
            layer.comfy_cast_weights = casts
