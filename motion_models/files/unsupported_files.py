"""What a file is that is no motion model, told from its keys, and which node or pack takes it."""

from collections.abc import Iterable
from dataclasses import dataclass

from ..errors import MotionError
from .families import examples

EVOLVED = "the pack ComfyUI-AnimateDiff-Evolved takes it"
IN_MOTION = ("motion_modules", "temporal_attentions")
LORA = ("lora_", "_lora.", ".lora", ".hada_", ".lokr_", ".dora_scale")


@dataclass(frozen=True)
class KnownFile:
    """Recognised if for each group of marks some key holds one of them."""

    what: str
    marks: tuple[tuple[str, ...], ...]
    remedy: str

    def fits(self, keys: Iterable[str]) -> bool:
        keys = list(keys)
        return all(any(mark in key for key in keys for mark in group) for group in self.marks)


MOTION_LORA = KnownFile(
    "a MotionLoRA, which adds a camera move to a motion model",
    (IN_MOTION, LORA),
    "load it with Load AnimateDiff Motion LoRA",
)

# Files that are made for a motion model and may hold parts of one.
ADDONS = (
    KnownFile(
        "a SparseCtrl, which steers an animation by sketches or pictures",
        (("controlnet_cond_embedding.",), IN_MOTION),
        "the pack ComfyUI-Advanced-ControlNet takes it",
    ),
    KnownFile(
        "a CameraCtrl, which steers the camera of an SD1.5 animation",
        (("encoder_conv_in.", "pose_encoder", ".qkv_merge."),),
        EVOLVED,
    ),
    KnownFile("a MotionCtrl, which steers the camera of an SD1.5 animation", (("cc_projection.",),), EVOLVED),
    MOTION_LORA,
)

# specific before broad
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
    KnownFile("an IP-Adapter", (("ip_adapter.", "image_proj."),), "the pack ComfyUI_IPAdapter_plus takes it"),
    KnownFile("a LoRA", ((*LORA, ".alpha"),), "load it with Load LoRA"),
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
    """The sentence about a file that is no motion model. keys: all of the file, nested ones too."""
    kind = known_file(keys)
    if kind:
        return MotionError(
            f"{file} is {kind.what}, and no motion model: {kind.remedy}. Choose a motion model here, such as "
            f"{examples()}."
        )
    holds = "no motion modules"
    if any(mark in key for key in keys for mark in IN_MOTION):
        holds = "motion layers under names this pack does not know"
    return MotionError(f"{file} holds {holds}: choose a motion model such as {examples()}.")
