"""ModelPatchers and their weights."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import comfy.model_management
import comfy.model_patcher
import comfy.ops
import comfy.utils
import torch
from comfy.model_patcher import ModelPatcher
from comfy.patcher_extension import WrapperExecutor, WrappersMP
from torch import Tensor, nn

KEY, LORA_KEY, CONTEXT_KEY = "animatediff_xl", "animatediff_xl_loras", "animatediff_xl_context"
"""Under which everything of this pack is kept in a ModelPatcher."""

operations = comfy.ops.manual_cast
"""Layers that hold weights in one dtype, compute in that of their input, and let the host offload them."""

WrappedCall = WrappersMP
"""The kinds of the host's calls that a MODEL can wrap."""

Executor = WrapperExecutor
"""What a wrapper calls to go on; its `class_obj` is the object whose call is wrapped."""

ModelOptions = dict[str, Any]
"""The `model_options` of a MODEL or of a sampling run. They contain the transformer_options."""

TransformerOptions = dict[str, Any]
"""The `transformer_options` of a model call."""


def read_tensors(path: Path) -> Any:
    """What the host's safe loader makes of a file: tensors by name, on the CPU; no code of the file is run."""
    return comfy.utils.load_torch_file(str(path), safe_load=True)


def offload_device() -> torch.device:
    return comfy.model_management.unet_offload_device()


def new_patcher(
    module: nn.Module, weights: dict[str, Tensor], dtype: torch.dtype, disable_dynamic: bool, reload: tuple
) -> ModelPatcher:
    """Weights in the host's care: loaded, counted, offloaded and patched like those of its own models.

    weights: become the parameters, in dtype. They are cast here, since layers that have no parameters before (dynamic
    VRAM) take the precision of what they are given. Only a dynamic patcher leaves tensors in the mapped file.
    reload: (function, arguments) that makes another one; the host calls it for copies on further devices.
    """
    comfy.model_management.archive_model_dtypes(module)
    # the host replaces CoreModelPatcher when it starts, so it is looked up here and not at import
    kind = ModelPatcher if disable_dynamic else comfy.model_patcher.CoreModelPatcher
    patcher = kind(module, load_device=comfy.model_management.get_torch_device(), offload_device=offload_device())
    # the host moves a tensor under two keys once, and the other key would stay where it is
    times = Counter(map(id, weights.values()))
    cast = {
        key: value.to(dtype, copy=times[id(value)] > 1 or not patcher.is_dynamic()) for key, value in weights.items()
    }
    module.load_state_dict(cast, strict=True, assign=True)
    patcher.cached_patcher_init = reload
    return patcher


class CastWeights(NamedTuple):
    """Weight and bias of a layer as it uses them: moved, cast, and with its patches."""

    weight: Tensor
    bias: Tensor | None
    loan: Any = None
    """What the host wants back when they are not used any more."""


def cast_weights(layer: Any, x: Tensor) -> CastWeights:
    """The weights of a layer of the host for an input such as x, to be given back with `release_weights`."""
    weight, bias, loan = comfy.ops.cast_bias_weight(layer, x, offloadable=True)
    stream = loan[0] if loan else None
    if stream is None:
        return CastWeights(weight, bias, loan)
    # they lie in a buffer of that stream, and layers that are cast after this one get the same memory
    try:
        return CastWeights(weight.clone(), None if bias is None else bias.clone())
    finally:
        comfy.ops.uncast_bias_weight(layer, weight, bias, loan)


def release_weights(layer: Any, cast: CastWeights) -> None:
    comfy.ops.uncast_bias_weight(layer, cast.weight, cast.bias, cast.loan)


def moved(tensor: Tensor, device: torch.device, dtype: torch.dtype) -> Tensor:
    """The same numbers on a device, which is not waited for."""
    return comfy.model_management.cast_to_device(tensor, device, dtype)


def is_cpu(device: torch.device) -> bool:
    return comfy.model_management.is_device_cpu(device)


def compute_dtype(model: ModelPatcher) -> torch.dtype:
    """The precision a MODEL calculates in, which is that of its weights unless those are cast."""
    dtype: Any = model.get_model_object("manual_cast_dtype") or model.model_dtype()
    return dtype


def load_device(model: ModelPatcher) -> torch.device:
    """Where a MODEL calculates."""
    return model.load_device


def planned_memory(model: ModelPatcher, shape: list[int]) -> float:
    """Bytes the host sets aside to run a MODEL on latents of this shape, weights apart."""
    return model.model.memory_required(shape)


def free_memory(model: ModelPatcher, device: torch.device) -> float:
    """Bytes in which the host would run a MODEL now."""
    return model.get_free_memory(device)


def base_name(model: ModelPatcher) -> str:
    """What the host recognised a MODEL as: SD15, SDXL, SDXLRefiner, Flux and so on."""
    return type(model.model.model_config).__name__


def checkpoint_name(model: ModelPatcher) -> str:
    """File name of the checkpoint a MODEL was loaded from, as far as the host remembers it."""
    _, arguments, *_ = getattr(model, "cached_patcher_init", None) or (None, ())
    return next((Path(argument).name for argument in arguments if isinstance(argument, str)), "")


def added_models(model: ModelPatcher, key: str) -> list[ModelPatcher]:
    return model.get_additional_models_with_key(key)


def add_models(model: ModelPatcher, key: str, more: list[ModelPatcher]) -> None:
    """Let the host load, count and unload more models together with `model`, a clone."""
    model.set_additional_models(key, [*added_models(model, key), *more])


def wrap(model: ModelPatcher, wrappers: dict[str, Callable], key: str = KEY) -> None:
    """Let the host call our wrappers, by kind of call; however many motion models a MODEL has, each wraps once."""
    for kind, wrapper in wrappers.items():
        model.remove_wrappers_with_key(kind, key)
        model.add_wrapper_with_key(kind, key, wrapper)
