"""Warnings about settings that work but rarely give good motion. They are reported in each sampling run."""

from collections.abc import Mapping

from torch import Tensor

from .. import host
from ..errors import sentence
from ..files.loading import MotionFile
from .motion_config import MotionConfig

MIN_FRAMES = 8
"""With fewer frames, the motion of every family breaks down."""

DISTILLED = ("turbo", "lightning", "lcm", "hyper")
"""Words in the file names of checkpoints that were distilled to few steps."""


def length_warnings(frames: int, motion: MotionFile, trained: int) -> list[str]:
    """Warnings about the number of frames that run together: those of a clip, or of a context window.

    trained: frames that the positions are enough for which the motion model was trained with.
    """
    file = motion.path.name
    if frames == 1:
        return [
            sentence(
                "{file}: one latent is a still picture, so nothing can move. For a clip, give the sampler a"
                " latent batch of {trained} frames (Empty Latent Frames).",
                file=file,
                trained=trained,
            )
        ]
    if frames < MIN_FRAMES:
        return [
            sentence(
                "{file}: {frames} frames are too few to move well; it was trained on {trained}.",
                file=file,
                frames=frames,
                trained=trained,
            )
        ]
    if frames > trained:
        return [
            sentence(
                "{file}: {frames} frames at once may move slowly or break, because it was trained on "
                "{trained}. For a long clip, use AnimateDiff Context Windows of {trained} frames.",
                file=file,
                frames=frames,
                trained=trained,
            )
        ]
    return []


def mask_warnings(mask: Tensor, height: int, width: int) -> list[str]:
    """A warning about a mask (n h w) that is larger than the picture of latents of a size.

    Some packs sample the tiles of a picture one by one, such as Ultimate SD Upscale. Each tile is a run of its own, and
    gets the whole mask.
    """
    picture = host.PIXELS * height, host.PIXELS * width
    if mask.shape[-2] <= picture[0] and mask.shape[-1] <= picture[1]:
        return []
    return [
        sentence(
            "The mask is larger than the picture, and all of it is scaled to the picture: disconnect it if a node "
            "samples tiles one by one. The mask has {mask} pixels, the picture {picture}.",
            mask=f"{mask.shape[-1]}x{mask.shape[-2]}",
            picture=f"{picture[1]}x{picture[0]}",
        )
    ]


def prompt_warnings(sides: Mapping[str, host.Conditions], batch: int, clip: int) -> list[str]:
    """A warning about prompts or their masks for another number of frames. ComfyUI repeats or cuts them.

    sides: conditions by their names. batch: frames of all clips. clip: frames of one.
    """
    tensors = [condition.get(name) for side in sides.values() for condition in side for name in ("cross_attn", "mask")]
    counts = [len(each) for each in tensors if isinstance(each, Tensor) and each.ndim > 2]
    wrong = [count for count in counts if count not in (1, clip, batch)]
    if not wrong:
        return []
    return [
        sentence(
            "A prompt is for {prompt} frames, and the clip has {clip}: set frames of AnimateDiff Prompt Travel to "
            "{clip}.",
            prompt=wrong[0],
            clip=clip,
        )
    ]


def model_warnings(model: host.ModelPatcher, motion: MotionFile) -> list[str]:
    """Warnings about a MODEL that fits the motion model, but differs from the checkpoints that it was trained on."""
    family, checkpoint = motion.family, host.checkpoint_name(model)
    warnings = []
    if not host.is_base(model, family.base):
        warnings.append(
            sentence(
                "This MODEL is {model}: expect worse motion, because {family} was trained on {base} checkpoints.",
                model=host.base_name(model),
                family=family.name,
                base=family.base,
            )
        )
    word = next((word for word in DISTILLED if word in checkpoint.lower()), None)
    if word:
        warnings.append(
            sentence(
                "{checkpoint} is distilled to few steps, by its name ({word}): expect less motion and other"
                " colours, because {family} was trained on plain {base} checkpoints.",
                checkpoint=checkpoint,
                word=word,
                family=family.name,
                base=family.base,
            )
        )
    if host.predicts_velocity(model):
        warnings.append(
            sentence(
                "This MODEL predicts v: expect worse motion, because {family} was trained on checkpoints "
                "that predict noise (eps).",
                family=family.name,
            )
        )
    return warnings


def beta_schedule_warnings(model: host.ModelPatcher, config: MotionConfig) -> list[str]:
    """A warning if a node after Apply AnimateDiff Motion Model has replaced its beta schedule."""
    running = host.largest_sigma(model)
    if config.largest_sigma is None or abs(running - config.largest_sigma) < SIGMA_TOLERANCE * config.largest_sigma:
        return []
    return [
        sentence(
            "Another node replaced the beta schedule of {file}: put that node before Apply AnimateDiff Motion Model, "
            "or set beta_schedule to 'keep the model's'. Sigmas reach {running} instead of {expected}.",
            file=config.file.path.name,
            running=f"{running:.2f}",
            expected=f"{config.largest_sigma:.2f}",
        )
    ]


def step_warnings(sigmas: Tensor, config: MotionConfig) -> list[str]:
    """A warning about few steps with a beta schedule that begins at much more noise than that of SDXL.

    Models that are distilled to few steps know only the noise levels of their own schedule. A run that begins in the
    middle, such as a second pass, is not warned about.
    """
    steps, first = len(sigmas) - 1, config.largest_sigma
    if first is None or first < NOISY_SIGMA or not 0 < steps <= FEW_STEPS or float(sigmas[0]) < first / 2:
        return []
    return [
        sentence(
            "These are few steps for this beta schedule ({steps}): use 20 or more. With a model or LoRA that is "
            "distilled to few steps, set beta_schedule to 'keep the model's'.",
            steps=steps,
        )
    ]


SIGMA_TOLERANCE = 1e-3
FEW_STEPS = 8
NOISY_SIGMA = 40.0
"""Between the largest sigmas of the schedules of SD1.5, 25.15, and of SDXL beta, 65.93."""
