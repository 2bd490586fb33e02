"""Empty latents for a clip."""

from comfy_api.latest import io

from ..motion_models import host
from .common.base import AnimateDiffNode
from .common.reports import SHOWS_ERRORS


class EmptyLatentFrames(AnimateDiffNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ADXL_EmptyLatentFrames",
            display_name="Empty Latent Frames",
            category="AnimateDiff XL/latent",
            description="Makes empty latents for a clip: a batch with one latent for each frame.",
            search_aliases=["animatediff xl", "empty latent video", "batch of frames", "animatediff"],
            inputs=[
                io.Int.Input("width", default=1024, min=64, max=16384, step=8, tooltip="Width of the clip in pixels."),
                io.Int.Input(
                    "height", default=1024, min=64, max=16384, step=8, tooltip="Height of the clip in pixels."
                ),
                io.Int.Input(
                    "frames",
                    default=16,
                    min=1,
                    max=4096,
                    tooltip="Frames of the clip. Most motion models were trained on 16 and take up to 32 at once.",
                ),
            ],
            outputs=[io.Latent.Output(tooltip="Zero latents, one for each frame.")],
            **SHOWS_ERRORS,
        )

    @classmethod
    def run(cls, width: int, height: int, frames: int) -> io.NodeOutput:
        return io.NodeOutput({"samples": host.empty_latents(frames, height, width)})


NODES = [EmptyLatentFrames]
