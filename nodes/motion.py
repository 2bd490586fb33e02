"""Loading a motion model and applying it to a MODEL."""

from pathlib import Path

import folder_paths
from comfy_api.latest import io

from ..motion_models.families import RUNNABLE
from ..motion_models.files import SUFFIXES
from ..motion_models.joining import SCHEDULE_CHOICES, MotionSettings, join, schedule_name
from ..motion_models.loading import MotionFile, open_motion_file
from . import sockets
from .text import show, teller

FOLDER = "animatediff_models"
AUTO_FAMILY = "auto"
NO_FILES = "no motion model found"


def motion_model_files() -> list[str]:
    """Files of the motion model folders; other packs may have registered them for any suffix."""
    return [name for name in folder_paths.get_filename_list(FOLDER) if name.lower().endswith(SUFFIXES)]


class LoadMotionModel(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ADXL_LoadMotionModel",
            display_name="Load Motion Model",
            category="AnimateDiff XL",
            description="Opens an AnimateDiff motion model, the part that makes an image model move.",
            search_aliases=["animatediff", "motion module", "mm_sdxl_v10_beta"],
            inputs=[
                io.Combo.Input(
                    "motion_model",
                    options=motion_model_files() or [NO_FILES],
                    tooltip="A file of models/animatediff_models: mm_sdxl_v10_beta for SDXL, v3_sd15_mm for SD1.5.",
                ),
                io.Combo.Input(
                    "family",
                    options=[AUTO_FAMILY, *RUNNABLE],
                    default=AUTO_FAMILY,
                    tooltip="Which AnimateDiff the file belongs to. auto finds out from its tensors and its name.",
                    advanced=True,
                ),
            ],
            outputs=[sockets.MotionModel.Output(display_name="motion model", tooltip="For Apply Motion Model.")],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def validate_inputs(cls, motion_model: str) -> bool | str:
        files = motion_model_files()
        if motion_model in files:
            return True
        folder = folder_paths.get_folder_paths(FOLDER)[0]
        if not files:
            return f"No motion model found: put one, such as mm_sdxl_v10_beta.ckpt, into {folder} and press R."
        return f"There is no motion model '{motion_model}' in {folder}: choose another, or put it there and press R."

    @classmethod
    def fingerprint_inputs(cls, motion_model: str, **_: str) -> tuple[float, int]:
        facts = motion_model_path(motion_model).stat()
        return facts.st_mtime, facts.st_size

    @classmethod
    def execute(cls, motion_model: str, family: str) -> io.NodeOutput:
        family_name = None if family == AUTO_FAMILY else family
        motion = open_motion_file(motion_model_path(motion_model), family_name)
        show(cls, motion.report())
        return io.NodeOutput(motion)


def motion_model_path(name: str) -> Path:
    return Path(folder_paths.get_full_path_or_raise(FOLDER, name))


class ApplyMotionModel(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ADXL_ApplyMotionModel",
            display_name="Apply Motion Model",
            category="AnimateDiff XL",
            description=(
                "Makes a MODEL animate: the latents of a batch become the frames of a clip. Connect the result to any "
                "sampler. Applied to a MODEL that has a motion model already, both run, one after the other."
            ),
            search_aliases=["animatediff", "use evolved sampling", "animate"],
            inputs=[
                io.Model.Input(
                    "model",
                    tooltip="An SDXL or SD1.5 model, as the motion model needs it, with or without LoRAs and patches.",
                ),
                sockets.MotionModel.Input("motion_model", tooltip="From Load Motion Model."),
                io.Combo.Input(
                    "beta_schedule",
                    options=list(SCHEDULE_CHOICES),
                    default=SCHEDULE_CHOICES[0],
                    tooltip=(
                        "How noise grows over the steps. auto: what the motion model was trained with. AnimateDiff "
                        "SDXL: sigma up to 65.93. AnimateDiff SD1.5: up to 25.15, which other programs use for SDXL."
                    ),
                ),
                io.Float.Input(
                    "strength",
                    default=1.0,
                    min=0.0,
                    max=10.0,
                    step=0.01,
                    tooltip="Share of the motion that is added: 1 as trained, 0 none, above 1 exaggerated.",
                ),
                io.Float.Input(
                    "start_percent",
                    default=0.0,
                    min=0.0,
                    max=1.0,
                    step=0.001,
                    tooltip="Where in the denoising the motion model sets in: 0 is the first step.",
                    advanced=True,
                ),
                io.Float.Input(
                    "end_percent",
                    default=1.0,
                    min=0.0,
                    max=1.0,
                    step=0.001,
                    tooltip="Where in the denoising the motion model stops: 1 is the last step.",
                    advanced=True,
                ),
                io.Int.Input(
                    "clip_frames",
                    default=0,
                    min=0,
                    max=4096,
                    tooltip="Frames of one clip, if the latent batch holds several. 0: the whole batch is one clip.",
                    advanced=True,
                ),
            ],
            outputs=[io.Model.Output(tooltip="The MODEL with motion, for a sampler. The one put in stays as it was.")],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def execute(
        cls,
        model: io.Model.Type,
        motion_model: MotionFile,
        beta_schedule: str,
        strength: float,
        start_percent: float,
        end_percent: float,
        clip_frames: int,
    ) -> io.NodeOutput:
        report = f"{motion_model.family.name}, beta schedule {schedule_name(beta_schedule, motion_model)}"
        settings = MotionSettings(strength, start_percent, end_percent, clip_frames, teller(cls, report))
        animated = join(model, motion_model, settings, beta_schedule)
        show(cls, report)
        return io.NodeOutput(animated)


NODES = [LoadMotionModel, ApplyMotionModel]
