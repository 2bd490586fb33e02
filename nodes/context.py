"""Context windows for long clips and loops, and a picture of them."""

from typing import Any

from comfy_api.latest import io, ui

from ..motion_models.context.handler import ContextHandler, add_context, handler_of
from ..motion_models.context.picture import describe, draw
from ..motion_models.context.reference import Reference, add_reference
from ..motion_models.context.windows import FUSE_METHODS, WINDOW_SCHEDULES, ContextSettings
from .common.base import AnimateDiffNode
from .common.renamed import current_choice, current_inputs
from .common.reports import KEEPS_REPORT, REPORTS_IN_RUNS, reporter

CATEGORY = "AnimateDiff XL/context"

IN_MOTION_MODULES = "motion modules"
WINDOWS_IN = ["whole model", IN_MOTION_MODULES]


def window_inputs() -> list[io.Input]:
    """The inputs that both nodes share.

    All are optional: older graphs have other names for them. So are the other widgets of these nodes, because the page
    lists required widgets first and saves values by position.
    """
    return [
        io.Int.Input(
            "context_length",
            optional=True,
            default=16,
            min=2,
            max=1024,
            tooltip="Frames of a window. Use the length the motion model was trained on: 16 for most.",
        ),
        io.Int.Input(
            "context_overlap",
            optional=True,
            default=4,
            min=0,
            max=1023,
            tooltip="Frames that neighbouring windows share. More is smoother and slower. A quarter is usual.",
        ),
        io.Int.Input(
            "context_stride",
            optional=True,
            default=1,
            min=1,
            max=8,
            tooltip=(
                "Number of window dilations. 1: consecutive frames. 2: also every second frame. 3: also every fourth "
                "frame. More is slower and more consistent. For standard_uniform and looped_uniform."
            ),
            advanced=True,
        ),
        io.Combo.Input(
            "context_schedule",
            optional=True,
            options=list(WINDOW_SCHEDULES),
            default="standard_static",
            tooltip=(
                "standard_static: the same windows in every step. standard_uniform: the seams move from step to step. "
                "looped_uniform: windows also cross the end of the clip. batched: no overlap, visible seams."
            ),
        ),
        io.Combo.Input(
            "fuse_method",
            optional=True,
            options=list(FUSE_METHODS),
            default="pyramid",
            tooltip=(
                "Weight of each window in a shared frame. pyramid: highest in the middle of a window. overlap-linear: "
                "a cross-fade over the overlap. relative: almost zero at the ends. flat: the mean."
            ),
        ),
        io.Boolean.Input(
            "closed_loop",
            optional=True,
            default=False,
            tooltip="Connects the last frame to the first, so that the clip repeats without a jump.",
        ),
    ]


FIELDS = {
    "context_length": "length",
    "context_overlap": "overlap",
    "context_stride": "stride",
    "context_schedule": "schedule",
    "fuse_method": "fuse",
    "closed_loop": "closed_loop",
}
"""Fields of ContextSettings by the names of the inputs."""


def window_settings(windows: dict[str, Any]) -> ContextSettings:
    """The settings for the values of `window_inputs`."""
    return ContextSettings(**{FIELDS[name]: value for name, value in windows.items()})


def reference_of(frame: int, weight: float) -> Reference | None:
    return Reference(frame, weight) if weight else None


class ChoosesWindows(AnimateDiffNode):
    @classmethod
    def validate_inputs(cls, context_schedule: str | None = None, fuse_method: str | None = None) -> bool:
        """ComfyUI's own check would refuse the choices of older graphs. A linked input arrives as None."""
        return True

    @classmethod
    def renamed(cls, values: dict[str, Any]) -> dict[str, Any]:
        current = current_inputs(values, [field.id for field in cls.define_schema().inputs])
        return {
            name: current_choice(value) if name in ("context_schedule", "fuse_method") else value
            for name, value in current.items()
        }


class ContextWindows(ChoosesWindows):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ADXL_ContextWindows",
            display_name="AnimateDiff Context Windows",
            category=CATEGORY,
            description=(
                "Makes clips of any length, and loops. Frames run in overlapping windows. Prompts, masks, ControlNet "
                "images and strength schedules follow their frames."
            ),
            search_aliases=[
                "animatediff xl",
                "context options",
                "sliding context",
                "long video",
                "loop",
                "looped uniform",
                "freenoise",
                "consistent colours",
                "reference frame",
                "same look",
            ],
            inputs=[
                io.Model.Input(
                    "model", tooltip="A MODEL with or without motion, before or after Apply AnimateDiff Motion Model."
                ),
                *window_inputs(),
                io.Boolean.Input(
                    "freenoise",
                    optional=True,
                    default=False,
                    tooltip=(
                        "FreeNoise: reuses the noise of one window, shuffled, for the whole clip. More consistent, "
                        "less motion. Works with loops."
                    ),
                ),
                io.Int.Input(
                    "windows_per_batch",
                    optional=True,
                    default=0,
                    min=0,
                    max=64,
                    tooltip="Windows in one call of the model. 0: as many as memory allows. 1 needs the least memory.",
                    advanced=True,
                ),
                io.Float.Input(
                    "reference_weight",
                    optional=True,
                    default=0.0,
                    min=0.0,
                    max=1.0,
                    step=0.05,
                    round=0.01,
                    tooltip=(
                        "Makes all windows look like the reference frame, in colours and in what self-attention reads. "
                        "0: off. Begin with 0.5. It also weakens changes of colour that you want."
                    ),
                    advanced=True,
                ),
                io.Int.Input(
                    "reference_frame",
                    optional=True,
                    default=0,
                    min=0,
                    max=4095,
                    tooltip=(
                        "The frame that reference_weight is for, from 0 to one less than the frames of the clip. "
                        "Of each clip, if the batch has several."
                    ),
                    advanced=True,
                ),
                io.Combo.Input(
                    "windows_in",
                    optional=True,
                    options=WINDOWS_IN,
                    default=WINDOWS_IN[0],
                    tooltip=(
                        "whole model: the model sees the frames of a window. motion modules: the model computes each "
                        "frame once, and only the motion runs in windows. It needs the memory of the whole clip."
                    ),
                    advanced=True,
                ),
            ],
            outputs=[io.Model.Output(tooltip="Model with windows, for any sampler. The input model is not modified.")],
            **REPORTS_IN_RUNS,
            accept_all_inputs=True,
        )

    @classmethod
    def run(
        cls,
        model: io.Model.Type,
        freenoise: bool,
        windows_per_batch: int,
        reference_weight: float,
        reference_frame: int,
        windows_in: str,
        **windows: Any,
    ) -> io.NodeOutput:
        reference = reference_of(reference_frame, reference_weight)
        handler = ContextHandler(
            window_settings(windows),
            windows_per_batch,
            freenoise,
            reporter(cls),
            in_motion_modules=windows_in == IN_MOTION_MODULES,
            reference=reference,
        )
        changed = add_context(model, handler)
        return io.NodeOutput(add_reference(changed, reference) if reference else changed)


class WindowPlan(ChoosesWindows):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ADXL_WindowPlan",
            display_name="AnimateDiff Window Plan",
            category=CATEGORY,
            description="Draws which frames run together with context windows, and shows what it costs.",
            search_aliases=["animatediff xl", "context visualizer", "context windows"],
            inputs=[
                io.Int.Input("frames", optional=True, default=48, min=1, max=4096, tooltip="Frames of the clip."),
                *window_inputs(),
                io.Int.Input("steps", optional=True, default=20, min=1, max=1000, tooltip="Steps of the sampler."),
                io.Model.Input(
                    "model",
                    optional=True,
                    tooltip=(
                        "From AnimateDiff Context Windows. Its settings are then drawn, and those of this node are not "
                        "used, except frames and steps."
                    ),
                ),
            ],
            outputs=[
                io.Image.Output(
                    display_name="plan",
                    tooltip="Frames run from left to right, windows from top to bottom. Brighter is a higher weight.",
                ),
                io.String.Output(
                    display_name="cost", tooltip="Number of windows and of frame evaluations, as a sentence."
                ),
            ],
            is_output_node=True,
            **KEEPS_REPORT,
            accept_all_inputs=True,
        )

    @classmethod
    def run(cls, frames: int, steps: int, model: io.Model.Type | None = None, **windows: Any) -> io.NodeOutput:
        handler = ContextHandler(window_settings(windows)) if model is None else handler_of(model)
        cost = describe(handler.settings, frames, steps, in_motion_modules=handler.in_motion_modules)
        picture = draw(handler.settings, frames, steps, cost)
        preview = ui.PreviewImage(picture, cls=cls).as_dict()
        return io.NodeOutput(picture, cost, ui=preview | ui.PreviewText(cost).as_dict())


NODES = [ContextWindows, WindowPlan]
