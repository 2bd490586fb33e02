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

from torch import Tensor
from torch.nn.functional import interpolate

from . import host
from .applied import Applied, MotionSettings, applied, choices
from .doubts import length_doubts, model_doubts
from .errors import MotionError
from .group_norm import over_clips
from .loading import MotionFile
from .low_rank import LowRank
from .memory import motion_bytes
from .motion_module import MotionModel
from .strength_curves import Schedule, is_over_steps, strengths

# One sampling run


def on_sampling(executor: host.Executor, noise: Tensor, *args: Any, **kw: Any) -> Any:
    """Before anything is loaded: does the clip have a length that the motion models can take?"""
    guider: Any = executor.class_obj
    model, frames = guider.model_patcher, noise.shape[0]
    window = host.window_length(guider.model_options)
    told = []
    for choice in choices(model):
        clip = frames if window else frames // clips_in(frames, choice.settings)
        together = min(clip, window or clip)
        check_limit(together, choice.file)
        check_mask(clip, choice.settings)
        told.append((choice, [*model_doubts(model, choice.file), *length_doubts(together, choice.file)]))
    for choice, doubts in told:
        choice.settings.tell(choice.report, doubts)
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
class MotionStep:
    """What one motion model does in a model call."""

    motion: MotionModel
    frames: int
    """Of a clip, or of the window of one."""
    strength: float | Tensor
    """One number, or one for each frame of each clip in the call, (b f), b being 1 if all have the same."""
    mask: Tensor | None
    """(1 or (b f)) 1 h w."""
    loras: tuple[tuple[LowRank, float | Tensor], ...]
    """MotionLoRAs whose strength changes, with their strengths in this call, as above."""

    def amount(self, x: Tensor) -> float | Tensor:
        """Strength of the motion in features x, (b f) c h w: one number, or (1 or (b f)) 1 (1 or h) (1 or w)."""
        strength = self.strength
        if isinstance(strength, Tensor):
            strength = strength.to(x).flatten()[:, None, None, None]
        if self.mask is None:
            return strength
        return strength * interpolate(self.mask.to(x), x.shape[-2:], mode="area")


@dataclass(frozen=True)
class MotionCall:
    """The motion of one model call. Nothing of it outlives the call."""

    steps: tuple[MotionStep, ...]

    def __call__(self, place: host.Place, x: Tensor) -> Tensor:
        for step in self.steps:
            module = step.motion.modules_by_place.get(place)
            if module is not None:
                x = module(x, step.frames, step.motion.norms.motion, step.amount(x))
        return x

    def norm_frames(self) -> int | None:
        """Frames over which the UNet's own norms are taken: those of a clip, or None if each frame has its own."""
        return next((step.frames for step in self.steps if step.motion.norms.unet), None)


def on_model_call(executor: host.Executor, *args: Any, **kw: Any) -> Any:
    """Finds the frames in the batch, which the host lays out as [condition][frame], and joins the motion modules to the
    UNet for this call.

    Where hooks are is told to the UNet by the name of an argument that it does not read. A compiled one would go on
    without motion otherwise: torch looks at the names of arguments in every call, but for hooks only where there was
    one.
    """
    options = host.options_of(args, kw)
    base: Any = executor.class_obj
    batch = args[0].shape[0] // len(options["cond_or_uncond"])
    steps = [
        motion_step(one, batch, options)
        for one in applied(base.current_patcher)
        if one.choice.settings.strength and takes_part(one.choice.settings, base.model_sampling, options["sigmas"])
    ]
    if not steps:
        return executor(*args, **kw)
    call, unet = MotionCall(tuple(steps)), host.running_unet(base)
    clip = call.norm_frames()
    with ExitStack() as joined:
        joined.enter_context(host.joined(unet, call))
        if clip:
            joined.enter_context(over_clips(host.residual_norms(unet), clip))
        for step in steps:
            for low_rank, strength in step.loras:
                joined.enter_context(low_rank.joined(step.motion, strength))
        hooked = hash((clip, *(path for step in steps for low_rank, _ in step.loras for path in low_rank.paths)))
        return executor(*args, **kw, **{f"motion_hooks_{hooked}": True})


def takes_part(settings: MotionSettings, model_sampling: Any, sigmas: Tensor) -> bool:
    """Whether the step lies between start_percent and end_percent. Asks the device for sigma only if it must."""
    if settings.start_percent <= 0 and settings.end_percent >= 1:
        return True
    first, last = (model_sampling.percent_to_sigma(p) for p in (settings.start_percent, settings.end_percent))
    return last <= sigmas[0].item() <= first


def motion_step(one: Applied, batch: int, options: host.Options) -> MotionStep:
    """batch: frames of one condition: a clip, some clips of the same length, or some windows of one clip."""
    settings, scheduled = one.choice.settings, one.choice.scheduled
    windows = host.windows_in(options)
    frames = batch // windows // clips_in(batch // windows, settings)
    check_limit(frames, one.choice.file)
    places = host.window_frames(options) or list(range(frames))
    if windows > 1:  # each is at another place, so that the strengths of all of them are needed
        places = places * len(options["cond_or_uncond"])
    schedules = [settings.schedule, *(lora.schedule for lora in scheduled)]
    step = host.sampling_step(options) if any(map(is_over_steps, schedules)) else 0.0

    def strength_of(schedule: Schedule, strength: float) -> float | Tensor:
        found = strengths(schedule, strength, places, step)
        return found.unflatten(0, (-1, frames)) if isinstance(found, Tensor) else found

    mask = settings.mask
    return MotionStep(
        one.motion,
        frames,
        strength_of(settings.schedule, settings.strength),
        None if mask is None else (mask[places] if len(mask) > 1 else mask)[:, None],
        tuple(
            (low_rank, strength_of(lora.schedule, lora.strength))
            for low_rank, lora in zip(one.low_ranks, scheduled, strict=True)
        ),
    )


WRAPPERS = {
    host.WrappedCall.OUTER_SAMPLE: on_sampling,
    host.WrappedCall.PREPARE_SAMPLING: on_prepare_sampling,
    host.WrappedCall.APPLY_MODEL: on_model_call,
}
