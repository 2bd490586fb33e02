"""What the command line does: train, or encode videos into shards. ComfyUI is importable by now."""

import logging
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import torch

from ... import host
from ...errors import MotionError, sentence
from ...files.loading import MotionFile, open_motion_file
from ...lora.domain_adapter import apply_domain_adapter
from .. import recipes
from ..dataset import TrainingClips
from ..engine import Processes
from ..job import Job, Observer, run_job
from ..recipes import GO_ON, STATES, Recipe
from .config import AUTO_FAMILY, Config
from .encode import encode_shards
from .processes import joined
from .sources import clips_of
from .stopping import StoppedError, wishes_to_stop

SECONDS_BETWEEN_LINES = 10.0

log = logging.getLogger("training")


def encode(config: Config) -> None:
    with torch.inference_mode():
        _, clip, vae = load_checkpoint(config)
        rank, count = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
        encode_shards(config, clip, vae, rank, count)


def train(config: Config, comfyui: Path) -> None:
    """Train until the last step, or until the training is stopped. comfyui: its output folder is the default."""
    timeout = timedelta(seconds=config.values["timeout"])
    with joined(host.device_kind(), timeout) as processes, torch.inference_mode():
        loop = config.loop()
        processes.clips(loop.clips_per_step)  # raises MotionError before anything is read
        model, clips = model_and_clips(config)
        recipe = RECIPES[config.stage](config, model)
        output = config.resolved(config.values["output"] or str(comfyui / "output"))
        job = Job(
            loop.name,
            output / RESULTS[config.stage],
            output / STATES,
            loop.save_every,
            recipe.metadata,
            recipe.depends_on,
            loop.resume == GO_ON,
        )
        run(job, recipe, clips, config, processes)


def run(job: Job, recipe: Recipe, clips: TrainingClips, config: Config, processes: Processes) -> None:
    session = config.loop().session(processes)
    stop_file = job.states / job.name / "stop"

    def after_step() -> None:
        if processes.agree(is_wished()):
            raise StoppedError

    try:
        with wishes_to_stop(stop_file) as is_wished:
            outcome = run_job(job, recipe.train, session, clips, Observer(log.info, SECONDS_BETWEEN_LINES, after_step))
        log.info(sentence("{file} is saved. Folder: {folder}.", file=outcome.path.name, folder=outcome.path.parent))
    except StoppedError:
        log.info(sentence("{name} is stopped, and its state is saved: the same command goes on.", name=job.name))
        if processes.writes:
            stop_file.unlink(missing_ok=True)


def model_and_clips(config: Config) -> tuple[host.ModelPatcher, TrainingClips]:
    """CLIP and VAE are gone when this returns, because memory is short in a training."""
    model, clip, vae = load_checkpoint(config)
    if config.values.get("domain_adapter"):
        model, report = apply_domain_adapter(model, config.file("domain_adapter"), config.values["alpha"])
        log.info(report)
    return model, clips_of(config, clip, vae)


def load_checkpoint(config: Config) -> tuple:
    """MODEL, CLIP and VAE. Raises MotionError if the file is not a checkpoint, or lacks one of them."""
    path = config.file("checkpoint")
    try:
        loaded = host.load_checkpoint(path)
    except RuntimeError as error:
        raise MotionError(
            "{file} cannot be loaded: use a checkpoint that Load Checkpoint loads. ComfyUI reports: {reason}.",
            file=path.name,
            reason=error,
        ) from error
    if any(part is None for part in loaded):
        raise MotionError("{file} has no UNet, CLIP or VAE: use a checkpoint that has all three.", file=path.name)
    return loaded


def motion_file(config: Config) -> MotionFile:
    family = config.values["family"]
    return open_motion_file(config.file("motion_model"), None if family == AUTO_FAMILY else family)


def motion_lora(config: Config, model: host.ModelPatcher) -> Recipe:
    rank, layers, key_format = (config.values[key] for key in ("rank", "layers", "key_format"))
    return recipes.motion_lora(model, motion_file(config), rank, layers, key_format)


def motion_model(config: Config, model: host.ModelPatcher) -> Recipe:
    return recipes.motion_model(model, motion_file(config), config.values["start"])


def domain_adapter(config: Config, model: host.ModelPatcher) -> Recipe:
    return recipes.domain_adapter(model, config.values["rank"])


RECIPES: dict[str, Callable[[Config, host.ModelPatcher], Recipe]] = {
    "motion_lora": motion_lora,
    "motion_model": motion_model,
    "domain_adapter": domain_adapter,
}
RESULTS = {
    "motion_lora": "animatediff_motion_lora",
    "motion_model": "animatediff_models",
    "domain_adapter": "loras",
}
"""The folder of the trained files, below the output folder. The load nodes list its files."""
