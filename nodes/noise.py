"""The start noise of a clip."""

from comfy_api.latest import io

from ..motion_models.noise.clip_noise import KINDS, PROGRESSIVE, ClipNoiseSettings, set_clip_noise
from .common.base import AnimateDiffNode
from .common.reports import REPORTS_IN_RUNS, reporter


class ClipNoise(AnimateDiffNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ADXL_ClipNoise",
            display_name="AnimateDiff Clip Noise",
            category="AnimateDiff XL",
            description=(
                "Sets how much noise the frames of a clip have in common, or which seed each frame has. The more they "
                "share, the steadier is the clip, with less motion."
            ),
            search_aliases=[
                "animatediff xl",
                "noise type",
                "shared noise",
                "seed per frame",
                "seed travel",
                "auto1111",
            ],
            inputs=[
                io.Model.Input(
                    "model", tooltip="A MODEL with or without motion, before or after Apply AnimateDiff Motion Model."
                ),
                io.Combo.Input(
                    "kind",
                    options=list(KINDS),
                    default=PROGRESSIVE,
                    tooltip=(
                        "shared: all frames have some noise in common. progressive: each frame has some of the one "
                        "before. one seed a frame: seed, seed + 1 and so on, as in web UI. travel: from one seed to "
                        "another. independent: ComfyUI's own."
                    ),
                ),
                io.Float.Input(
                    "share",
                    default=0.5,
                    min=0.0,
                    max=10.0,
                    step=0.01,
                    tooltip=(
                        "Weight of the common noise, next to 1 for a frame's own. 0: ComfyUI's noise. Steadier, with "
                        "less motion; above 0.5 a clip may stand still. For shared and progressive."
                    ),
                ),
                io.Int.Input(
                    "seed_step",
                    default=1,
                    min=1,
                    max=2**31,
                    tooltip=(
                        "Added to the sampler's seed from frame to frame, or over the whole clip for travel. For one "
                        "seed a frame and travel."
                    ),
                    advanced=True,
                ),
            ],
            outputs=[
                io.Model.Output(tooltip="Model with this noise, for any sampler. The input model is not modified.")
            ],
            **REPORTS_IN_RUNS,
        )

    @classmethod
    def run(cls, model: io.Model.Type, kind: str, share: float, seed_step: int) -> io.NodeOutput:
        return io.NodeOutput(set_clip_noise(model, ClipNoiseSettings(kind, share, seed_step, reporter(cls))))


NODES = [ClipNoise]
