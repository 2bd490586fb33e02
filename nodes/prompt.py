"""Prompts that change over the frames of a clip."""

from typing import Any

from comfy_api.latest import io

from ..motion_models.prompts.encoding import MIXES
from ..motion_models.prompts.shares import INTERPOLATIONS
from ..motion_models.prompts.travel import travel
from .common.base import AnimateDiffNode
from .common.reports import KEEPS_REPORT, with_report

PROMPTS = "0: a forest in spring\n8: a forest in autumn"


class PromptTravel(AnimateDiffNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ADXL_PromptTravel",
            display_name="AnimateDiff Prompt Travel",
            category="AnimateDiff XL/conditioning",
            description=(
                "Encodes prompts that change over the frames of a clip. Reads prompt schedules of FizzNodes, "
                "AnimateDiff-Evolved and sd-webui-animatediff."
            ),
            search_aliases=[
                "animatediff xl",
                "animatediff",
                "prompt schedule",
                "batch prompt schedule",
                "prompt scheduling",
                "prompt interpolation",
                "fizznodes",
            ],
            inputs=[
                io.Clip.Input("clip", tooltip="The CLIP of the checkpoint. Its LoRAs and hooks are used."),
                io.String.Input(
                    "prompts",
                    default=PROMPTS,
                    multiline=True,
                    tooltip=(
                        "A frame and a prompt in each line: '8: a cat'. The first frame is 0. Also reads "
                        '\'"8": "a cat",\' and \'8 = "a cat",\'.'
                    ),
                ),
                io.Int.Input(
                    "frames",
                    default=16,
                    min=1,
                    max=4096,
                    tooltip="Frames of the clip. Use the number of latents that the sampler gets.",
                ),
                io.Combo.Input(
                    "interpolation",
                    options=list(INTERPOLATIONS),
                    default="linear",
                    tooltip="How one prompt goes over into the next: straight, eased, or in a step.",
                ),
                io.Combo.Input(
                    "mix",
                    options=list(MIXES),
                    default="text",
                    tooltip=(
                        "text: mixes the encoded prompts, as fast as one prompt. predictions: runs the model for both "
                        "prompts and fades from one to the other. Slower and smoother."
                    ),
                ),
                io.Boolean.Input(
                    "closed_loop",
                    default=False,
                    tooltip="After the last prompt the clip goes back to the first, so that it repeats without a jump.",
                ),
                io.String.Input(
                    "before", optional=True, default="", multiline=True, tooltip="Text before every prompt."
                ),
                io.String.Input("after", optional=True, default="", multiline=True, tooltip="Text after every prompt."),
            ],
            outputs=[
                io.Conditioning.Output(
                    tooltip="For the positive or the negative input of a sampler. Follows its frames in windows."
                )
            ],
            **KEEPS_REPORT,
        )

    @classmethod
    def run(
        cls,
        clip: Any,
        prompts: str,
        frames: int,
        interpolation: str,
        mix: str,
        closed_loop: bool,
        before: str = "",
        after: str = "",
    ) -> io.NodeOutput:
        travelling = travel(prompts, frames, interpolation, closed_loop, before, after)
        return with_report(travelling.conditioning(clip, mix), report=travelling.report())


NODES = [PromptTravel]
