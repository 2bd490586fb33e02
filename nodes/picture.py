"""Pictures that become frames of a clip."""

from typing import Any

import torch
from comfy_api.latest import io

from ..motion_models.errors import sentence
from ..motion_models.pictures.encoding import GivenFrames
from ..motion_models.pictures.making import ClipSettings, picture_clip
from ..motion_models.pictures.sampling import with_given_frames
from ..motion_models.sampling.motion_config import motion_configs
from .common.base import AnimateDiffNode
from .common.reports import KEEPS_REPORT, REPORTS_IN_RUNS, reporter, with_report


class PicturesInClip(AnimateDiffNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ADXL_PicturesInClip",
            display_name="AnimateDiff Pictures in Clip",
            category="AnimateDiff XL",
            description=(
                "Brings pictures to life: they become frames of a clip, such as its first and its last. It also "
                "continues a clip and joins two. Connect both outputs to the sampler."
            ),
            search_aliases=[
                "animatediff xl", "animatediff", "image to video", "i2v", "first last frame", "keyframes",
                "continue video", "extend video",
            ],
            inputs=[
                io.Model.Input("model", tooltip="From Apply AnimateDiff Motion Model. SDXL or SD1.5."),
                io.Vae.Input("vae", optional=True, tooltip="The VAE of the checkpoint. It encodes the pictures."),
                io.Image.Input(
                    "pictures",
                    optional=True,
                    tooltip="Become frames of the clip. They are scaled to fill its size, and cropped to their middle.",
                ),
                io.String.Input(
                    "at",
                    optional=True,
                    default="0",
                    tooltip=(
                        "The frame of each picture. The first is 0, the last is -1. '0, -1': first and last. '0-3': "
                        "the first four. spread: all over the clip. One picture may have several frames."
                    ),
                ),
                io.Int.Input(
                    "frames",
                    optional=True,
                    default=16,
                    min=1,
                    max=4096,
                    tooltip="Frames of the clip. Most motion models were trained on 16 and take up to 32 at once.",
                ),
                io.Int.Input(
                    "width",
                    optional=True,
                    default=1024,
                    min=64,
                    max=16384,
                    step=8,
                    tooltip="Width of the clip in pixels. Not used if latent is connected.",
                ),
                io.Int.Input(
                    "height",
                    optional=True,
                    default=1024,
                    min=64,
                    max=16384,
                    step=8,
                    tooltip="Height of the clip in pixels. Not used if latent is connected.",
                ),
                io.Float.Input(
                    "hold",
                    optional=True,
                    default=8.0,
                    min=0.0,
                    max=4096.0,
                    step=0.5,
                    tooltip=(
                        "Frames over which a picture holds the frames beside it. 8 is smooth, and 6 for a picture in "
                        "the middle of 16 frames. 4 gives more motion and a small jump. 12 or more keeps the clip "
                        "almost still. 0: a jump beside the picture."
                    ),
                ),
                io.Latent.Input(
                    "latent",
                    optional=True,
                    tooltip=(
                        "Frames of other clips that become frames of this one, before the pictures. The last frames "
                        "of a clip at '0-3' continue it. Latent From Batch selects them."
                    ),
                ),
                io.Boolean.Input(
                    "closed_loop",
                    optional=True,
                    default=False,
                    tooltip="The last frame is followed by the first. For a loop with AnimateDiff Context Windows.",
                    advanced=True,
                ),
            ],
            outputs=[
                io.Model.Output(tooltip="For the sampler, with the LATENT. The input model is not modified."),
                io.Latent.Output(tooltip="The clip before sampling, with a noise mask. For the sampler."),
            ],
            **KEEPS_REPORT | REPORTS_IN_RUNS,
        )  # fmt: skip

    @classmethod
    def run(
        cls,
        model: io.Model.Type,
        vae: Any = None,
        pictures: torch.Tensor | None = None,
        latent: dict[str, Any] | None = None,
        **settings: Any,
    ) -> io.NodeOutput:
        given = GivenFrames(pictures, latent["samples"] if latent else None)
        clip = picture_clip(given, vae, ClipSettings(**settings))
        report = "\n".join(clip.report if motion_configs(model) else [*clip.report, sentence(NO_MOTION_YET)])
        changed = with_given_frames(model, report, reporter(cls))
        return with_report(changed, {"samples": clip.latents, "noise_mask": clip.noise_mask}, report=report)


NO_MOTION_YET = (
    "This MODEL has no motion model yet, and without one the frames do not hang together: use Apply AnimateDiff Motion "
    "Model."
)

NODES = [PicturesInClip]
