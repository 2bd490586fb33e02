"""Inputs and outputs that all training nodes have, and what their values mean."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import folder_paths
from comfy_api.latest import io

from ...motion_models import host
from ...motion_models.training.checkpointing import CHECKPOINTING
from ...motion_models.training.dataset import training_clips
from ...motion_models.training.job import Job, Observer, Outcome, run_job
from ...motion_models.training.losses import LOSSES
from ...motion_models.training.monitoring.preview import Preview
from ...motion_models.training.recipes import GO_ON, RESUME, STATES, LoopValues, Recipe
from ..common import sockets
from ..common.base import AnimateDiffNode
from ..common.reports import node_id_of, send

CATEGORY = "AnimateDiff XL/training"


@dataclass(frozen=True)
class Stage:
    """What the inputs of a stage start with, and where its files go."""

    name: str
    steps: int
    steps_tooltip: str
    loss: str
    """A key of LOSSES."""
    max_noise_weight: float
    clips_per_step: int
    save_every: int
    results: str
    """A folder below the output folder. The load nodes list its files."""


def clip_inputs(stage: Stage, clips: str) -> list[io.Input]:
    """clips: the tooltip of the latents."""
    return [
        io.Latent.Input("latents", tooltip=clips),
        io.Conditioning.Input("conditioning", tooltip="The caption of each clip, or one for all."),
        io.String.Input("name", default=stage.name, tooltip="Name of the file. The number of steps is added."),
        io.Int.Input("steps", default=stage.steps, min=1, max=1000000, tooltip=stage.steps_tooltip),
        io.Float.Input(
            "learning_rate",
            default=1e-4,
            min=0.0,
            max=1.0,
            step=1e-6,
            round=1e-8,
            tooltip="1e-4 as the authors, up to 5e-4 for few steps. Too high a rate breaks the picture.",
        ),
    ]


def loop_inputs(stage: Stage) -> list[io.Input]:
    return [
        io.Combo.Input(
            "loss",
            options=list(LOSSES),
            default=stage.loss,
            tooltip="debiased: the look of the clips counts less than their motion. noise: as the authors.",
            advanced=True,
        ),
        io.Float.Input(
            "max_noise_weight",
            default=stage.max_noise_weight,
            min=1.0,
            max=1000.0,
            step=1.0,
            tooltip="Most weight of a noisy timestep. 1: all are alike, as the authors. More learns more of a motion.",
            advanced=True,
        ),
        io.Int.Input(
            "clips_per_step",
            default=stage.clips_per_step,
            min=1,
            max=256,
            tooltip="Clips of a step, one after another. More is slower and steadier. Memory stays the same.",
            advanced=True,
        ),
        io.Int.Input(
            "seed",
            default=0,
            min=0,
            max=2**53 - 1,
            control_after_generate=False,  # with another seed, a training could not go on
            tooltip="Random numbers of the training.",
        ),
        io.Combo.Input(
            "precision",
            options=list(host.PRECISIONS),
            tooltip="auto: bf16 where the device has it, else fp32. Weights that are trained are always in fp32.",
            advanced=True,
        ),
        io.Combo.Input(
            "checkpointing",
            options=list(CHECKPOINTING),
            tooltip=(
                "on: far less memory, some more time. on, in pieces: least memory. off: fastest, if it fits. "
                "The result is the same."
            ),
            advanced=True,
        ),
        io.Int.Input(
            "save_every",
            default=stage.save_every,
            min=1,
            max=100000,
            tooltip="Steps between two saves. A stop saves too.",
            advanced=True,
        ),
        io.Combo.Input(
            "resume",
            options=list(RESUME),
            tooltip="auto: goes on where an earlier run of this name stopped. start again: replaces its state.",
            advanced=True,
        ),
    ]


def preview_input() -> io.Input:
    return sockets.TrainingPreview.Input(
        "preview", optional=True, tooltip="A clip to show again and again. From AnimateDiff Training Preview."
    )


def outputs(trained: io.Output) -> list[io.Output]:
    """trained: the output that the next node of a graph takes."""
    return [
        io.LoraModel.Output(display_name="lora", tooltip="The tensors of the file, for Save LoRA Weights."),
        io.LossMap.Output(display_name="loss_map", tooltip="The loss of each step, for Plot Loss Graph."),
        io.Int.Output(display_name="steps", tooltip="Number of steps that are done."),
        trained,
    ]


@dataclass(frozen=True)
class SharedValues(LoopValues):
    """The values of the inputs of `clip_inputs`, `loop_inputs` and `preview_input`."""

    latents: list[dict[str, Any]]
    conditioning: list[host.Conditions]
    preview: Preview | None = None


class TrainingNode(AnimateDiffNode):
    lists = ("latents", "conditioning")

    @classmethod
    def train(cls, stage: Stage, shared: SharedValues, recipe: Recipe) -> Outcome:
        """Train with the values of the shared inputs."""
        output = Path(folder_paths.get_output_directory())
        job = Job(
            shared.name,
            output / stage.results,
            output / STATES,
            shared.save_every,
            recipe.metadata,
            recipe.depends_on,
            shared.resume == GO_ON,
        )
        clips = training_clips(shared.latents, shared.conditioning)
        session = dataclasses.replace(shared.session(), preview=shared.preview)
        return run_job(job, recipe.train, session, clips, Observer(lambda text: send(node_id_of(cls), text)))
