"""What a MODEL remembers of the motion models applied to it."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from .. import host
from ..conditioning.curves import StrengthSchedule
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
    """What the user chose for one applied motion model."""

    strength: float
    """Share of the motion modules' change that is added: 0 leaves the frames alone, 1 is the trained motion."""
    start_percent: float
    end_percent: float
    """The part of the denoising it takes part in; 0 is the noisiest step, 1 the end."""
    clip_frames: int
    """Frames of one clip where a batch holds several; 0 if the whole batch is one clip."""
    strength_schedule: StrengthSchedule = ()
    """Curves over time that the strength is multiplied with."""
    mask: Tensor | None = None
    """Strength over the picture, (n h w) in 0..1, n being 1 or the frames of a clip."""
    on_report: Callable[[str, list[str]], None] = log_warnings
    """Takes a report of what was applied, and the warnings about it; the warnings again in each run."""


@dataclass(frozen=True)
class MotionConfig:
    """One applied motion model as it is written down in a MODEL."""

    file: MotionFile
    settings: MotionSettings
    scheduled: tuple[ChosenLora, ...]
    """The MotionLoRAs whose strength changes over time; the others are patches of the weights."""
    report: str


@dataclass(frozen=True)
class LoadedMotion:
    """A motion model as it stands in a MODEL that runs: the choice, and the weights that the host has loaded."""

    config: MotionConfig
    motion: MotionModel
    low_ranks: tuple[LowRank, ...]
    """One for each of `config.scheduled`."""


def motion_configs(model: host.ModelPatcher) -> tuple[MotionConfig, ...]:
    return model.get_attachment(host.KEY) or ()


def loaded_motions(model: host.ModelPatcher) -> list[LoadedMotion]:
    """The motion models of a MODEL in the order they were applied."""
    low_ranks = iter(host.added_models(model, host.LORA_KEY))
    return [
        LoadedMotion(config, patcher.model, tuple(next(low_ranks).model for _ in config.scheduled))
        for config, patcher in zip(motion_configs(model), host.added_models(model, host.KEY), strict=True)
    ]
