"""Strengths that change over time."""

from typing import Any

from comfy_api.latest import io

from ..motion_models.conditioning.curves import (
    FRAMES,
    INTERPOLATIONS,
    STEPS,
    from_curve,
    from_text,
    from_values,
)
from ..motion_models.errors import MotionError
from . import sockets
from .renamed import current_inputs

POINTS = "0: 0, 8: 1, 15: 0"


class StrengthSchedule(io.ComfyNode):
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
                    tooltip="Frames or steps that a connected curve covers.",
                    advanced=True,
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
            accept_all_inputs=True,
        )

    @classmethod
    def execute(
        cls,
        points: str = POINTS,
        over: str = FRAMES,
        length: int = 16,
        values: float | list[float] | None = None,
        curve: Any = None,
        **given: Any,
    ) -> io.NodeOutput:
        named = current_inputs(given, ("interpolation", "multiply_by"))
        interpolation = named.get("interpolation", "linear")
        if interpolation not in INTERPOLATIONS:
            raise MotionError(
                "interpolation is {interpolation}: choose one of {choices}.",
                interpolation=repr(interpolation),
                choices=", ".join(INTERPOLATIONS),
            )
        # earlier versions had a curve widget, which always sent a dict, even if nobody drew a curve
        if curve is not None and not isinstance(curve, dict):
            made = from_curve(curve, length, over)
        elif values is not None:
            made = from_values(values if isinstance(values, list | tuple) else [values], over)
        else:
            made = from_text(points, interpolation, over)
        return io.NodeOutput((*named.get("multiply_by", ()), made))


NODES = [StrengthSchedule]
