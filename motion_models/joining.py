"""Joining a motion model to a MODEL, and what then happens in each call of the UNet.

The MODEL is cloned, never changed. The clone carries the motion weights as an additional model and wraps four calls of
the host: a sampling run (checks before anything is loaded), its preparation (memory), a model call (finds out which
frames it holds) and the UNet's forward (forward hooks for the length of that call). All that a call needs to know is
looked up through the patcher that is running, so clones, hooked copies and copies on other devices each use their own.
"""

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from . import host
from .doubts import length_doubts, model_doubts
from .errors import MotionError
from .group_norm import over_clips
from .loading import MotionFile
from .motion_module import MotionModel
from .schedules import BETA_SCHEDULES, training_sigmas

log = logging.getLogger(__name__)

AUTO_SCHEDULE = "auto"
KEEP_SCHEDULE = "keep the model's"
SCHEDULE_CHOICES = (AUTO_SCHEDULE, *BETA_SCHEDULES, KEEP_SCHEDULE)


def log_doubts(text: str) -> None:
    if text:
        log.warning(text)


@dataclass(frozen=True)
class MotionSettings:
    """What the user chose for one applied motion model."""

    strength: float
    """Share of the motion modules' change that is added: 0 leaves the frames alone, 1 is the trained motion."""
    start_percent: float
    end_percent: float
    """The part of the denoising it takes part in; 0 is the noisiest step, 1 the end."""
    clip_frames: int
    """Frames of one clip where a batch holds several; 0 if the whole batch is one clip."""
    tell: Callable[[str], None] = log_doubts
    """Takes, once a sampling run, what the person at the graph should know of it; nothing if all is well."""


def join(
    model: host.ModelPatcher, motion: MotionFile, settings: MotionSettings, beta_schedule: str
) -> host.ModelPatcher:
    """A clone of MODEL that animates. A motion model it already has stays; both then run, in order.

    beta_schedule: one of SCHEDULE_CHOICES.
    Raises MotionError if MODEL has another UNet than the motion model was made for, or no such noise schedule.
    """
    check_fits(model, motion)
    joined = model.clone()
    host.add_motion_patcher(joined, motion.patcher(host.compute_dtype(model)), WRAPPERS)
    joined.set_attachments(host.KEY, (*(joined.get_attachment(host.KEY) or ()), (motion, settings)))
    if beta_schedule != KEEP_SCHEDULE:
        set_schedule(joined, schedule_name(beta_schedule, motion))
    return joined


def schedule_name(choice: str, motion: MotionFile) -> str:
    """What one of SCHEDULE_CHOICES comes to for a motion model."""
    return motion.family.beta_schedule if choice == AUTO_SCHEDULE else choice


def check_fits(model: host.ModelPatcher, motion: MotionFile) -> None:
    """Raises MotionError unless each motion module has a place of its width in the UNet of MODEL."""
    file, base = motion.path.name, motion.family.base
    unet = host.unet_of(model)
    if unet is None:
        raise MotionError(
            f"{file} animates {base} models, and this MODEL is {host.base_name(model)}, which has no UNet to put "
            f"motion modules in: load an {base} checkpoint."
        )
    ours = motion.shape.channels_by_place()
    theirs = {
        place: width for place, width in host.place_channels(unet).items() if place in ours or place[0] != "middle"
    }
    if ours != theirs:
        widths = " / ".join(str(width) for width in dict.fromkeys(theirs.values()))
        expected = " / ".join(str(width) for width in dict.fromkeys(ours.values()))
        raise MotionError(
            f"{file} is made for {base} ({len(ours)} motion modules of {expected} channels), and this MODEL is "
            f"{host.base_name(model)} (places for {len(theirs)}, of {widths} channels): load an {base} checkpoint, or "
            f"choose a motion model made for this one."
        )


def set_schedule(model: host.ModelPatcher, name: str) -> None:
    """Put a beta schedule into MODEL, a clone; its prediction type stays."""
    schedule = BETA_SCHEDULES[name]
    sampling = model.get_model_object("model_sampling")
    changed = host.with_sigmas(sampling, training_sigmas(schedule), schedule.distilled_steps)
    if changed is None:
        raise MotionError(
            f"This MODEL does not count its noise in 1000 steps, so it cannot take the beta schedule {name}: set "
            f"beta_schedule to '{KEEP_SCHEDULE}'."
        )
    model.add_object_patch("model_sampling", changed)


# One sampling run


@dataclass(frozen=True)
class Applied:
    """A motion model as it stands in a MODEL: the weights that the host has loaded, where they are from, how used."""

    motion: MotionModel
    file: MotionFile
    settings: MotionSettings


def applied(model: host.ModelPatcher) -> list[Applied]:
    """The motion models of a MODEL in the order they were applied."""
    chosen: tuple[tuple[MotionFile, MotionSettings], ...] = model.get_attachment(host.KEY) or ()
    patchers = host.motion_patchers(model)
    return [Applied(patcher.model, *choice) for patcher, choice in zip(patchers, chosen, strict=True)]


def on_sampling(executor: host.Executor, noise: Tensor, *args: Any, **kw: Any) -> Any:
    """Before anything is loaded: does the clip have a length that the motion models can take?"""
    guider: Any = executor.class_obj
    frames = noise.shape[0]
    windowed = "context_handler" in guider.model_options
    motions = applied(guider.model_patcher)
    if not windowed:
        for one in motions:
            check_limit(frames // clips_in(frames, one.settings), one.file)
    for one in motions:
        doubts = [*model_doubts(guider.model_patcher, one.file)]
        doubts += length_doubts(one.settings.clip_frames or frames, windowed, one.file)
        one.settings.tell("\n".join(doubts))
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
            f"The clip has {frames} frames, and {file.path.name} knows the positions of {limit} at most: make it "
            f"shorter, or put context windows of {file.family.trained_frames} frames between this node and the sampler "
            f"(Context Windows (Manual), dim 0)."
        )


def on_prepare_sampling(
    executor: host.Executor, model: host.ModelPatcher, noise_shape: list[int], *args: Any, **kw: Any
) -> Any:
    """Adds what the motion modules need to the memory the host plans with, by way of a taller latent."""
    shape = list(noise_shape)
    area = shape[0] * math.prod(shape[2:])
    item = host.compute_dtype(model).itemsize
    needed = max(one.motion.activation_elements(area) * item for one in applied(model))
    planned = host.planned_memory(model, shape)
    # the height, not the batch: the host's own window wrapper clamps the batch
    shape[-2] = math.ceil(shape[-2] * (1 + needed / planned))
    return executor(model, shape, *args, **kw)


# One call of the model


@dataclass(frozen=True)
class MotionCall:
    """The motion of one model call. Nothing of it outlives the call."""

    steps: tuple[tuple[MotionModel, int, float], ...]
    """Motion models that take part, each with the frames of a clip and its strength."""

    def __call__(self, place: host.Place, x: Tensor) -> Tensor:
        for motion, frames, strength in self.steps:
            module = motion.modules_by_place.get(place)
            if module is not None:
                x = module(x, frames, motion.norms.motion, strength)
        return x

    def norm_frames(self) -> int | None:
        """Frames over which the UNet's own norms are taken: those of a clip, or None if each frame has its own."""
        return next((frames for motion, frames, _ in self.steps if motion.norms.unet), None)


def on_model_call(executor: host.Executor, *args: Any, **kw: Any) -> Any:
    """Finds the frames in the batch, which the host lays out as [condition][frame], and hands them to the UNet call."""
    options = host.options_of(args, kw)
    base: Any = executor.class_obj
    batch = args[0].shape[0] // len(options["cond_or_uncond"])
    steps = []
    for one in applied(base.current_patcher):
        settings = one.settings
        if settings.strength == 0 or not takes_part(settings, base.model_sampling, options["sigmas"]):
            continue
        frames = batch // clips_in(batch, settings)
        check_limit(frames, one.file)
        steps.append((one.motion, frames, settings.strength))
    args, kw = host.with_options(args, kw, {**options, host.KEY: MotionCall(tuple(steps))})
    return executor(*args, **kw)


def takes_part(settings: MotionSettings, model_sampling: Any, sigmas: Tensor) -> bool:
    """Whether the step lies between start_percent and end_percent. Asks the device for sigma only if it must."""
    if settings.start_percent <= 0 and settings.end_percent >= 1:
        return True
    first, last = (model_sampling.percent_to_sigma(p) for p in (settings.start_percent, settings.end_percent))
    return last <= sigmas[0].item() <= first


def on_unet(executor: host.Executor, *args: Any, **kw: Any) -> Any:
    """Runs the UNet with the motion modules joined to it."""
    call = host.options_of(args, kw).get(host.KEY)
    if call is None or not call.steps:
        return executor(*args, **kw)
    unet: Any = executor.class_obj
    clip = call.norm_frames()
    norms = host.residual_norms(unet) if clip else []
    with host.joined(unet, call), over_clips(norms, clip or 1):
        return executor(*args, **kw)


WRAPPERS = {
    host.WrappedCall.OUTER_SAMPLE: on_sampling,
    host.WrappedCall.PREPARE_SAMPLING: on_prepare_sampling,
    host.WrappedCall.APPLY_MODEL: on_model_call,
    host.WrappedCall.DIFFUSION_MODEL: on_unet,
}
