"""Strengths that change over time."""

from typing import Any

from comfy_api.latest import io

from ..motion_models.conditioning.curves import (
    FRAMES,
    INTERPOLATIONS,
    STEPS,
    Curve,
    from_curve,
    from_text,
    from_values,
)
from .common import sockets
from .common.base import AnimateDiffNode
from .common.renamed import current_inputs
from .common.reports import SHOWS_ERRORS

POINTS = "0: 0, 8: 1, 15: 0"


class StrengthSchedule(AnimateDiffNode):
    own_checks = ("values",)

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ADXL_StrengthSchedule",
            display_name="AnimateDiff Strength Schedule",
            category="AnimateDiff XL",
            description="Changes a strength over the frames of a clip or over the sampling steps.",
            search_aliases=["animatediff xl", "value schedule", "keyframes", "animatediff"],
            inputs=[
                io.String.Input(
                    "points",
                    optional=True,
                    default=POINTS,
                    multiline=True,
                    tooltip="Positions and values. '0: 0, 8: 1' is the value 0 at frame 0 and the value 1 at frame 8.",
                ),
                io.Combo.Input(
                    "interpolation",
                    optional=True,
                    options=list(INTERPOLATIONS),
                    default="linear",
                    tooltip="How the value changes between two points: straight, eased, in a step, or smooth.",
                ),
                io.Combo.Input(
                    "over",
                    optional=True,
                    options=[FRAMES, STEPS],
                    default=FRAMES,
                    tooltip="Count positions in frames of the clip or in sampling steps. The first is 0.",
                ),
                io.Int.Input(
                    "length",
                    optional=True,
                    default=16,
                    min=1,
                    max=4096,
                    tooltip="Frames or steps that a connected curve covers. The timeline shows at least as many.",
                ),
                io.Float.Input(
                    "values",
                    optional=True,
                    force_input=True,
                    tooltip="Replaces the points with a number, or with a list of one number for each frame or step.",
                ),
                sockets.Curve.Input(
                    "curve",
                    optional=True,
                    extra_dict={"forceInput": True},
                    tooltip="Replaces the points with a curve from ComfyUI's Curve Editor.",
                ),
                sockets.Schedule.Input("multiply_by", optional=True, tooltip="Another schedule to multiply with."),
            ],
            outputs=[sockets.Schedule.Output(display_name="schedule", tooltip="For the schedule of a strength.")],
            **SHOWS_ERRORS,
            accept_all_inputs=True,
        )

    @classmethod
    def renamed(cls, values: dict[str, Any]) -> dict[str, Any]:
        return current_inputs(values, [field.id for field in cls.define_schema().inputs])

    @classmethod
    def run(
        cls,
        points: str,
        interpolation: str,
        over: str,
        length: int,
        values: Any = None,
        curve: Any = None,
        multiply_by: tuple[Curve, ...] = (),
    ) -> io.NodeOutput:
        # earlier versions had a curve widget, which always sent a dict, even if nobody drew a curve
        if curve is not None and not isinstance(curve, dict):
            strength = from_curve(curve, length, over)
        elif values is not None:
            strength = from_values(values, over)
        else:
            strength = from_text(points, interpolation, over)
        return io.NodeOutput((*multiply_by, strength))


NODES = [StrengthSchedule]
