"""What happens in a MODEL that has motion models, when it samples.

Three calls of the host are wrapped: a sampling run (checks before anything is loaded), its preparation (memory), and a
model call (finds out which frames it holds, and puts forward hooks on the UNet for the length of that call; outside of
what torch.compile traces). All that a call needs to know is looked up through the patcher that is running, so clones,
hooked copies and copies on other devices each use their own.
"""

import math
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from .. import host
from ..conditioning.curves import FRAMES, STEPS, StrengthSchedule, is_over_steps, strengths
from ..errors import MotionError
from ..files.loading import MotionFile
from ..network.group_norm import over_clips
from ..network.low_rank import LowRank
from ..network.motion_module import MotionModel
from .memory import motion_bytes
from .motion_config import LoadedMotion, MotionConfig, MotionSettings, loaded_motions, motion_configs
from .run import SamplingRun, begin_run, run_of, sampling_step
from .warnings import length_warnings, model_warnings

# One sampling run


def on_sampling(executor: host.Executor, noise: Tensor, *args: Any, **kw: Any) -> Any:
    """Before anything is loaded: does the clip have a length that the motion models can take?"""
    guider: Any = executor.class_obj
    model, frames = guider.model_patcher, noise.shape[0]
    window = host.window_length(guider.model_options)
    if window and frames <= window:
        window = None
    reports = []
    for config in motion_configs(model):
        clip = frames if window else frames // clips_in(frames, config.settings)
        together = min(clip, window or clip)
        check_limit(together, config.file)
        check_mask(clip, config.settings)
        reports.append((config, [*model_warnings(model, config.file), *length_warnings(together, config.file)]))
    for config, warnings in reports:
        config.settings.on_report(config.report, warnings)
    begin_run(guider.model_options)
    return executor(noise, *args, **kw)


def clips_in(frames: int, settings: MotionSettings) -> int:
    """How many clips a batch of so many frames holds. Raises MotionError if it is not a whole number."""
    if settings.clip_frames and frames % settings.clip_frames:
        raise MotionError(
            f"The batch of {frames} frames cannot be divided into clips of {settings.clip_frames}: set clip_frames to "
            f"a divisor of {frames}, or to 0 if the batch is one clip."
        )
    return frames // settings.clip_frames if settings.clip_frames else 1


def check_limit(frames: int, file: MotionFile) -> None:
    limit = file.shape.frame_limit
    if frames > limit:
        raise MotionError(
            f"{frames} frames run at once, and {file.path.name} knows the positions of {limit} at most: put Context "
            f"Windows of {file.family.trained_frames} frames before the sampler, or make the clip shorter."
        )


def check_mask(frames: int, settings: MotionSettings) -> None:
    if settings.mask is not None and len(settings.mask) not in (1, frames):
        raise MotionError(
            f"The mask has {len(settings.mask)} pictures, and the clip {frames} frames: give one mask for all frames, "
            f"or one for each."
        )


def on_prepare_sampling(
    executor: host.Executor, model: host.ModelPatcher, noise_shape: list[int], *args: Any, **kw: Any
) -> Any:
    """Adds what the motion modules need to the memory the host plans with, by way of a taller latent."""
    shape = list(noise_shape)
    needed, planned = motion_bytes(model, shape), host.planned_memory(model, shape)
    # the height, not the batch: context windows clamp the batch, the host's own too
    shape[-2] = math.ceil(shape[-2] * (1 + needed / planned))
    return executor(model, shape, *args, **kw)


# One call of the model


@dataclass(frozen=True)
class MotionPass:
    """What one motion model does in a model call."""

    motion: MotionModel
    frames: int
    """Of a clip, or of the window of one."""
    strength: float | Tensor
    """One number, or one for each frame of each clip in the call, (b f), b being 1 if all have the same."""
    masks: tuple[Tensor, ...]
    """The mask in the size of each level of the UNet, (1 or (b f)) 1 h w; none if there is no mask."""
    loras: tuple[tuple[LowRank, float | Tensor], ...]
    """MotionLoRAs whose strength changes, with their strengths in this call, as above."""

    def strength_for(self, x: Tensor) -> float | Tensor:
        """Strength of the motion in features x, (b f) c h w: one number, or (1 or (b f)) 1 (1 or h) (1 or w)."""
        strength = self.strength
        if isinstance(strength, Tensor):
            strength = strength.to(x.dtype).flatten()[:, None, None, None]
        if not self.masks:
            return strength
        fitting = next((mask for mask in self.masks if mask.shape[-2:] == x.shape[-2:]), None)
        if fitting is None:  # another pack has made the features smaller, as Deep Shrink does
            fitting = interpolate(self.masks[0], x.shape[-2:], mode="area")
        return strength * fitting.to(x.dtype)


@dataclass(frozen=True)
class MotionForward:
    """The motion of one model call. Nothing of it outlives the call."""

    steps: tuple[MotionPass, ...]

    def __call__(self, point: host.InjectionPoint, x: Tensor) -> Tensor:
        for step in self.steps:
            module = step.motion.modules_by_point.get(point)
            if module is not None:
                x = module(x, step.frames, step.motion.norms.motion, step.strength_for(x))
        return x

    def norm_frames(self) -> int | None:
        """Frames over which the UNet's own norms are taken: those of a clip, or None if each frame has its own."""
        return next((step.frames for step in self.steps if step.motion.norms.unet), None)


def on_model_call(executor: host.Executor, *args: Any, **kw: Any) -> Any:
    """Finds the frames in the batch, which the host lays out as [condition][frame], and joins the motion modules to the
    UNet for this call.

    torch.compile does not guard on forward hooks that are added after tracing. An extra keyword argument, whose name
    encodes the hooks, makes it compile again when they change; the UNet does not read it.
    """
    options = host.options_of(args, kw)
    base: Any = executor.class_obj
    present = [one for one in loaded_motions(base.current_patcher) if one.config.settings.strength]
    # asks the device for a number, so only where one is needed
    sigma = options["sigmas"][0].item() if any(needs_sigma(one.config) for one in present) else None
    steps = [
        motion_pass(one, args[0], options, base.current_patcher, sigma)
        for one in present
        if sigma is None or is_active(one.config.settings, base.model_sampling, sigma, run_of(options))
    ]
    if not steps:
        return executor(*args, **kw)
    call, unet = MotionForward(tuple(steps)), host.running_unet(base)
    clip = call.norm_frames()
    with ExitStack() as hooks:
        hooks.enter_context(host.motion_hooks(unet, call))
        if clip:
            hooks.enter_context(over_clips(host.residual_norms(unet), clip))
        for step in steps:
            for low_rank, strength in step.loras:
                hooks.enter_context(low_rank.hooks(step.motion, strength))
        hooked = hash((clip, *(path for step in steps for low_rank, _ in step.loras for path in low_rank.paths)))
        return executor(*args, **kw, **{f"motion_hooks_{hooked}": True})


def needs_sigma(config: MotionConfig) -> bool:
    settings = config.settings
    schedules = (settings.strength_schedule, *(lora.strength_schedule for lora in config.scheduled))
    return not is_always_active(settings) or any(map(is_over_steps, schedules))


def is_always_active(settings: MotionSettings) -> bool:
    return settings.start_percent <= 0 and settings.end_percent >= 1


def is_active(settings: MotionSettings, model_sampling: Any, sigma: float, run: SamplingRun) -> bool:
    """Whether the step lies between start_percent and end_percent."""
    if is_always_active(settings):
        return True

    def sigma_at(percent: float) -> float:
        return run.once(("percent", id(model_sampling), percent), lambda: model_sampling.percent_to_sigma(percent))

    return sigma_at(settings.end_percent) <= sigma <= sigma_at(settings.start_percent)


def motion_pass(
    one: LoadedMotion, x: Tensor, options: host.TransformerOptions, model: host.ModelPatcher, sigma: float | None
) -> MotionPass:
    """x: latents of the call: for each condition a clip, some clips of the same length, or some windows of one clip."""
    settings, scheduled = one.config.settings, one.config.scheduled
    conditions, windows = len(options["cond_or_uncond"]), host.windows_in(options)
    batch = x.shape[0] // conditions
    frames = batch // windows // clips_in(batch // windows, settings)
    check_limit(frames, one.config.file)
    frame_indices = tuple(host.window_frames(options) or range(frames))
    if len(frame_indices) > frames:  # windows or clips that differ, so the strengths of all of them are needed
        frame_indices = frame_indices * conditions
    run, dtype = run_of(options), host.compute_dtype(model)

    def strength_of(strength_schedule: StrengthSchedule, strength: float) -> float | Tensor:
        over_steps = tuple(curve for curve in strength_schedule if curve.domain == STEPS)
        over_frames = tuple(curve for curve in strength_schedule if curve.domain == FRAMES)
        step = sampling_step(sigma, options) if over_steps and sigma is not None else 0.0
        now = strengths(over_steps, strength, (), step)

        def of_frames() -> Tensor:
            found = torch.as_tensor(strengths(over_frames, 1.0, frame_indices, 0))
            return host.moved(found, x.device, dtype).unflatten(0, (-1, frames))

        return now * run.once((over_frames, frame_indices, frames, x.device), of_frames) if over_frames else now

    return MotionPass(
        one.motion,
        frames,
        strength_of(settings.strength_schedule, settings.strength),
        masks_by_level(settings.mask, frame_indices, one.motion, x, run, dtype) if settings.mask is not None else (),
        tuple(
            (low_rank, strength_of(lora.strength_schedule, lora.strength))
            for low_rank, lora in zip(one.low_ranks, scheduled, strict=True)
        ),
    )


def masks_by_level(
    mask: Tensor, frame_indices: tuple[int, ...], motion: MotionModel, x: Tensor, run: SamplingRun, dtype: torch.dtype
) -> tuple[Tensor, ...]:
    """A mask, (1 or the frames of the clip, h w), in the size of each level of a UNet that is run on latents x.

    frame_indices: which frame of the clip each picture is.
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
    chosen = run.once(("frame indices", frame_indices, x.device), index)
    return tuple(one[chosen] for one in masks)


WRAPPERS = {
    host.WrappedCall.OUTER_SAMPLE: on_sampling,
    host.WrappedCall.PREPARE_SAMPLING: on_prepare_sampling,
    host.WrappedCall.APPLY_MODEL: on_model_call,
}
