"""Guidance that changes over time."""

from comfy_api.latest import io

from ..motion_models.conditioning.curves import StrengthSchedule
from ..motion_models.predictions.guidance_schedule import add_guidance_schedule
from .common import sockets
from .common.base import AnimateDiffNode
from .common.reports import REPORTS_IN_RUNS, reporter


class GuidanceSchedule(AnimateDiffNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ADXL_GuidanceSchedule",
            display_name="AnimateDiff Guidance Schedule",
            category="AnimateDiff XL",
            description=(
                "Multiplies the sampler's cfg by a schedule, frame by frame or step by step. Works with any sampler "
                "and guider, and with context windows."
            ),
            search_aliases=["animatediff xl", "animatediff", "cfg schedule", "cfg scale over time", "custom cfg"],
            inputs=[
                io.Model.Input("model", tooltip="A MODEL with or without motion."),
                sockets.Schedule.Input(
                    "schedule",
                    tooltip=(
                        "From Strength Schedule. Its values multiply the sampler's cfg: 1 keeps it, and 0 leaves only "
                        "the negative prompt. At cfg 1 nothing changes."
                    ),
                ),
            ],
            outputs=[
                io.Model.Output(tooltip="Model with scheduled cfg, for any sampler. The input model is not modified.")
            ],
            **REPORTS_IN_RUNS,
        )

    @classmethod
    def run(cls, model: io.Model.Type, schedule: StrengthSchedule) -> io.NodeOutput:
        return io.NodeOutput(add_guidance_schedule(model, schedule, reporter(cls)))


NODES = [GuidanceSchedule]
