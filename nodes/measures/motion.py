"""What clips show: camera, objects, flicker and loops, in numbers and as a picture."""

import torch
from comfy_api.latest import io, ui

from ...motion_models.measures.comparison import MeasureSettings, measure_clips, names_of
from ...motion_models.measures.figures import camera_direction, camera_speed, object_direction, object_speed, roll, zoom
from ...motion_models.measures.picture.page import draw
from ...motion_models.measures.report import report, table
from ..common.base import AnimateDiffNode
from ..common.reports import KEEPS_REPORT


class MeasureMotion(AnimateDiffNode):
    lists = ("images", "labels")

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ADXL_MeasureMotion",
            display_name="AnimateDiff Measure Motion",
            category="AnimateDiff XL/measure",
            description=(
                "Measures how camera and objects move in a clip, how much it flickers, and whether a loop has a seam. "
                "It compares several clips in one table and one picture. It needs OpenCV."
            ),
            search_aliases=[
                "animatediff xl", "optical flow", "compare clips", "compare seeds", "motion strength", "flicker",
                "camera motion", "loop seam", "warp error",
            ],
            inputs=[
                io.Image.Input(
                    "images",
                    tooltip=(
                        "The frames of a clip. To compare clips, connect a list of them, such as from Create List, or "
                        "a batch with several clips. They must have one size."
                    ),
                ),
                io.Image.Input(
                    "reference",
                    optional=True,
                    tooltip="A clip that all others are compared with, such as one without the setting that you test.",
                ),
                io.Float.Input(
                    "fps",
                    optional=True,
                    default=8.0,
                    min=0.1,
                    max=240.0,
                    step=0.01,
                    tooltip="Frames a second. Speeds are given for a second.",
                ),
                io.Boolean.Input(
                    "closed_loop",
                    optional=True,
                    default=False,
                    tooltip=(
                        "Also measures the step from the last frame to the first. All figures then include it: leave "
                        "it off for clips that do not repeat."
                    ),
                ),
                io.Int.Input(
                    "clip_frames",
                    optional=True,
                    default=0,
                    min=0,
                    max=4096,
                    tooltip="Frames of each clip, if a batch has several. 0: a batch is one clip.",
                ),
                io.String.Input(
                    "labels",
                    optional=True,
                    default="",
                    multiline=True,
                    tooltip="Names of the clips in the table and the picture, one in each line, or a list of texts.",
                ),
            ],
            outputs=[
                io.String.Output(display_name="report", tooltip="What was measured, and a table in Markdown."),
                io.Image.Output(
                    display_name="picture", tooltip="Frames, optical flow, figures, and curves over the frames."
                ),
                *(
                    io.Float.Output(display_name=name, is_output_list=True, tooltip=tooltip)
                    for name, _, tooltip in FLOATS
                ),
            ],
            is_input_list=True,
            is_output_node=True,
            **KEEPS_REPORT,
        )  # fmt: skip

    @classmethod
    def run(
        cls,
        images: list[torch.Tensor],
        labels: list[str],
        fps: float,
        closed_loop: bool,
        clip_frames: int,
        reference: torch.Tensor | None = None,
    ) -> io.NodeOutput:
        settings = MeasureSettings(fps, closed_loop, clip_frames)
        comparison = measure_clips(images, reference, names_of(labels), settings)
        lines, picture = "\n".join(report(comparison)), draw(comparison)
        floats = [[value(clip.measures) for clip in comparison.clips] for _, value, _ in FLOATS]
        preview = ui.PreviewImage(picture, cls=cls).as_dict()
        outputs = (f"{lines}\n\n{table(comparison)}", picture, *floats)
        return io.NodeOutput(*outputs, ui=preview | ui.PreviewText(lines).as_dict())


FLOATS = (
    ("camera speed", camera_speed, "Mean speed of the camera in pixels a second. One number for each clip."),
    (
        "camera direction",
        camera_direction,
        "Where the camera goes, in degrees from -180 to 180: 0 is to the right, 90 up. The picture goes the other way.",
    ),
    ("zoom", zoom, "Percent a second by which things grow. Above 0 the camera zooms in."),
    ("roll", roll, "Degrees a second by which the camera rolls clockwise. Below 0: anticlockwise."),
    (
        "object speed",
        object_speed,
        "Mean speed of objects in pixels a second. The motion of the camera does not count.",
    ),
    ("object direction", object_direction, "Where objects go, in degrees from -180 to 180: 0 is to the right, 90 up."),
    (
        "warp error",
        lambda clip: clip.warp_error,
        "Mean squared difference of each frame from the next, moved back along the flow: flicker without motion.",
    ),
    (
        "flicker",
        lambda clip: clip.flicker,
        "Share by which the brightness goes up and down from frame to frame. 0.1: by 10 percent.",
    ),
    (
        "seam",
        lambda clip: clip.seam,
        "Change from the last frame to the first, relative to the usual one. Near 1 a loop has no visible seam.",
    ),
    (
        "valid",
        lambda clip: clip.valid,
        "Share of pixels that can be followed to the next frame. Low: do not trust the rest.",
    ),
)
"""Names, values and tooltips of the outputs that are numbers."""

NODES = [MeasureMotion]
