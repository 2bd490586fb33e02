"""Files that are not motion models: their kind, detected from their keys, and the node or pack that loads them."""

from collections.abc import Iterable
from dataclasses import dataclass

from ..errors import MotionError
from .families import examples

EVOLVED = "use it in the pack ComfyUI-AnimateDiff-Evolved"
MOTION_PARTS = ("motion_modules", "temporal_attentions")
LORA_PARTS = ("lora_", "_lora.", ".lora", ".hada_", ".lokr_", ".dora_scale")


@dataclass(frozen=True)
class KnownFile:
    """A kind of file that this pack recognises."""

    description: str
    key_parts: tuple[tuple[str, ...], ...]
    """Groups of key parts. A file is of this kind if it has at least one part of each group in its keys."""
    remedy: str

    def fits(self, keys: Iterable[str]) -> bool:
        keys = list(keys)
        return all(any(part in key for key in keys for part in group) for group in self.key_parts)


MOTION_LORA = KnownFile(
    "a MotionLoRA, which adds a camera move to a motion model",
    (MOTION_PARTS, LORA_PARTS),
    "load it with Load AnimateDiff Motion LoRA",
)

# Files that extend a motion model. They may contain motion modules.
ADDONS = (
    KnownFile(
        "a SparseCtrl, which controls an animation by sketches or pictures",
        (("controlnet_cond_embedding.",), MOTION_PARTS),
        "use it in the pack ComfyUI-Advanced-ControlNet",
    ),
    KnownFile(
        "a CameraCtrl, which controls the camera of an SD1.5 animation",
        (("encoder_conv_in.", "pose_encoder", ".qkv_merge."),),
        EVOLVED,
    ),
    KnownFile("a MotionCtrl, which controls the camera of an SD1.5 animation", (("cc_projection.",),), EVOLVED),
    MOTION_LORA,
)

# The first kind that fits is taken, so specific kinds come before general ones.
KNOWN_FILES = (
    *ADDONS,
    KnownFile(
        "a LoRA in diffusers' key format, such as AnimateDiff's domain adapter",
        (("attentions.",), (".processor.",), ("_lora.",)),
        "load it with Apply AnimateDiff Domain Adapter or Load LoRA",
    ),
    KnownFile(
        "a ControlNet",
        (("controlnet_", "control_model.", "control_add_embedding."),),
        "load it with Load ControlNet Model",
    ),
    KnownFile("an IP-Adapter", (("ip_adapter.", "image_proj."),), "use it in the pack ComfyUI_IPAdapter_plus"),
    KnownFile("a LoRA", ((*LORA_PARTS, ".alpha"),), "load it with Load LoRA"),
    KnownFile("an image checkpoint", (("model.diffusion_model.",),), "load it with Load Checkpoint"),
    KnownFile(
        "an image model without text encoder and VAE",
        (
            ("input_blocks.", "conv_in.weight", "double_blocks.", "joint_blocks.", "transformer_blocks."),
            ("time_", "img_in.", "x_embedder."),
        ),
        "load it with Load Diffusion Model",
    ),
    KnownFile(
        "a VAE", (("first_stage_model.", "decoder."), ("conv_in.", "conv_out.", "decoder.")), "load it with Load VAE"
    ),
    KnownFile("a CLIP vision model", (("vision_model.",),), "load it with Load CLIP Vision"),
    KnownFile(
        "a text encoder",
        (("text_model.", "token_embedding", "encoder.block.", "embed_tokens."),),
        "load it with Load CLIP",
    ),
    KnownFile(
        "a textual inversion", (("string_to_param", "emb_params", "clip_l", "clip_g"),), "put it into models/embeddings"
    ),
    KnownFile(
        "an upscale model", (("conv_first.", "model.0.weight", "upsampler."),), "load it with Load Upscale Model"
    ),
)


def is_addon(keys: Iterable[str]) -> bool:
    return any(kind.fits(keys) for kind in ADDONS)


def known_file(keys: Iterable[str]) -> KnownFile | None:
    return next((kind for kind in KNOWN_FILES if kind.fits(keys)), None)


def explain_unsupported(keys: Iterable[str], file: str) -> MotionError:
    """The error for a file that is not a motion model. keys: all keys of the file, including nested ones."""
    kind = known_file(keys)
    if kind:
        return MotionError(
            "{file} is {kind}, not a motion model: {remedy}. Choose a motion model here, such as {examples}.",
            file=file,
            kind=kind.description,
            remedy=kind.remedy,
            examples=examples(),
        )
    if any(part in key for key in keys for part in MOTION_PARTS):
        return MotionError(
            "{file} contains motion modules in an unknown key format: choose a motion model such as {examples}.",
            file=file,
            examples=examples(),
        )
    return MotionError(
        "{file} does not contain motion modules: choose a motion model such as {examples}.",
        file=file,
        examples=examples(),
    )
