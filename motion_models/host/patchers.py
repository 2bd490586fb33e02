"""ModelPatchers and their weights."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import comfy.model_management
import comfy.model_patcher
import comfy.ops
import comfy.patcher_extension
import comfy.sd
import comfy.supported_models
import comfy.utils
import torch
from comfy.model_patcher import ModelPatcher
from comfy.patcher_extension import CallbacksMP, WrapperExecutor, WrappersMP
from torch import Tensor, nn

KEY, LORA_KEY, CONTEXT_KEY = "animatediff_xl", "animatediff_xl_loras", "animatediff_xl_context"
MASK_KEY, GUIDANCE_KEY = "animatediff_xl_masks", "animatediff_xl_guidance"
NOISE_KEY, MOTION_GUIDANCE_KEY = "animatediff_xl_noise", "animatediff_xl_motion_guidance"
PREVIEW_KEY = "animatediff_xl_preview"
"""Keys of this pack's additional models, attachments and wrappers in a ModelPatcher."""

operations = comfy.ops.manual_cast
"""Layers that store weights in one dtype and compute in the dtype of their input. ComfyUI can offload them."""

WrappedCall = WrappersMP
"""The calls of ComfyUI that a MODEL can wrap."""

Executor = WrapperExecutor
"""The next wrapper, or the wrapped call itself. Its `class_obj` is the object whose method is wrapped."""

ModelOptions = dict[str, Any]
"""The `model_options` of a MODEL or of a sampling run. They contain the transformer_options."""

TransformerOptions = dict[str, Any]
"""The `transformer_options` of a model call."""


def read_tensors(path: Path) -> tuple[Any, Any]:
    """The content of a file, usually tensors by name, on the CPU, and the metadata of a .safetensors file.

    ComfyUI's safe loader runs no code of the file.
    """
    both: Any = comfy.utils.load_torch_file(str(path), safe_load=True, return_metadata=True)
    return both


def offload_device() -> torch.device:
    return comfy.model_management.unet_offload_device()


def new_patcher(
    module: nn.Module, weights: dict[str, Tensor], dtype: torch.dtype, disable_dynamic: bool, reload: tuple
) -> ModelPatcher:
    """A ModelPatcher, with which ComfyUI loads, counts, offloads and patches the weights like those of its own models.

    weights: the parameters, by key. They are cast to dtype here, because with dynamic VRAM the layers have no
    parameters before loading, and take the dtype of their state dict. Only a dynamic patcher may keep tensors in the
    mapped file.
    reload: (function, arguments) of a call that returns a new ModelPatcher. ComfyUI uses it for copies on more devices.
    """
    comfy.model_management.archive_model_dtypes(module)
    # looked up here and not at import, because ComfyUI replaces CoreModelPatcher when it starts
    kind = ModelPatcher if disable_dynamic else comfy.model_patcher.CoreModelPatcher
    patcher = kind(module, load_device=comfy.model_management.get_torch_device(), offload_device=offload_device())
    # ComfyUI moves a tensor only under one key, so a tensor with two keys is copied
    times = Counter(map(id, weights.values()))
    cast = {
        key: value.to(dtype, copy=times[id(value)] > 1 or not patcher.is_dynamic()) for key, value in weights.items()
    }
    module.load_state_dict(cast, strict=True, assign=True)
    patcher.cached_patcher_init = reload
    return patcher


class CastWeights(NamedTuple):
    """Weight and bias of a layer, moved to its device, cast and patched."""

    weight: Tensor
    bias: Tensor | None
    loan: Any = None
    """A value of ComfyUI for `release_weights`."""


def cast_weights(layer: Any, x: Tensor) -> CastWeights:
    """The weights of a ComfyUI layer for the input x. Call `release_weights` after use."""
    weight, bias, loan = comfy.ops.cast_bias_weight(layer, x, offloadable=True)
    stream = loan[0] if loan else None
    if stream is None:
        return CastWeights(weight, bias, loan)
    # The weights are in a buffer of that stream, and the next layer that is cast overwrites it.
    try:
        return CastWeights(weight.clone(), None if bias is None else bias.clone())
    finally:
        comfy.ops.uncast_bias_weight(layer, weight, bias, loan)


def release_weights(layer: Any, cast: CastWeights) -> None:
    comfy.ops.uncast_bias_weight(layer, cast.weight, cast.bias, cast.loan)


def moved(tensor: Tensor, device: torch.device, dtype: torch.dtype) -> Tensor:
    """The same tensor on a device. The call does not wait for the device."""
    return comfy.model_management.cast_to_device(tensor, device, dtype)


def is_cpu(device: torch.device) -> bool:
    return comfy.model_management.is_device_cpu(device)


def compute_dtype(model: ModelPatcher) -> torch.dtype:
    """The dtype in which a MODEL computes: that of its weights, unless ComfyUI casts them."""
    dtype: Any = model.get_model_object("manual_cast_dtype") or model.model_dtype()
    return dtype


def load_device(model: ModelPatcher) -> torch.device:
    """The device on which a MODEL computes."""
    return model.load_device


def planned_memory(model: ModelPatcher, shape: list[int]) -> float:
    """Bytes that ComfyUI reserves to run a MODEL on latents of this shape, without its weights."""
    return model.model.memory_required(shape)


def free_memory(model: ModelPatcher, device: torch.device) -> float:
    """Bytes in which ComfyUI could run a MODEL now."""
    return model.get_free_memory(device)


def base_name(model: ModelPatcher) -> str:
    """ComfyUI's name for the kind of a MODEL: SD15, SDXL, SDXLRefiner, Flux and so on."""
    return type(model.model.model_config).__name__


BASES = {"SD1.5": comfy.supported_models.SD15, "SDXL": comfy.supported_models.SDXL}


def is_base(model: ModelPatcher, base: str) -> bool:
    """Whether ComfyUI has detected a MODEL as a base, or as a variant of it. base: a key of BASES."""
    return isinstance(model.model.model_config, BASES[base])


def load_checkpoint(path: Path) -> tuple[ModelPatcher, Any, Any]:
    """MODEL, CLIP and VAE. CLIP and VAE are None if the file has none. Raises RuntimeError for other files."""
    loaded: Any = comfy.sd.load_checkpoint_guess_config(str(path), output_vae=True, output_clip=True)
    return loaded[0], loaded[1], loaded[2]


def device_kind() -> str:
    """PyTorch's name for the kind of device that ComfyUI uses, such as cuda or cpu."""
    device = comfy.model_management.get_torch_device()
    return device.type


def checkpoint_name(model: ModelPatcher) -> str:
    """The file name of a MODEL's checkpoint. Empty if ComfyUI does not store it."""
    _, arguments, *_ = getattr(model, "cached_patcher_init", None) or (None, ())
    return next((Path(argument).name for argument in arguments if isinstance(argument, str)), "")


def added_models(model: ModelPatcher, key: str) -> list[ModelPatcher]:
    return model.get_additional_models_with_key(key)


def add_models(model: ModelPatcher, key: str, more: list[ModelPatcher]) -> None:
    """Add models that ComfyUI loads, counts and unloads together with `model`, which must be a clone."""
    model.set_additional_models(key, [*added_models(model, key), *more])


def wrap(model: ModelPatcher, wrappers: dict[str, Callable], key: str = KEY) -> None:
    """Add wrappers to a MODEL, by the call that they wrap. A wrapper is added once, even with several motion models.

    They are part of the options of the MODEL and not of its patcher. So nodes that copy the options, and call the model
    with the copy, call the wrappers too.
    """
    wrap_run(model.model_options, wrappers, key)


def wrap_run(options: ModelOptions, wrappers: dict[str, Callable], key: str) -> None:
    """Add wrappers to the options of a MODEL or of one sampling run. The wrapper that is added last is called last."""
    options = options["transformer_options"]
    for kind, wrapper in wrappers.items():
        options.setdefault("wrappers", {}).setdefault(kind, {}).pop(key, None)
        comfy.patcher_extension.add_wrapper_with_key(kind, key, wrapper, options)


def is_wrapped(options: ModelOptions) -> bool:
    """Whether model calls with these options call this pack's wrapper."""
    return KEY in options.get("transformer_options", {}).get("wrappers", {}).get(WrappedCall.APPLY_MODEL, {})


def watch_predictions(model: ModelPatcher, watch: Callable[[ModelOptions], None]) -> None:
    """Call `watch` with the options of each prediction of a MODEL, also of those that other nodes make with a copy.

    Before ComfyUI 0.30 it may not be called, because ComfyUI did not pass on the options.
    """

    def on_prepare_state(_model: ModelPatcher, _timestep: Tensor, *options: ModelOptions) -> None:
        for given in options:
            watch(given)

    model.remove_callbacks_with_key(CallbacksMP.ON_PREPARE_STATE, KEY)
    model.add_callback_with_key(CallbacksMP.ON_PREPARE_STATE, KEY, on_prepare_state)


Guidance = Callable[[dict[str, Any]], Tensor]
"""A function of ComfyUI's that computes a prediction from those of the positive and the negative prompt."""


def cfg_function(model: ModelPatcher) -> Guidance | None:
    """The cfg function that a node has set, which returns the noisy latents minus the prediction. A MODEL has one."""
    options: ModelOptions = model.model_options
    return options.get("sampler_cfg_function")


def set_guidance(model: ModelPatcher, cfg: Guidance, post_cfg: Guidance) -> None:
    """Set the cfg function of MODEL, which must be a clone, and add a function that gets the result."""
    model.set_model_sampler_cfg_function(cfg)
    model.set_model_sampler_post_cfg_function(post_cfg)
