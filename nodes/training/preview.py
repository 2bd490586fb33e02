"""A preview of a training: a clip that shows what it has learned so far."""

from typing import Any

from comfy_api.latest import io

from ...motion_models import host
from ...motion_models.training.monitoring.preview import Preview
from ..common import sockets
from ..common.base import AnimateDiffNode
from ..common.reports import SHOWS_ERRORS


class TrainingPreview(AnimateDiffNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ADXL_TrainingPreview",
            display_name="AnimateDiff Training Preview",
            category="AnimateDiff XL/training",
            description=(
                "Samples a clip of the same prompt and seed while a training runs, and shows it on the training node. "
                "It changes nothing in the training."
            ),
            search_aliases=["animatediff xl", "training sample", "sample while training", "validation"],
            inputs=[
                io.Conditioning.Input(
                    "positive", tooltip="What the clip shows. Use a caption like those you train with."
                ),
                io.Conditioning.Input("negative", tooltip="What the clip does not show."),
                io.Vae.Input("vae", tooltip="The VAE of the checkpoint to train with."),
                io.Int.Input(
                    "frames",
                    default=16,
                    min=1,
                    max=1024,
                    tooltip="Frames of the clip. A domain adapter, which has no motion, gives that many stills.",
                ),
                io.Int.Input("width", default=512, min=64, max=4096, step=8, tooltip="Width of the clip in pixels."),
                io.Int.Input("height", default=512, min=64, max=4096, step=8, tooltip="Height of the clip in pixels."),
                io.Int.Input("steps", default=20, min=1, max=1000, tooltip="Steps of the sampler."),
                io.Float.Input(
                    "cfg",
                    default=7.5,
                    min=0.0,
                    max=100.0,
                    step=0.1,
                    round=0.01,
                    tooltip="How closely the clip follows the prompt. At 1 the negative prompt is not used.",
                ),
                io.Combo.Input("sampler_name", options=host.SAMPLERS, default="euler", tooltip="The sampler."),
                io.Combo.Input(
                    "scheduler", options=host.SCHEDULERS, default="normal", tooltip="The noise levels of the steps."
                ),
                io.Int.Input(
                    "seed",
                    default=0,
                    min=0,
                    max=2**53 - 1,
                    control_after_generate=False,  # clips of other seeds could not be compared
                    tooltip="Noise of the clip, the same each time.",
                ),
                io.Int.Input(
                    "every",
                    default=100,
                    min=1,
                    max=100000,
                    tooltip="Training steps between two clips. The first is sampled before the training begins.",
                ),
            ],
            outputs=[
                sockets.TrainingPreview.Output(
                    display_name="preview", tooltip="For the preview input of the training nodes."
                )
            ],
            **SHOWS_ERRORS,
        )

    @classmethod
    def run(
        cls,
        positive: host.Conditions,
        negative: host.Conditions,
        vae: Any,
        frames: int,
        width: int,
        height: int,
        steps: int,
        cfg: float,
        sampler_name: str,
        scheduler: str,
        seed: int,
        every: int,
    ) -> io.NodeOutput:
        sampler = host.SamplerSettings(steps, cfg, sampler_name, scheduler, seed)
        return io.NodeOutput(Preview(positive, negative, vae, frames, width, height, sampler, every))


NODES = [TrainingPreview]
