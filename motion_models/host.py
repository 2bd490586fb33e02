"""The one file that names ComfyUI's internals. When the host moves something, this is where it is mended.

Written against 0.16.3 to 0.33.0; `tests/test_pack.py` resolves every name used here on each.
"""

import copy
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import comfy.context_windows
import comfy.lora
import comfy.model_management
import comfy.model_patcher
import comfy.model_sampling
import comfy.ops
import comfy.utils
import comfy.weight_adapter
import torch
from comfy.ldm.modules.attention import SpatialTransformer, optimized_attention
from comfy.ldm.modules.diffusionmodules.openaimodel import ResBlock, UNetModel
from comfy.model_patcher import ModelPatcher
from comfy.patcher_extension import WrapperExecutor, WrappersMP
from torch import Tensor, nn

Place = tuple[str, int]
"""Where a motion module stands in the UNet: ("input" | "middle" | "output", n-th place of that path)."""

operations = comfy.ops.manual_cast
"""Layers that hold weights in one dtype, compute in that of their input, and let the host offload them."""

KEY, LORA_KEY, CONTEXT_KEY = "animatediff_xl", "animatediff_xl_loras", "animatediff_xl_context"
"""Under which everything of this pack is kept in a ModelPatcher."""

WrappedCall = WrappersMP
"""The kinds of the host's calls that a MODEL can wrap."""

Executor = WrapperExecutor
"""What a wrapper calls to go on; its `class_obj` is the object whose call is wrapped."""

Options = dict[str, Any]
"""The host's transformer_options."""


# Files and weights


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
    cast = {key: value.to(dtype, copy=not patcher.is_dynamic()) for key, value in weights.items()}
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
    copied = CastWeights(weight.clone(), None if bias is None else bias.clone())
    comfy.ops.uncast_bias_weight(layer, weight, bias, loan)
    return copied


def release_weights(layer: Any, cast: CastWeights) -> None:
    comfy.ops.uncast_bias_weight(layer, cast.weight, cast.bias, cast.loan)


def moved(tensor: Tensor, device: torch.device, dtype: torch.dtype) -> Tensor:
    """The same numbers on a device, which is not waited for."""
    return comfy.model_management.cast_to_device(tensor, device, dtype)


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


# Attention and the places of the UNet


def attention(query: Tensor, key: Tensor, value: Tensor, heads: int) -> Tensor:
    """The attention the host was started with, (n f c) in and out.

    No transformer_options go along: an attention override of another pack means the spatial attention, not this one.
    """
    # kernels of reduced precision gain nothing over 16 to 32 tokens
    return optimized_attention(query, key, value, heads=heads, low_precision_attention=False)


def places(unet: UNetModel) -> dict[Place, ResBlock | SpatialTransformer]:
    """The layer whose output each motion module takes: the spatial transformer of a block, or its ResBlock if it has
    none; always before a downsample or upsample and before the skip connection is stored. Found by structure, so that
    any width and depth will do."""
    found: dict[Place, ResBlock | SpatialTransformer] = {}
    for path, blocks in (("input", unet.input_blocks), ("output", unet.output_blocks)):
        layers = [[x for x in block.children() if isinstance(x, ResBlock | SpatialTransformer)] for block in blocks]
        found |= {(path, index): block[-1] for index, block in enumerate(block for block in layers if block)}
    middle = unet.middle_block.children() if unet.middle_block is not None else ()
    transformers = [layer for layer in middle if isinstance(layer, SpatialTransformer)]
    return found | {("middle", index): layer for index, layer in enumerate(transformers)}


def place_channels(unet: UNetModel) -> dict[Place, int]:
    """Channels of what the layer at each place gives out."""
    return {
        place: layer.out_channels if isinstance(layer, ResBlock) else layer.in_channels
        for place, layer in places(unet).items()
    }


def base_name(model: ModelPatcher) -> str:
    """What the host recognised a MODEL as: SD15, SDXL, SDXLRefiner, Flux and so on."""
    return type(model.model.model_config).__name__


def predicts_velocity(model: ModelPatcher) -> bool:
    return isinstance(model.get_model_object("model_sampling"), comfy.model_sampling.V_PREDICTION)


def checkpoint_name(model: ModelPatcher) -> str:
    """File name of the checkpoint a MODEL was loaded from, as far as the host remembers it."""
    _, arguments, *_ = getattr(model, "cached_patcher_init", None) or (None, ())
    return next((Path(argument).name for argument in arguments if isinstance(argument, str)), "")


def unet_of(model: ModelPatcher) -> UNetModel | None:
    """The UNet of a MODEL, or None if it has another kind of network."""
    network = model.get_model_object("diffusion_model")
    return network if isinstance(network, UNetModel) else None


def running_unet(base: Any) -> UNetModel:
    """The UNet that a model call runs. The host's TorchCompileModel puts a compiled one around it."""
    return getattr(base.diffusion_model, "_orig_mod", base.diffusion_model)


@contextmanager
def joined(unet: UNetModel, motion: Callable[[Place, Tensor], Tensor]) -> Iterator[None]:
    """While open, the output of every place of `unet` goes through `motion(place, x)`.

    Forward hooks, not new layers: the module tree keeps its keys, and nothing is left when the block ends, however it
    ends.
    """

    def through(place: Place) -> Callable[[nn.Module, Any, Tensor], Tensor]:
        return lambda _layer, _inputs, x: motion(place, x)

    hooks = []
    try:
        for place, layer in places(unet).items():
            hooks.append(layer.register_forward_hook(through(place)))
        yield
    finally:
        for hook in hooks:
            hook.remove()


def residual_norms(unet: UNetModel) -> list[nn.GroupNorm]:
    """The group norms of a UNet that some families were trained to see a whole clip with: all but the spatial
    transformers'."""
    blocks = [layer for layer in unet.modules() if isinstance(layer, ResBlock)]
    firsts = [layers[0] for block in blocks for layers in (block.in_layers, block.out_layers)]
    return [norm for norm in (*firsts, unet.out[0]) if isinstance(norm, nn.GroupNorm)]


# Joining a MODEL


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


OPTIONS_POSITION = 5
"""Of transformer_options among the arguments of the calls that APPLY_MODEL wraps."""


def options_of(arguments: tuple, keywords: dict[str, Any]) -> Options:
    if "transformer_options" in keywords:
        return keywords["transformer_options"]
    return arguments[OPTIONS_POSITION]


def sampling_step(sigma: float, sigmas: list[float]) -> float:
    """Which step of the sampling a noise level belongs to, counted from 0; fractions for samplers that look between
    two steps. sigmas: of the whole run."""
    for step, (noisier, cleaner) in enumerate(itertools.pairwise(sigmas)):
        if sigma > cleaner:
            return step + max(0.0, (noisier - sigma) / (noisier - cleaner))
    return float(max(0, len(sigmas) - 2))


# Context windows

ContextHandler = comfy.context_windows.ContextHandlerABC
"""What cuts a clip into windows whenever the host runs a model on it; a MODEL has one at most."""

CONTEXT_HANDLER, CONTEXT_WINDOW = "context_handler", "context_window"
"""Their places: the handler's among the options of a MODEL, that of the window at work in transformer_options."""

Conditions = list[dict[str, Any]]
"""The conditions of one side, positive or negative, as the host has prepared them for sampling."""


def context_handler(options: Options) -> ContextHandler | None:
    """options: those of a MODEL."""
    return options.get(CONTEXT_HANDLER)


def set_context_handler(options: Options, handler: ContextHandler) -> None:
    options[CONTEXT_HANDLER] = handler


def window_length(options: Options) -> int | None:
    """Frames of the context windows of a MODEL, if it has any."""
    handler: Any = context_handler(options)
    return None if handler is None else handler.context_length


def window_frames(options: Options) -> list[int] | None:
    """Which frames of the clip a model call holds, if those are a window of it."""
    window = options.get(CONTEXT_WINDOW)
    if window is None:
        return None
    anchor = getattr(window, "causal_anchor_index", None)  # a frame that the host's windows may begin with
    return [*([] if anchor is None or anchor < 0 else [anchor]), *window.index_list]


def windows_in(options: Options) -> int:
    """How many windows of a clip a model call holds, behind one another."""
    window = options.get(CONTEXT_WINDOW)
    return 1 if window is None else len(window.index_list) // window.context_length


def repeated(tensor: Tensor, frames: int) -> Tensor:
    """What the host makes of a batch where one of so many frames is needed: it starts again, or leaves the rest out."""
    return comfy.utils.repeat_to_batch_size(tensor, frames)


def controls_of(conditions: Iterable[Conditions | None]) -> list[Any]:
    """Every ControlNet of the conditions: those behind one another and the copies for further devices, each once."""
    found: dict[int, Any] = {}
    waiting = [condition["control"] for side in conditions for condition in side or () if "control" in condition]
    while waiting:
        control = waiting.pop()
        if control is not None and id(control) not in found:
            found[id(control)] = control
            waiting += [control.previous_controlnet, *getattr(control, "multigpu_clones", {}).values()]
    return list(found.values())


def knows_windows(control: Any) -> bool:
    """Whether a ControlNet looks up the frames of a window itself, as those of Advanced-ControlNet do."""
    return hasattr(control, "sub_idxs")


@contextmanager
def hints_cut(controls: list[Any], cut: Callable[[Tensor], Tensor]) -> Iterator[None]:
    """While open, the ControlNets have the pictures that `cut` leaves of theirs.

    They are changed for that time, and not copied: conditions are batched if they have the same object, and a copy
    lacks what the host has prepared in the original.
    """
    whole = [(control, control.cond_hint_original, control.extra_concat_orig) for control in controls]
    try:
        for control, hint, masks in whole:
            control.cond_hint_original = None if hint is None else cut(hint)
            control.extra_concat_orig = [cut(mask) for mask in masks]
            _forget_scaled_hints(control)
        yield
    finally:
        for control, hint, masks in whole:
            control.cond_hint_original, control.extra_concat_orig = hint, masks
            _forget_scaled_hints(control)


def _forget_scaled_hints(control: Any) -> None:
    control.cond_hint = None
    for name in ("cond_hints", "control_inputs"):  # the same in hosts after 0.33
        getattr(control, name, {}).clear()


def stop_if_interrupted() -> None:
    comfy.model_management.throw_exception_if_processing_interrupted()


def progress_bar(total: int) -> comfy.utils.ProgressBar:
    """The bar of the node that is being executed."""
    return comfy.utils.ProgressBar(total)


def free_memory(model: ModelPatcher, device: torch.device) -> float:
    """Bytes in which the host would run a MODEL now."""
    return model.get_free_memory(device)


SEED_POSITION = 6
"""Of the seed among the arguments, behind the noise, of the call that OUTER_SAMPLE wraps."""


def seed_of(arguments: tuple, keywords: dict[str, Any]) -> int:
    return keywords["seed"] if "seed" in keywords else arguments[SEED_POSITION]


# LoRAs

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


# Noise schedules


def with_sigmas(model_sampling: nn.Module, sigmas: Tensor, distilled_steps: int | None = None) -> nn.Module | None:
    """A copy of a MODEL's sampling object on other sigmas, (1000,) by training step; None if it is not of that kind.

    The prediction type (eps, v, LCM) stays, and so does a zero terminal signal-to-noise ratio. Objects that use a part
    of the steps, as LCM's do, take the new sigmas at theirs.
    distilled_steps: for a consistency model that knows only so many steps; it becomes the host's LCM sampling.
    """
    if distilled_steps and isinstance(model_sampling, comfy.model_sampling.ModelSamplingDiscrete):
        model_sampling = lcm_sampling(distilled_steps)
    if not isinstance(model_sampling, comfy.model_sampling.ModelSamplingDiscrete):
        return None
    steps = model_sampling.timestep(model_sampling.sigmas)
    if steps.is_floating_point() or len(sigmas) != model_sampling.num_timesteps:
        return None
    if model_sampling.zsnr:
        sigmas = comfy.model_sampling.rescale_zero_terminal_snr_sigmas(sigmas)
    changed = copy.deepcopy(model_sampling)
    for name in SIGMAS:
        delattr(changed, name)
    changed.__class__ = with_own_sigmas(type(changed))
    changed.set_sigmas(sigmas[steps.cpu()])
    return changed


SIGMAS = ("sigmas", "log_sigmas")


def with_own_sigmas(kind: Any) -> Any:
    """The same kind of sampling object, whose sigmas no other object gets, and which takes those of no other.

    With dynamic VRAM the host writes buffers back by their names in the MODEL. When clones of it take turns, the
    sampling object of one gets the sigmas of another that way (Comfy-Org/ComfyUI issue 16490; 0.30 and 0.33): the plain
    MODEL those of the motion, and the motion those of the plain MODEL. So these are no buffers.
    """

    class OwnSigmas(kind):
        def set_sigmas(self, sigmas: Tensor) -> None:
            self.sigmas, self.log_sigmas = sigmas.float(), sigmas.log().float()

        def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
            if name not in SIGMAS:
                super().register_buffer(name, tensor, persistent)

        def timestep(self, sigma: Tensor) -> Tensor:
            # as the host moves buffers: a step would wait for the device otherwise
            if is_cpu(self.log_sigmas.device) and not is_cpu(sigma.device):
                self.sigmas, self.log_sigmas = self.sigmas.to(sigma.device), self.log_sigmas.to(sigma.device)
            return super().timestep(sigma)

    return OwnSigmas


def is_cpu(device: torch.device) -> bool:
    return comfy.model_management.is_device_cpu(device)


def lcm_sampling(distilled_steps: int) -> nn.Module:
    """What the host's ModelSamplingDiscrete node makes for "lcm", for a model distilled on so many steps."""
    from comfy_extras.nodes_model_advanced import LCM, ModelSamplingDiscreteDistilled  # imports the host's nodes

    class ConsistencySampling(ModelSamplingDiscreteDistilled, LCM):
        original_timesteps = distilled_steps

    return ConsistencySampling()
