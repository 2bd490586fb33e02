"""A training inside ComfyUI: on a copy of a MODEL, through a guider, with hooks that stay open for whole steps."""

import functools
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .. import host
from ..errors import MotionError
from ..files.families import BASE_LEVELS
from ..files.loading import MotionFile
from ..network.group_norm import over_clips
from ..network.motion_module import MotionModel
from ..sampling.apply import check_fits, set_beta_schedule
from ..sampling.forward import MotionForward, MotionPass
from ..sampling.motion_config import motion_configs
from .checkpointing import recomputed
from .dataset import TrainingClips
from .engine import ALONE, Processes, Training, TrainingSettings, generator_for
from .losses import NoiseSettings, noise_loss
from .memory import memory_report, training_bytes
from .monitoring.preview import Preview
from .stages import Trained

OnPreview = Callable[[int, np.ndarray], None]
"""(step, frames (f h w 3) in 0..255) of a preview."""


@dataclass(frozen=True)
class Session:
    """The settings of a training that do not depend on the stage."""

    training: TrainingSettings
    noise: NoiseSettings
    seed: int
    checkpointing: str
    """A key of CHECKPOINTING."""
    precision: str = "auto"
    """One of host.PRECISIONS. Weights that are trained are in fp32."""
    state: dict[str, Tensor] | None = None
    """The state of an earlier run of the same training, from which it goes on."""
    processes: Processes = ALONE
    report: Callable[[str], None] = lambda _: None
    """Called before the first step with what the training needs, for the user."""
    preview: Preview | None = None
    on_preview: OnPreview = lambda _step, _clip: None


OnStep = Callable[[Training, Trained], None]
"""Called after each step. An exception in it ends the training."""


def train_motion(
    model: host.ModelPatcher,
    motion: MotionFile,
    trained_of: Callable[[MotionModel], Trained],
    clips: TrainingClips,
    session: Session,
    on_step: OnStep,
    trains_all: bool = False,
) -> tuple[Training, Trained]:
    """Train a motion model, or a MotionLoRA for it, on clips. MODEL and the file stay as they are.

    trains_all: whether the motion weights themselves are trained. They are in fp32 then.
    Raises MotionError if the clips, MODEL and the motion model do not go together.
    """
    check_fits(model, motion)
    check_frames(clips, motion, session.preview)
    check_captions(clips, model, session.preview)
    dtype = host.training_dtype(model, session.precision)
    with host.training_mode():
        copy = copy_of(model, dtype)
        set_beta_schedule(copy, motion.family.beta_schedule)
        patcher = motion.another_patcher(torch.float32 if trains_all else dtype, disable_dynamic=True)
        host.add_models(copy, host.KEY, [patcher])
        modules: MotionModel = patcher.model
        trained = trained_of(modules)

        def hooks(unet: Any, frames: int) -> ExitStack:
            stack = ExitStack()
            forward = MotionForward((MotionPass(modules, frames, 1.0, masks=(), loras=()),))
            stack.enter_context(host.motion_hooks(unet, forward))
            if modules.norms.unet:
                stack.enter_context(over_clips(host.residual_norms(unet), frames))
            stack.enter_context(trained.hooks())
            return stack

        return run(copy, (modules,), trained, clips, session, hooks, on_step), trained


def train_stills(
    model: host.ModelPatcher,
    trained_of: Callable[[Any], Trained],
    clips: TrainingClips,
    session: Session,
    on_step: OnStep,
) -> tuple[Training, Trained]:
    """Train a part of a UNet on single frames of clips, without motion. MODEL stays as it is.

    Raises MotionError if the clips and MODEL do not go together.
    """
    base_of(model)
    check_captions(clips, model, session.preview)
    with host.training_mode():
        copy = copy_of(model, host.training_dtype(model, session.precision))
        trained = trained_of(host.running_unet(copy.model))

        def hooks(_unet: Any, _frames: int) -> ExitStack:
            stack = ExitStack()
            stack.enter_context(trained.hooks())
            return stack

        return run(copy, (), trained, clips, session, hooks, on_step, stills=True), trained


def run(
    copy: host.ModelPatcher,
    motion: tuple[MotionModel, ...],
    trained: Trained,
    clips: TrainingClips,
    session: Session,
    hooks: Callable[[Any, int], ExitStack],
    on_step: OnStep,
    stills: bool = False,
) -> Training:
    """Train while ComfyUI has loaded the copy of a MODEL.

    hooks: opens all hooks, for clips of a number of frames. They stay open until the last backward pass of a step.
    """
    sampling: Any = copy.get_model_object("model_sampling")
    device, base = host.load_device(copy), copy.model
    done: list[Training] = []

    def body(loaded: host.LoadedModel) -> None:
        unet = host.running_unet(base)
        training = Training(trained.module.to(device), session.training, session.processes)
        if session.state:
            training.load_state(session.state)
        sigmas = sampling.sigmas.to(device).clone()  # those of other nodes are inference tensors
        alphas = 1 / (sigmas.double() ** 2 + 1)

        def loss_of(step: int, index: int) -> Tensor:
            host.stop_if_interrupted()
            generator = generator_for(session.seed, step, index)
            clip = int(torch.randint(len(clips.latents), (), generator=generator))
            frames = base.process_latent_in(clips.latents[clip])
            if stills:
                frames = frames[torch.randint(len(frames), (1,), generator=generator)]

            def denoise(noised: Tensor, timesteps: Tensor) -> Tensor:
                sigma = sigmas[timesteps[0].long()]
                x = noised * (sigma**2 + 1).sqrt()
                return (x - loaded.predict(clip, x, sigma)) / sigma

            return noise_loss(denoise, frames[None].to(device), alphas, generator, session.noise)

        def show_preview() -> None:
            """Between two steps, so that no backward pass needs the hooks of the training."""
            preview, step = session.preview, training.steps_done
            if preview and preview.is_due(step, session.training.steps):
                opened.close()
                with hooks(unet, preview.frames):
                    clip = preview.clip(loaded)
                opened.enter_context(hooks(unet, clips.frames))
                session.on_preview(step, clip)

        def after_step(training: Training) -> None:
            on_step(training, trained)
            show_preview()

        with hooks(unet, clips.frames) as opened, recomputed(session.checkpointing, (unet, *motion)):
            if training.steps_done < session.training.steps:
                show_preview()
            training.run(loss_of, after_step)
        done.append(training)

    plan_memory(copy, motion, trained, clips, session, hooks, stills)
    host.with_loaded(copy, clips.conditions, clips.latents[0], body)
    return done[0]


def plan_memory(
    copy: host.ModelPatcher,
    motion: tuple[MotionModel, ...],
    trained: Trained,
    clips: TrainingClips,
    session: Session,
    hooks: Callable[[Any, int], ExitStack],
    stills: bool,
) -> None:
    """Report the memory that a training needs, and let ComfyUI make room for it."""
    unet = host.running_unet(copy.model)
    frames = clips.latents[0][:1] if stills else clips.latents[0]

    @functools.cache
    def bytes_with(checkpointing: str) -> int:
        calls = host.meta_call(copy, frames.shape, clips.conditions_at_hand)
        with calls as call, hooks(unet, clips.frames), recomputed(checkpointing, (unet, *motion)):
            return training_bytes((unet, *motion), trained.module, session.training, call)

    available = host.available_memory(copy)
    session.report(memory_report(bytes_with, session.checkpointing, available, frames_matter=not stills))
    host.reserve(copy, bytes_with(session.checkpointing))


def check_frames(clips: TrainingClips, motion: MotionFile, preview: Preview | None) -> None:
    if preview and preview.frames > motion.shape.frame_limit:
        raise MotionError(
            "The preview has {frames} frames, and {file} works with {limit} at most: set frames of AnimateDiff "
            "Training Preview to {trained}.",
            frames=preview.frames,
            file=motion.path.name,
            limit=motion.shape.frame_limit,
            trained=motion.family.trained_frames,
        )
    if clips.frames > motion.shape.frame_limit:
        raise MotionError(
            "The clips have {frames} frames, and {file} works with {limit} at most: encode clips of {trained} frames.",
            frames=clips.frames,
            file=motion.path.name,
            limit=motion.shape.frame_limit,
            trained=motion.family.trained_frames,
        )


def base_of(model: host.ModelPatcher) -> str:
    """The base of a MODEL, a key of BASE_LEVELS. Raises MotionError if it is another model."""
    base = next((base for base in BASE_LEVELS if host.is_base(model, base)), None)
    if base is None:
        raise MotionError(
            "A domain adapter is for SD1.5 or SDXL, but this MODEL is {model}: load an SD1.5 or SDXL checkpoint.",
            model=host.base_name(model),
        )
    return base


def check_options(conditions: host.Conditions) -> None:
    options = {name for entry in conditions for name, value in entry[1].items() if value is not None}  # type: ignore
    if "hooks" in options:
        raise MotionError(
            "The conditioning has hooks, which a training cannot use: connect conditioning without hooks."
        )
    if "start_percent" in options:
        raise MotionError(
            "The conditioning is only for a part of the sampling: remove the node that sets its timestep range."
        )


def check_captions(clips: TrainingClips, model: host.ModelPatcher, preview: Preview | None) -> None:
    expected = host.text_width(model)
    captions = [*clips.conditions_at_hand, *((preview.positive, preview.negative) if preview else ())]
    for conditions in captions:
        check_options(conditions)
    widths = {entry[0].shape[-1] for conditions in captions for entry in conditions}  # type: ignore[index]
    if widths != {expected}:
        raise MotionError(
            "The conditioning is of another base model: encode the captions with the CLIP of this MODEL ({model}). "
            "Their tokens have {found} features, and {expected} are expected.",
            model=host.base_name(model),
            found=", ".join(map(str, sorted(widths))),
            expected=expected,
        )


def copy_of(model: host.ModelPatcher, dtype: torch.dtype) -> host.ModelPatcher:
    """A copy of MODEL whose weights are frozen. Raises MotionError if it has motion, or cannot be read again."""
    if motion_configs(model):
        raise MotionError(
            "This MODEL has a motion model already: connect a MODEL from before Apply AnimateDiff Motion Model."
        )
    if host.context_handler(model.model_options):
        raise MotionError(
            "This MODEL has context windows, and a training takes whole clips: connect a MODEL from before the node "
            "that sets them."
        )
    if host.has_bypass_loras(model):
        raise MotionError(
            "This MODEL has a LoRA in bypass mode, which would have no effect in a training: use Load LoRA instead."
        )
    copy = host.trainable_copy(model, dtype)
    if copy is None:
        raise MotionError(
            "This MODEL cannot be trained, because its loader does not let ComfyUI read the file again: use "
            "Load Checkpoint or Load Diffusion Model."
        )
    copy.model.requires_grad_(False)
    return copy
