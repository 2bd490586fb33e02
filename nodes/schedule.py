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
            description="Lets a strength change over the frames of a clip or over the sampling steps.",
            search_aliases=["animatediff xl", "value schedule", "keyframes", "animatediff"],
            inputs=[
                io.String.Input(
                    "points",
                    optional=True,
                    default=POINTS,
                    multiline=True,
                    tooltip="Positions and values: the value 0 at frame 0, the value 1 at frame 8, and so on.",
                ),
                io.Combo.Input(
                    "interpolation",
                    optional=True,
                    options=list(INTERPOLATIONS),
                    default="linear",
                    tooltip="What lies between two points: a straight line, an eased one, a step, or a smooth curve.",
                ),
                io.Combo.Input(
                    "over",
                    optional=True,
                    options=[FRAMES, STEPS],
                    default=FRAMES,
                    tooltip="What the positions count: frames of the clip, or sampling steps. The first is 0.",
                ),
                io.Int.Input(
                    "length",
                    optional=True,
                    default=16,
                    min=1,
                    max=4096,
                    tooltip="Frames or steps over which a curve is stretched; points and values do not need it.",
                    advanced=True,
                ),
                io.Float.Input(
                    "values",
                    optional=True,
                    force_input=True,
                    tooltip="In place of the points: a number, or a list with one for each frame or step.",
                ),
                sockets.Curve.Input(
                    "curve",
                    optional=True,
                    extra_dict={"forceInput": True},
                    tooltip="In place of the points: a curve from ComfyUI's editor.",
                ),
                sockets.Schedule.Input(
                    "multiply_by", optional=True, tooltip="Another schedule; the two are multiplied."
                ),
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
            raise MotionError(f"interpolation is {interpolation!r:.80}: choose one of {', '.join(INTERPOLATIONS)}.")
        # a dict is what the widget of earlier versions sent, whether a person drew a curve or not
        if curve is not None and not isinstance(curve, dict):
            made = from_curve(curve, length, over)
        elif values is not None:
            made = from_values(values if isinstance(values, list | tuple) else [values], over)
        else:
            made = from_text(points, interpolation, over)
        return io.NodeOutput((*named.get("multiply_by", ()), made))


NODES = [StrengthSchedule]
