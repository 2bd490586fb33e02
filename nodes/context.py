"""Context windows: for clips longer than a motion model takes at once, and to look at before anything is sampled."""

from comfy_api.latest import io

from ..motion_models.context.handler import ContextHandler, add_context
from ..motion_models.context.picture import describe, draw
from ..motion_models.context.windows import FUSES, SCHEDULES, ContextSettings
from .text import show_text

CATEGORY = "AnimateDiff XL/context"


def window_inputs() -> list[io.Input]:
    """What both nodes ask about the windows."""
    return [
        io.Int.Input(
            "length",
            default=16,
            min=2,
            max=1024,
            tooltip="Frames that run together: as many as the motion model was trained on, 16 for most.",
        ),
        io.Int.Input(
            "overlap",
            default=4,
            min=0,
            max=1023,
            tooltip="Frames that neighbouring windows share. More is smoother and slower; a quarter is usual.",
        ),
        io.Int.Input(
            "stride",
            default=1,
            min=1,
            max=8,
            tooltip=(
                "Kinds of windows in each step. 1: neighbouring frames. 2: also windows of every second frame, which "
                "hold distant parts together. 3: every fourth as well. For the schedules uniform and looped."
            ),
            advanced=True,
        ),
        io.Combo.Input(
            "schedule",
            options=list(SCHEDULES),
            default="static",
            tooltip=(
                "static: the same windows in every step. uniform: the seams move from step to step. looped: the "
                "windows turn around the clip, across its end. batched: side by side, without overlap."
            ),
        ),
        io.Combo.Input(
            "fuse",
            options=list(FUSES),
            default="pyramid",
            tooltip=(
                "How windows that share a frame are mixed. pyramid: most from the middle of a window. linear: faded "
                "over the overlap. relative: almost nothing from the ends. flat: the plain mean."
            ),
        ),
        io.Boolean.Input(
            "closed_loop",
            default=False,
            tooltip="The last frame goes over into the first, so that the clip can be repeated without a jump.",
        ),
    ]


class ContextWindows(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ADXL_ContextWindows",
            display_name="Context Windows",
            category=CATEGORY,
            description=(
                "Makes clips of any length, or loops: the frames are run in windows that overlap. Everything that has "
                "one entry a frame follows: prompts, masks, ControlNet pictures, strength schedules."
            ),
            search_aliases=["context options", "sliding context", "long video", "loop", "looped uniform", "freenoise"],
            inputs=[
                io.Model.Input("model", tooltip="A MODEL with or without motion, before or after Apply Motion Model."),
                *window_inputs(),
                io.Boolean.Input(
                    "freenoise",
                    default=False,
                    tooltip=(
                        "All windows start from the same noise in another order, so that a long clip keeps its look; "
                        "with less change over time. Made for loops too."
                    ),
                ),
                io.Int.Input(
                    "windows_per_batch",
                    default=0,
                    min=0,
                    max=64,
                    tooltip="Windows in one call of the model. 0: as many as memory allows. 1 needs the least.",
                    advanced=True,
                ),
            ],
            outputs=[io.Model.Output(tooltip="The MODEL with windows, for a sampler. The one put in stays as it was.")],
        )

    @classmethod
    def execute(
        cls,
        model: io.Model.Type,
        length: int,
        overlap: int,
        stride: int,
        schedule: str,
        fuse: str,
        closed_loop: bool,
        freenoise: bool,
        windows_per_batch: int,
    ) -> io.NodeOutput:
        settings = ContextSettings(length, overlap, stride, schedule, fuse, closed_loop)
        return io.NodeOutput(add_context(model, ContextHandler(settings, windows_per_batch, freenoise)))


class WindowPlan(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ADXL_WindowPlan",
            display_name="Window Plan",
            category=CATEGORY,
            description="Draws which frames run together with these context windows, and says what it costs.",
            search_aliases=["context visualizer", "context windows"],
            inputs=[
                io.Int.Input("frames", default=48, min=1, max=4096, tooltip="Frames of the clip."),
                *window_inputs(),
                io.Int.Input("steps", default=20, min=1, max=1000, tooltip="Steps of the sampler."),
            ],
            outputs=[
                io.Image.Output(
                    display_name="plan",
                    tooltip="Frames from left to right, windows from top to bottom; the brighter, the more it counts.",
                ),
                io.String.Output(display_name="cost", tooltip="Windows and frame evaluations, in a sentence."),
            ],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def execute(
        cls,
        frames: int,
        length: int,
        overlap: int,
        stride: int,
        schedule: str,
        fuse: str,
        closed_loop: bool,
        steps: int,
    ) -> io.NodeOutput:
        settings = ContextSettings(length, overlap, stride, schedule, fuse, closed_loop)
        cost = describe(settings, frames, steps)
        show_text(cls, cost)
        return io.NodeOutput(draw(settings, frames, steps), cost)


NODES = [ContextWindows, WindowPlan]
