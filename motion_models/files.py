"""Reading files a user picked: safely, and with one sentence about what a wrong file is."""

import pickle
from pathlib import Path

from torch import Tensor

from . import host
from .errors import MotionError

SUFFIXES = (".safetensors", ".sft", ".ckpt", ".pt", ".pth", ".bin")

# What a file without motion modules is, by a part of a key that only such files have. Specific before broad.
STRANGERS: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (("controlnet_cond_embedding.", "control_model."), "a ControlNet", "load it with Load ControlNet Model"),
    (("lora_", "_lora.", ".lora", ".alpha"), "a LoRA", "load it with Load LoRA"),
    (("model.diffusion_model.",), "an image checkpoint", "load it with Load Checkpoint"),
    (
        ("input_blocks.", "conv_in.weight", "double_blocks.", "joint_blocks."),
        "an image model",
        "load it with Load Diffusion Model",
    ),
    (("decoder.conv_in.", "first_stage_model.", "decoder.mid."), "a VAE", "load it with Load VAE"),
    (("text_model.", "token_embedding", "encoder.block."), "a text encoder", "load it with Load CLIP"),
)
MOTION_LORA_MARKS = ("_lora.", ".lora_", "lora_unet_")
MOTION_MARKS = ("motion_modules", "temporal_attentions")


def read(path: Path) -> dict[str, Tensor]:
    """The tensors of a .safetensors file or a pickled one, on the CPU, without running any code of the file.

    Raises MotionError if the file is empty, damaged, not a model file, or a pickle that holds more than tensors.
    """
    if path.stat().st_size == 0:
        raise MotionError(f"{path.name} is empty, so its download never began: delete it and download it again.")
    try:
        content = host.read_tensors(path)
    except pickle.UnpicklingError as error:
        if "GLOBAL" in str(error).upper():
            raise MotionError(
                f"{path.name} is a pickle that would run code when opened, and a motion model needs none: it was not "
                f"opened. Get the file from its author's page, best as .safetensors."
            ) from error
        raise damaged(path) from error
    except Exception as error:  # each reader has errors of its own, and all of them mean the same to the user
        raise damaged(path) from error
    if not isinstance(content, dict):
        raise MotionError(f"{path.name} holds no named tensors, so it is no model file: choose another.")
    return {key: value for key, value in content.items() if isinstance(key, str) and isinstance(value, Tensor)}


def damaged(path: Path) -> MotionError:
    megabytes = path.stat().st_size / 1e6
    return MotionError(
        f"{path.name} ({megabytes:.1f} MB) cannot be read as a model file: the download stopped early or it is "
        f"something else. Delete it and download it again."
    )


def stranger(keys: list[str], file: str) -> MotionError:
    """The sentence about a file in which no motion module was found."""
    is_motion = any(mark in key for key in keys for mark in MOTION_MARKS)
    if is_motion and any(mark in key for key in keys for mark in MOTION_LORA_MARKS):
        return MotionError(
            f"{file} is a MotionLoRA, which adds a camera move to a motion model and is none itself: choose a motion "
            f"model here, such as mm_sdxl_v10_beta.ckpt."
        )
    if is_motion:
        return MotionError(
            f"{file} holds motion layers in a spelling this pack does not know (HotshotXL's, perhaps): choose a motion "
            f"model such as mm_sdxl_v10_beta.ckpt."
        )
    for marks, what, remedy in STRANGERS:
        if any(mark in key for key in keys for mark in marks):
            return MotionError(
                f"{file} is {what}, not a motion model: {remedy}, and choose a motion model here, such as "
                f"mm_sdxl_v10_beta.ckpt."
            )
    return MotionError(f"{file} holds no motion modules: choose a motion model such as mm_sdxl_v10_beta.ckpt.")
