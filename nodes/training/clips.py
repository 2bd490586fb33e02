"""Training data: clips of a folder as latents and conditionings."""

from typing import Any

from comfy_api.latest import io, ui

from ...motion_models.training.clips.camera import CAMERA_MOVES, NO_MOVE
from ...motion_models.training.clips.cutting import ClipSettings
from ...motion_models.training.clips.encoding import encode_clips
from ...motion_models.training.clips.report import shortened
from ..common.base import AnimateDiffNode
from ..common.folders import NO_FOLDER, files_fingerprint, folder_of, input_folders
from ..common.reports import KEEPS_REPORT


class EncodeClips(AnimateDiffNode):
    own_checks = ("folder",)

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ADXL_EncodeClips",
            display_name="Encode AnimateDiff Clips",
            category="AnimateDiff XL/training",
            description=(
                "Cuts clips from the videos of a folder and encodes them with their captions, for training. Reads "
                "one video at a time and keeps only latents."
            ),
            search_aliases=["animatediff xl", "training data", "video dataset", "load videos", "captions"],
            inputs=[
                io.Combo.Input(
                    "folder",
                    options=input_folders() or [NO_FOLDER],
                    tooltip=(
                        "A subfolder of ComfyUI's input folder with videos, folders of frames or pictures. The caption "
                        "of a.mp4 is in a.txt."
                    ),
                ),
                io.Vae.Input("vae", tooltip="The VAE of the checkpoint to train with."),
                io.Clip.Input("clip", tooltip="The CLIP of the checkpoint to train with. It encodes the captions."),
                io.Int.Input(
                    "frames",
                    default=16,
                    min=1,
                    max=1024,
                    tooltip="Frames of each clip. Use the length of the motion model: 16 for most.",
                ),
                io.Float.Input(
                    "fps",
                    default=8.0,
                    min=0.0,
                    max=120.0,
                    step=0.01,
                    tooltip=(
                        "Frames a second of the clips, by the time stamps of each video. AnimateDiff was trained on "
                        "about 8. 0: every frame."
                    ),
                ),
                io.Int.Input(
                    "width",
                    default=512,
                    min=64,
                    max=4096,
                    step=8,
                    tooltip="Width of the clips in pixels. Videos are scaled to fill it, and cropped to their middle.",
                ),
                io.Int.Input("height", default=512, min=64, max=4096, step=8, tooltip="Height of the clips in pixels."),
                io.Int.Input(
                    "windows",
                    default=4,
                    min=1,
                    max=1000,
                    tooltip="Clips from each video, at most. They are spread evenly and never cross a scene cut.",
                ),
                io.Boolean.Input(
                    "mirror",
                    default=False,
                    tooltip=(
                        "Adds a mirrored copy of each clip. Never use it for pans and rolls, because they cancel out, "
                        "or with captions that say left or right."
                    ),
                ),
                io.Combo.Input(
                    "camera",
                    options=list(CAMERA_MOVES),
                    default=NO_MOVE,
                    tooltip=(
                        "Makes a camera move from any video or still picture, by a crop that moves over the frames. "
                        "When the camera pans left, the picture moves right."
                    ),
                ),
                io.String.Input(
                    "caption",
                    default="",
                    multiline=True,
                    tooltip="The caption of videos that have no text file.",
                ),
            ],
            outputs=[
                io.Latent.Output(
                    display_name="latents",
                    is_output_list=True,
                    tooltip="A list with the latents of each clip, one for each frame.",
                ),
                io.Conditioning.Output(
                    display_name="conditioning",
                    is_output_list=True,
                    tooltip="A list with the encoded caption of each clip.",
                ),
                io.Image.Output(
                    display_name="contact sheet",
                    tooltip="The clips as they are trained: a row of small frames for each of the first 40.",
                ),
                io.String.Output(display_name="report", tooltip="What was read, what was skipped, and why."),
            ],
            is_output_node=True,
            **KEEPS_REPORT,
        )

    @classmethod
    def validate_inputs(cls, folder: str | None = None) -> bool:
        """`run` says more about a missing folder than ComfyUI's own check. A linked input arrives as None."""
        return True

    @classmethod
    def fingerprint_inputs(cls, folder: str | None = None, **_: object) -> list[tuple[str, int, int]]:
        return files_fingerprint(folder)

    @classmethod
    def run(cls, folder: str, vae: Any, clip: Any, caption: str, **settings: Any) -> io.NodeOutput:
        encoded = encode_clips(folder_of(folder), caption, ClipSettings(**settings), vae, clip)
        shown = ui.PreviewImage(encoded.contact_sheet, cls=cls).as_dict()
        shown |= ui.PreviewText(shortened(encoded.report)).as_dict()
        outputs = (encoded.latents, encoded.conditioning, encoded.contact_sheet, "\n".join(encoded.report))
        return io.NodeOutput(*outputs, ui=shown)


NODES = [EncodeClips]
