"""Training in the graph: the stages of the paper."""

from pathlib import Path

import folder_paths
from comfy_api.latest import io
from torch import Tensor

from ..motion_models import host
from ..motion_models.errors import sentence
from ..motion_models.files.loading import MotionFile
from ..motion_models.lora.motion_lora import ChosenLora, open_motion_lora
from ..motion_models.training.checkpointing import CHECKPOINTING
from ..motion_models.training.dataset import training_clips
from ..motion_models.training.engine import TrainingSettings
from ..motion_models.training.job import Job, run_job
from ..motion_models.training.losses import LOSSES, NoiseSettings
from ..motion_models.training.monitoring.preview import Preview
from ..motion_models.training.session import Session, train_motion
from ..motion_models.training.stages import LAYERS, motion_lora
from .common import sockets
from .common.base import AnimateDiffNode
from .common.files import MOTION_LORA
from .common.reports import KEEPS_REPORT, node_id_of, send, with_pictures

CATEGORY = "AnimateDiff XL/training"
GO_ON, START_AGAIN = "auto", "start again"


class TrainMotionLoRA(AnimateDiffNode):
    lists = ("latents", "conditioning")

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ADXL_TrainMotionLoRA",
            display_name="Train AnimateDiff Motion LoRA",
            category=CATEGORY,
            description=(
                "Trains a MotionLoRA on your clips: a small file that adds their camera move or their motion to a "
                "motion model. Stop it at any time, and run it again to go on."
            ),
            search_aliases=["animatediff xl", "animatediff train", "motion director", "train motion lora"],
            is_input_list=True,
            is_output_node=True,
            inputs=[
                io.Model.Input("model", tooltip="The checkpoint, without motion. LoRAs on it stay on while it trains."),
                sockets.MotionModel.Input("motion_model", tooltip="From Load AnimateDiff Motion Model."),
                io.Latent.Input("latents", tooltip="A list of clips, each a batch of frames. All have the same size."),
                io.Conditioning.Input("conditioning", tooltip="The caption of each clip, or one for all."),
                io.String.Input("name", default="my_motion", tooltip="Name of the file. The number of steps is added."),
                io.Int.Input(
                    "steps", default=500, min=1, max=100000, tooltip="300 to 700 for a few clips, 2000 for many."
                ),
                io.Float.Input(
                    "learning_rate",
                    default=1e-4,
                    min=0.0,
                    max=1.0,
                    step=1e-6,
                    round=1e-8,
                    tooltip="1e-4 as the authors, up to 5e-4 for few steps. Too high a rate breaks the picture.",
                ),
                io.Int.Input(
                    "rank",
                    default=64,
                    min=1,
                    max=512,
                    tooltip="Size of the LoRA. 64 as in the authors' files. Small moves need less.",
                ),
                io.Combo.Input(
                    "layers",
                    options=list(LAYERS),
                    tooltip=(
                        "attention: as the authors' files. attention and feed-forward: learns more of a motion. query "
                        "and key: takes over the least of the look."
                    ),
                    advanced=True,
                ),
                io.Combo.Input(
                    "loss",
                    options=list(LOSSES),
                    tooltip="debiased: the look of the clips counts less than their motion. noise: as the authors.",
                    advanced=True,
                ),
                io.Float.Input(
                    "max_noise_weight",
                    default=1.0,
                    min=1.0,
                    max=1000.0,
                    step=1.0,
                    tooltip="Most weight of a noisy timestep. 1: all are alike. More learns large motion faster.",
                    advanced=True,
                ),
                io.Int.Input(
                    "clips_per_step",
                    default=1,
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
                    default=100,
                    min=1,
                    max=100000,
                    tooltip="Steps between two saves. A stop saves too.",
                    advanced=True,
                ),
                io.Combo.Input(
                    "resume",
                    options=[GO_ON, START_AGAIN],
                    tooltip="auto: goes on where an earlier run of this name stopped. start again: replaces its state.",
                    advanced=True,
                ),
                preview_input(),
            ],
            outputs=[
                io.LoraModel.Output(display_name="lora", tooltip="The tensors of the file, for Save LoRA Weights."),
                io.LossMap.Output(display_name="loss_map", tooltip="The loss of each step, for Plot Loss Graph."),
                io.Int.Output(display_name="steps", tooltip="Number of steps that are done."),
                sockets.MotionLoRA.Output(
                    display_name="motion_lora", tooltip="The MotionLoRA, for Apply AnimateDiff Motion Model."
                ),
            ],
            **KEEPS_REPORT,
        )

    @classmethod
    def run(
        cls,
        model: io.Model.Type,
        motion_model: MotionFile,
        latents: list[Tensor],
        conditioning: list[host.Conditions],
        name: str,
        steps: int,
        learning_rate: float,
        rank: int,
        layers: str,
        loss: str,
        max_noise_weight: float,
        clips_per_step: int,
        seed: int,
        checkpointing: str,
        save_every: int,
        resume: str,
        preview: Preview | None = None,
    ) -> io.NodeOutput:
        clips = training_clips(latents, conditioning)
        settings = TrainingSettings(
            steps, learning_rate, warmup_steps=max(1, steps // 10), average_decay=None, clips_per_step=clips_per_step
        )
        noise = NoiseSettings(loss, max_snr_weight=max_noise_weight)
        session = Session(settings, noise, seed, checkpointing, preview=preview)
        job = Job(
            name,
            results=results_folder(MOTION_LORA.folders[0]),
            states=results_folder("adxl_training"),
            save_every=save_every,
            metadata={
                "family": motion_model.family.name,
                "base": motion_model.family.base,
                "rank": str(rank),
                "layers": layers,
                "frames": str(clips.frames),
            },
            resumes=resume == GO_ON,
        )
        outcome = run_job(
            job,
            lambda session, on_step: train_motion(
                model,
                motion_model,
                lambda modules: motion_lora(modules, rank, LAYERS[layers], seed),
                clips,
                session,
                on_step,
            ),
            session,
            clips,
            lambda text: send(node_id_of(cls), text),
        )
        chosen = ChosenLora(open_motion_lora(outcome.path), 1.0)
        report = sentence(
            "{file} is saved: load it with Load AnimateDiff Motion LoRA. Folder: {folder}.",
            file=outcome.path.name,
            folder=outcome.path.parent,
        )
        outputs = (outcome.tensors, {"loss": outcome.losses}, len(outcome.losses), (chosen,))
        return with_pictures(cls, *outputs, report=report, pictures=outcome.pictures)


def preview_input() -> io.Input:
    return sockets.TrainingPreview.Input(
        "preview", optional=True, tooltip="A clip to show again and again. From AnimateDiff Training Preview."
    )


def results_folder(kind: str) -> Path:
    """A folder of results. `__init__.py` lets the load nodes list those of MotionLoRAs and motion models."""
    return Path(folder_paths.get_output_directory(), kind)


NODES = [TrainMotionLoRA]
