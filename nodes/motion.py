"""Loading a motion model and applying it to a MODEL."""

import torch
from comfy_api.latest import io

from ..motion_models.conditioning.curves import StrengthSchedule
from ..motion_models.files.families import RUNNABLE
from ..motion_models.files.loading import MotionFile, open_motion_file
from ..motion_models.lora.motion_lora import ChosenLora
from ..motion_models.predictions.motion_guidance import set_motion_guidance
from ..motion_models.sampling.apply import BETA_SCHEDULE_CHOICES, apply_motion_model
from ..motion_models.sampling.motion_config import GuidanceSettings, MotionSettings, motion_configs
from .common import sockets
from .common.base import AnimateDiffNode
from .common.files import MOTION_MODEL, fingerprint, listed, path_of
from .common.percents import percent_inputs
from .common.reports import KEEPS_REPORT, REPORTS_IN_RUNS, SHOWS_ERRORS, reporter, with_report

AUTO_FAMILY = "auto"


class LoadMotionModel(AnimateDiffNode):
    own_checks = ("motion_model",)

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ADXL_LoadMotionModel",
            display_name="Load AnimateDiff Motion Model",
            category="AnimateDiff XL",
            description="Loads an AnimateDiff motion model, which makes an image model move.",
            search_aliases=["animatediff xl", "animatediff", "motion module", "mm_sdxl_v10_beta"],
            inputs=[
                io.Combo.Input(
                    "motion_model",
                    options=listed(MOTION_MODEL) or [MOTION_MODEL.nothing_found],
                    tooltip="A file of models/animatediff_models: mm_sdxl_v10_beta for SDXL, v3_sd15_mm for SD1.5.",
                ),
                io.Combo.Input(
                    "family",
                    options=[AUTO_FAMILY, *RUNNABLE],
                    default=AUTO_FAMILY,
                    tooltip="AnimateDiff version of the file. auto detects it from the tensors and the file name.",
                    advanced=True,
                ),
            ],
            outputs=[
                sockets.MotionModel.Output(display_name="motion model", tooltip="For Apply AnimateDiff Motion Model.")
            ],
            **KEEPS_REPORT,
        )

    @classmethod
    def validate_inputs(cls, motion_model: str | None = None) -> bool:
        """`run` says more about a missing file than ComfyUI's own check. A linked input arrives as None."""
        return True

    @classmethod
    def fingerprint_inputs(cls, motion_model: str | None = None, **_: object) -> tuple[float, int]:
        return fingerprint(motion_model, MOTION_MODEL)

    @classmethod
    def run(cls, motion_model: str, family: str) -> io.NodeOutput:
        motion = open_motion_file(path_of(motion_model, MOTION_MODEL), None if family == AUTO_FAMILY else family)
        return with_report(motion, report=motion.report())


class ApplyMotionModel(AnimateDiffNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ADXL_ApplyMotionModel",
            display_name="Apply AnimateDiff Motion Model",
            category="AnimateDiff XL",
            description=(
                "Animates a MODEL: the latents of a batch become the frames of a clip. Connect the output to any "
                "sampler. Apply it twice to combine two motion models."
            ),
            search_aliases=["animatediff xl", "animatediff", "use evolved sampling", "animate"],
            inputs=[
                io.Model.Input(
                    "model",
                    tooltip="SDXL or SD1.5, whichever the motion model was made for. LoRAs and patches are fine.",
                ),
                sockets.MotionModel.Input("motion_model", tooltip="From Load AnimateDiff Motion Model."),
                io.Combo.Input(
                    "beta_schedule",
                    options=list(BETA_SCHEDULE_CHOICES),
                    default=BETA_SCHEDULE_CHOICES[0],
                    tooltip=(
                        "How noise grows over the steps. auto: the schedule the motion model was trained with. "
                        "AnimateDiff SDXL: sigma up to 65.93. AnimateDiff SD1.5: up to 25.15."
                    ),
                ),
                io.Float.Input(
                    "strength",
                    default=1.0,
                    min=0.0,
                    max=10.0,
                    step=0.01,
                    tooltip="Scales the motion: 1 is as trained, 0 is off, above 1 is exaggerated.",
                ),
                *percent_inputs(
                    "Where in the sampling the motion model starts: 0 is the first step.",
                    "Where in the sampling the motion model stops: 1 is the last step.",
                ),
                io.Int.Input(
                    "clip_frames",
                    default=0,
                    min=0,
                    max=4096,
                    tooltip="Frames of each clip, if the batch holds several clips. 0: the whole batch is one clip.",
                    advanced=True,
                ),
                sockets.MotionLoRA.Input(
                    "motion_lora",
                    optional=True,
                    tooltip="Camera moves, from Load AnimateDiff Motion LoRA.",
                ),
                sockets.Schedule.Input(
                    "schedule",
                    optional=True,
                    tooltip="Multiplies the strength, per frame or per sampling step. From Strength Schedule.",
                ),
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip="Where the picture moves: white moves, black stays still. One mask, or one for each frame.",
                ),
                io.Float.Input(
                    "negative_strength",
                    optional=True,
                    default=1.0,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip=(
                        "Scales the motion in the negative side of CFG. Below 1 it flickers less, at no cost: try 0.75 "
                        "at cfg 3, 0.9 at cfg 6. Only measured on this pack's small test model."
                    ),
                    advanced=True,
                ),
            ],
            outputs=[io.Model.Output(tooltip="Animated model, for any sampler. The input model is not modified.")],
            **REPORTS_IN_RUNS,
        )

    @classmethod
    def run(
        cls,
        model: io.Model.Type,
        motion_model: MotionFile,
        beta_schedule: str,
        strength: float,
        start_percent: float,
        end_percent: float,
        clip_frames: int,
        motion_lora: tuple[ChosenLora, ...] = (),
        schedule: StrengthSchedule = (),
        mask: torch.Tensor | None = None,
        negative_strength: float = 1.0,
    ) -> io.NodeOutput:
        settings = MotionSettings(
            strength, start_percent, end_percent, clip_frames, schedule, mask, reporter(cls), negative_strength
        )
        animated = apply_motion_model(model, motion_model, settings, beta_schedule, motion_lora)
        return with_report(animated, report=motion_configs(animated)[-1].report)


class MotionGuidance(AnimateDiffNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ADXL_MotionGuidance",
            display_name="AnimateDiff Motion Guidance",
            category="AnimateDiff XL",
            description=(
                "Steers a clip away from weaker motion, so that it flickers less. Works at cfg 1, and takes one more "
                "model call in each step. Above cfg 1, negative_strength does it at no cost."
            ),
            search_aliases=["animatediff xl", "autoguidance", "stg", "flicker"],
            inputs=[
                io.Model.Input("model", tooltip="A MODEL with motion, before or after Apply AnimateDiff Motion Model."),
                io.Float.Input(
                    "scale",
                    default=2.0,
                    min=0.0,
                    max=10.0,
                    step=0.1,
                    tooltip=(
                        "How far the clip is steered. 0 is off. More flickers less, and makes colours stronger. Only "
                        "measured on this pack's small test model."
                    ),
                ),
                io.Float.Input(
                    "strength",
                    default=0.75,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip=(
                        "Motion of the prediction that the clip is steered away from: 1 changes nothing, 0 is without "
                        "motion."
                    ),
                ),
                *percent_inputs(
                    "Where in the sampling the guidance starts: 0 is the first step.",
                    "Where in the sampling the guidance stops: 1 is the last step. Earlier saves time.",
                ),
            ],
            outputs=[io.Model.Output(tooltip="Guided model, for any sampler. The input model is not modified.")],
            **SHOWS_ERRORS,
        )

    @classmethod
    def run(
        cls, model: io.Model.Type, scale: float, strength: float, start_percent: float, end_percent: float
    ) -> io.NodeOutput:
        settings = GuidanceSettings(scale, strength, start_percent, end_percent)
        return io.NodeOutput(set_motion_guidance(model, settings))


NODES = [LoadMotionModel, ApplyMotionModel, MotionGuidance]
