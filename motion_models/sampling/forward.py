"""Sampling with motion models: wrappers around three of ComfyUI's calls.

- A sampling run: check the clip before anything is loaded.
- Its preparation: add the memory of the motion modules to the plan.
- A model call: find the frames in the batch, and hook the motion modules into the UNet for this call. This happens
  outside of the code that torch.compile traces.

A model call reads everything through the patcher that runs it. So clones, copies with weight hooks and copies on other
devices each use their own motion weights.
"""

import math
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from .. import host
from ..conditioning.curves import FRAMES, STEPS, StrengthSchedule, is_over_steps, strengths
from ..errors import MotionError, sentence
from ..lora.motion_lora import ChosenLora
from ..network.block_strengths import strengths_by_point
from ..network.group_norm import over_clips
from ..network.low_rank import LowRank
from ..network.motion_module import FrameWindows, MotionModel
from .checks import check_limit, check_mask, check_run
from .layout import clip_layout, side_factor
from .memory import motion_bytes
from .motion_config import GuidanceSettings, LoadedMotion, MotionConfig, MotionSettings, loaded_motions, motion_configs
from .motion_options import options_of
from .run import SamplingRun, is_sampling, run_of, sampling_run, sampling_step
from .warnings import beta_schedule_warnings, step_warnings

# One sampling run


def on_sampling(executor: host.Executor, noise: Tensor, *args: Any, **kw: Any) -> Any:
    """Check the frames and masks before anything is loaded, and report the warnings."""
    guider: Any = executor.class_obj
    configs = motion_configs(guider.model_patcher)
    last_schedule = next((config for config in reversed(configs) if config.largest_sigma is not None), None)
    warnings: list[list[str]] = []
    sigmas = host.sampling_argument("sigmas", args, kw)
    for config in configs:
        try:
            warnings.append(check_run(config, guider, noise.shape))
        except MotionError as error:
            config.settings.on_report(error.report(), [])
            raise
        if config is last_schedule:
            replaced = beta_schedule_warnings(guider.model_patcher, config)
            warnings[-1] = [*step_warnings(sigmas, config), *warnings[-1], *replaced]
        config.settings.on_report(config.report, warnings[-1])
    with sampling_run(guider.model_options, noise.shape[-2:]) as run:
        run.guiding = host.guiding_conditions(guider)
        result = executor(noise, *args, **kw)
    for config, earlier in zip(configs, warnings, strict=True):
        later = warnings_after(run, config.settings) if len(sigmas) > 1 else []
        if later:
            config.settings.on_report(config.report, [*earlier, *later])
    return result


def warnings_after(run: SamplingRun, settings: MotionSettings) -> list[str]:
    """Warnings that only the model calls of a run can show."""
    if not run.has_called_model:
        return [sentence(NOT_CALLED)]
    partly = [sentence(PARTLY_CALLED)] if run.has_missed_motion else []
    no_effect = settings.negative_strength != 1 and not run.has_negative_side
    return [*partly, sentence(NO_NEGATIVE_SIDE)] if no_effect else partly


def on_prediction(options: host.ModelOptions) -> None:
    """Note a prediction with options that another node copied before Apply AnimateDiff Motion Model."""
    if not host.is_wrapped(options):
        run_of(options.get("transformer_options", {})).has_missed_motion = True


NOT_CALLED = (
    "The clip has no motion, because another node runs the model in its own way: put that node after Apply AnimateDiff "
    "Motion Model."
)
PARTLY_CALLED = (
    "The clip has less motion, because another node also runs the model in its own way: put that node after Apply "
    "AnimateDiff Motion Model."
)
NO_NEGATIVE_SIDE = (
    "negative_strength has no effect, because the sampler computes no negative side at cfg 1: set cfg above 1, or use "
    "AnimateDiff Motion Guidance instead."
)
ONLY_ON_SECOND_MODEL = (
    "The clip has no motion, because the guider's first MODEL has none: apply the motion model to that MODEL, or to "
    "both."
)
WITHOUT_WINDOWS = (
    "Another node runs the model on {frames} frames at once, without the context windows: put that node after "
    "AnimateDiff Context Windows."
)
MASK_IN_PARTS = (
    "The mask cannot be used, because another node samples the picture in parts: disconnect the mask, or remove the "
    "tiles or areas."
)


def on_prepare_sampling(
    executor: host.Executor, model: host.ModelPatcher, noise_shape: list[int], *args: Any, **kw: Any
) -> Any:
    """Add the memory of the motion modules to ComfyUI's memory plan, by passing on a taller latent.

    A guider can sample one MODEL and also prepare another, such as ComfyUI's DualModelGuider. It calls both with the
    wrappers of the first.
    """
    if not is_sampling():
        for config in motion_configs(model):
            config.settings.on_report(config.report, [sentence(ONLY_ON_SECOND_MODEL)])
    shape = list(noise_shape)
    needed, planned = motion_bytes(model, shape), host.planned_memory(model, shape)
    # the height and not the batch, because context windows limit the batch, ComfyUI's own windows too
    shape[-2] = math.ceil(shape[-2] * (1 + needed / planned))
    return executor(model, shape, *args, **kw)


# One call of the model


@dataclass(frozen=True)
class MotionPass:
    """One motion model in one model call."""

    motion: MotionModel
    frames: int
    """Frames of a clip, or of a window of it."""
    strength: float | Tensor
    """One number, or (b f) with one for each frame of each clip in the call. b is 1 if all clips have the same."""
    masks: tuple[Tensor, ...]
    """The mask in the size of each level of the UNet, (1 or (b f)) 1 h w. Empty without a mask."""
    loras: tuple[tuple[LowRank, float | Tensor], ...]
    """MotionLoRAs with a strength schedule, and their strengths in this call: one number, or (clips f) for each clip,
    or for each window of each clip. One row if all are alike."""
    windows: FrameWindows | None = None
    """If the motion modules run on the clip window by window."""
    block_strengths: Mapping[host.InjectionPoint, float] = field(default_factory=dict)
    """Factors of the strength of single motion modules. All others have 1."""

    @property
    def frames_together(self) -> int:
        """Frames that the temporal attention sees at once."""
        return self.windows.index.shape[1] if self.windows else self.frames

    def strength_for(self, point: host.InjectionPoint, x: Tensor) -> float | Tensor:
        """Strength and mask for features x, (b f) c h w: one number, or (1 or (b f)) 1 (1 or h) (1 or w)."""
        strength = self.strength
        if point in self.block_strengths:
            strength = strength * self.block_strengths[point]
        if isinstance(strength, Tensor):
            strength = strength.to(x.dtype).flatten()[:, None, None, None]
        if not self.masks:
            return strength
        fitting = next((mask for mask in self.masks if mask.shape[-2:] == x.shape[-2:]), None)
        if fitting is None:  # a patch such as Deep Shrink has made the features smaller
            fitting = interpolate(self.masks[0], x.shape[-2:], mode="area")
        if not isinstance(strength, Tensor) or len(strength) <= len(fitting):
            return strength * fitting.to(x.dtype)
        return (strength.unflatten(0, (-1, len(fitting))) * fitting.to(x.dtype)).flatten(0, 1)


@dataclass(frozen=True)
class MotionForward:
    """All motion models of one model call. It exists only during the call."""

    passes: tuple[MotionPass, ...]

    def __call__(self, point: host.InjectionPoint, x: Tensor) -> Tensor:
        for each in self.passes:
            module = each.motion.modules_by_point.get(point)
            if module is not None and each.block_strengths.get(point) != 0:
                strength = each.strength_for(point, x)
                x = module(x, each.frames, each.motion.norms.motion, strength, each.windows)
        return x

    def norm_frames(self) -> int | None:
        """Frames of a clip for the UNet's own norms. None if they take their statistics over each frame."""
        return next((each.frames for each in self.passes if each.motion.norms.unet), None)


def on_model_call(executor: host.Executor, *args: Any, **kw: Any) -> Any:
    """Find the frames in the batch (`clip_layout`), and hook the motion modules into the UNet for this call.

    torch.compile does not guard on forward hooks that are added after tracing. So the call passes a keyword argument,
    whose name encodes the hooks. Another name makes torch compile again. The UNet does not read the argument.
    """
    options = host.options_of(args, kw)
    base: Any = executor.class_obj
    run = run_of(options)
    run.has_called_model = True
    run.has_negative_side |= any(host.negative_entries(options, run.guiding))
    motions = [loaded for loaded in loaded_motions(base.current_patcher) if loaded.config.settings.strength]
    windows = host.motion_windows(base.current_patcher.model_options)
    # `item` waits for the device, so it is called only if the sigma is needed
    is_needed = any(needs_sigma(loaded.config) for loaded in motions) or (windows and windows.is_moving)
    sigma = options["sigmas"][0].item() if is_needed else None
    motion_options = options_of(base.current_patcher)
    passes = [
        checked_pass(loaded, args[0], options, base.current_patcher, sigma)
        for loaded in motions
        if sigma is None or is_active(loaded.config.settings, base.model_sampling, sigma, run)
    ]
    if not passes:
        return executor(*args, **kw)
    call, unet = MotionForward(tuple(passes)), host.running_unet(base)
    clip, dtype = call.norm_frames(), host.compute_dtype(base.current_patcher)
    with ExitStack() as hooks:
        hooks.enter_context(host.motion_hooks(unet, call))
        if clip:
            hooks.enter_context(over_clips(host.residual_norms(unet), clip))
        for each in passes:
            for low_rank, strength in each.loras:
                hooks.enter_context(low_rank.hooks(each.motion, strength))
            hooks.enter_context(
                motion_options.hooks(each.motion, each.frames_together, args[0], dtype, run_of(options))
            )
        paths = (path for each in passes for low_rank, _ in each.loras for path in low_rank.paths)
        layout = hash((clip, motion_options.stretch, motion_options.sharpness, *paths))
        return executor(*args, **kw, **{f"motion_hooks_{layout}": True})


def checked_pass(loaded: LoadedMotion, *args: Any) -> MotionPass:
    """`motion_pass`, whose errors are reported on the node of the motion model."""
    try:
        return motion_pass(loaded, *args)
    except MotionError as error:
        loaded.config.settings.on_report(error.report(), [])
        raise


def needs_sigma(config: MotionConfig) -> bool:
    settings = config.settings
    schedules = (settings.strength_schedule, *(lora.strength_schedule for lora in config.scheduled))
    return not is_always_active(settings) or any(map(is_over_steps, schedules))


def is_always_active(settings: MotionSettings | GuidanceSettings) -> bool:
    return settings.start_percent <= 0 and settings.end_percent >= 1


def is_active(settings: MotionSettings | GuidanceSettings, model_sampling: Any, sigma: float, run: SamplingRun) -> bool:
    """Whether the sigma lies between start_percent and end_percent."""
    if is_always_active(settings):
        return True

    def sigma_at(percent: float) -> float:
        return run.once(("percent", id(model_sampling), percent), lambda: model_sampling.percent_to_sigma(percent))

    return sigma_at(settings.end_percent) <= sigma <= sigma_at(settings.start_percent)


def motion_pass(
    loaded: LoadedMotion, x: Tensor, options: host.TransformerOptions, model: host.ModelPatcher, sigma: float | None
) -> MotionPass:
    """One motion model for a model call on latents x."""
    settings, scheduled = loaded.config.settings, loaded.config.scheduled
    layout = clip_layout(x.shape[0], options, settings.clip_frames)
    frames, frame_indices = layout.frames, layout.all_frame_indices
    run, dtype = run_of(options), host.compute_dtype(model)
    step = 0.0 if sigma is None else sampling_step(sigma, options)
    handler = host.motion_windows(model.model_options)
    windows = handler and handler.motion_windows(frames, int(step), x.device, dtype, run)
    window = host.window_length(model.model_options) if host.plans_clips(model.model_options) else 0
    if window and frames > window and not windows:
        raise MotionError(WITHOUT_WINDOWS, frames=frames)
    motion_options = options_of(model)
    check_limit(windows.index.shape[1] if windows else frames, loaded.config.file, motion_options)
    if settings.mask is not None and run.latent_size not in (None, x.shape[-2:]):
        raise MotionError(MASK_IN_PARTS)
    if settings.mask is not None and 1 < len(settings.mask) <= max(frame_indices):
        check_mask(max(frame_indices) + 1, settings)  # of a second MODEL, which no run has checked

    def strength_of(strength_schedule: StrengthSchedule, strength: float) -> float | Tensor:
        over_steps = tuple(curve for curve in strength_schedule if curve.domain == STEPS)
        over_frames = tuple(curve for curve in strength_schedule if curve.domain == FRAMES)
        scalar = strengths(over_steps, strength, (), step)
        if not over_frames:
            return scalar

        def by_frame() -> Tensor:
            factors = torch.as_tensor(strengths(over_frames, 1.0, frame_indices, 0))
            return host.moved(factors, x.device, dtype).unflatten(0, (-1, frames))

        return scalar * run.once((over_frames, frame_indices, frames, x.device), by_frame)

    def lora_strength_of(lora: ChosenLora) -> float | Tensor:
        strength = strength_of(lora.strength_schedule, lora.strength)
        if windows is None or not isinstance(strength, Tensor):
            return strength
        # its layers run inside the motion modules, on [clip][window][frame]
        return strength.expand(x.shape[0] // frames, -1)[:, windows.index].flatten(0, 1)

    strength = strength_of(settings.strength_schedule, settings.strength)
    return MotionPass(
        loaded.motion,
        frames,
        strength * side_factor(settings.negative_strength, layout, x, options, dtype),
        masks_by_level(settings.mask, frame_indices, loaded.motion, x, run, dtype) if settings.mask is not None else (),
        tuple((low_rank, lora_strength_of(lora)) for low_rank, lora in zip(loaded.low_ranks, scheduled, strict=True)),
        windows,
        strengths_by_point(motion_options.strengths, loaded.motion.shape),
    )


def masks_by_level(
    mask: Tensor, frame_indices: tuple[int, ...], motion: MotionModel, x: Tensor, run: SamplingRun, dtype: torch.dtype
) -> tuple[Tensor, ...]:
    """A mask, (1 or the frames of the clip, h w), in the size of each level of a UNet for latents x.

    frame_indices: the frame of the clip for each latent.
    """

    def scaled() -> tuple[Tensor, ...]:
        moved, (height, width) = host.moved(mask[:, None], x.device, dtype), x.shape[-2:]
        sizes = [(-(-height // 2**level), -(-width // 2**level)) for level in range(len(motion.shape.down))]
        return tuple(interpolate(moved, size, mode="area") for size in sizes)

    def index() -> Tensor:
        return host.moved(torch.tensor(frame_indices), x.device, torch.long)

    masks = run.once(("mask", id(mask), x.shape[-2:], x.device), scaled)
    if len(mask) == 1:
        return masks
    frames = run.once(("frame indices", frame_indices, x.device), index)
    return tuple(scaled_mask[frames] for scaled_mask in masks)


WRAPPERS = {
    host.WrappedCall.OUTER_SAMPLE: on_sampling,
    host.WrappedCall.PREPARE_SAMPLING: on_prepare_sampling,
    host.WrappedCall.APPLY_MODEL: on_model_call,
}
