"""The motion models of a MODEL, and their settings."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from .. import host
from ..conditioning.curves import StrengthSchedule
from ..errors import MotionError
from ..files.loading import MotionFile
from ..lora.motion_lora import ChosenLora
from ..network.low_rank import LowRank
from ..network.motion_module import MotionModel

log = logging.getLogger(__name__)


def log_warnings(_report: str, warnings: list[str]) -> None:
    for warning in warnings:
        log.warning(warning)


@dataclass(frozen=True)
class MotionSettings:
    """The user's settings for one applied motion model."""

    strength: float
    """Factor of the output of the motion modules: 0 removes all motion, 1 is the trained motion."""
    start_percent: float
    """First point of the denoising with motion. 0 is the noisiest step, 1 the end."""
    end_percent: float
    """Last point of the denoising with motion."""
    clip_frames: int
    """Frames of one clip, if a batch has several clips. 0: the whole batch is one clip."""
    strength_schedule: StrengthSchedule = ()
    """Curves that the strength is multiplied by."""
    mask: Tensor | None = None
    """Factor of the strength at each pixel, (n h w) in 0..1. n is 1 or the frames of a clip."""
    on_report: Callable[[str, list[str]], None] = log_warnings
    """Called with a report and its warnings in each sampling run, and with the message of an error."""
    negative_strength: float = 1.0
    """Factor of the strength in the negative side of CFG. Below 1, CFG also steers towards more coherent motion.

    The result is negative + cfg * (positive - negative), so what the negative side lacks is added with the weight
    cfg - 1. A weaker version of the same model as the negative side is the idea of Karras et al., "Guiding a Diffusion
    Model with a Bad Version of Itself", arXiv 2406.02507.
    """


@dataclass(frozen=True)
class GuidanceSettings:
    """The user's settings for motion guidance, see `motion_guidance`."""

    scale: float
    """How far the clip is steered. 0: not at all."""
    strength: float
    """Factor of the motion's strength in the prediction that the clip is steered away from."""
    start_percent: float
    """First point of the denoising with guidance, as in MotionSettings."""
    end_percent: float
    """Last point of the denoising with guidance."""


def check_span(settings: MotionSettings | GuidanceSettings) -> None:
    """Raises MotionError if a part of the sampling ends before it starts."""
    if settings.start_percent >= settings.end_percent:
        raise MotionError(
            "start_percent is {start}, but end_percent is {end}: set end_percent to more than start_percent.",
            start=settings.start_percent,
            end=settings.end_percent,
        )


@dataclass(frozen=True)
class MotionConfig:
    """One applied motion model, as stored in the attachments of a MODEL."""

    file: MotionFile
    settings: MotionSettings
    scheduled: tuple[ChosenLora, ...]
    """The MotionLoRAs with a strength schedule. All others are patches of the weights."""
    report: str
    largest_sigma: float | None = None
    """The sigma at which its beta schedule begins. None if the MODEL keeps its own."""


@dataclass(frozen=True)
class LoadedMotion:
    """An applied motion model with the modules that ComfyUI has loaded."""

    config: MotionConfig
    motion: MotionModel
    low_ranks: tuple[LowRank, ...]
    """One for each of `config.scheduled`."""


def motion_configs(model: host.ModelPatcher) -> tuple[MotionConfig, ...]:
    return model.get_attachment(host.KEY) or ()


def clip_frames(model: host.ModelPatcher) -> int:
    """Frames of each clip in a batch. 0: the batch is one clip. `check_windows` makes sure that motion models agree."""
    return next((config.settings.clip_frames for config in motion_configs(model)), 0)


def loaded_motions(model: host.ModelPatcher) -> list[LoadedMotion]:
    """The motion models of a MODEL in the order they were applied."""
    low_ranks = iter(host.added_models(model, host.LORA_KEY))
    return [
        LoadedMotion(config, patcher.model, tuple(next(low_ranks).model for _ in config.scheduled))
        for config, patcher in zip(motion_configs(model), host.added_models(model, host.KEY), strict=True)
    ]
