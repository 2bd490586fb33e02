"""The motion model families and how a file is recognised as one of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from ..errors import MotionError
from ..network.group_norm import EACH_FRAME, NormPolicy
from ..network.motion_module import MotionShape
from .key_formats import AUTHORS, DIFFUSERS, HOTSHOT

BASE_LEVELS = {"SD1.5": 4, "SDXL": 3}
"""Levels of a base's UNet, by which a file's base is told."""

Stored = tuple[str, int | None]
"""A spelling, and the rows of positional encoding that files of a family store in it; None if they store none."""


@dataclass(frozen=True)
class Family:
    """What the authors chose for a family of motion models. Widths are not here: the tensors tell them."""

    name: str
    base: str
    """A key of BASE_LEVELS."""
    mid: bool
    """Whether there is a motion module in the UNet's middle block."""
    stored: tuple[Stored, ...]
    frame_limit: int
    """Rows of the positional encoding; used for files that do not store it."""
    trained_frames: int
    norms: NormPolicy
    beta_schedule: str
    """A key of `schedules.BETA_SCHEDULES`."""
    advice: str
    """Settings of the sampler that the authors use."""
    example: str
    """A file of this family that people can find."""
    file_words: tuple[str, ...] = ()
    """Parts of file names that mean this family, lower case; asked where the keys leave a choice."""
    trait: str = ""
    """A key of TRAITS that only this family has."""
    needs: str = ""
    """What it takes besides latents and text, which this pack cannot give it. A family that needs something is
    recognised and refused; an image or a camera path would reach the motion modules as a field of `MotionCall`."""


TRAITS: dict[str, Callable[[Mapping[str, Tensor]], bool]] = {
    "nine input channels": lambda tensors: (
        "conv_in.weight" in tensors and tensors["conv_in.weight"].ndim == 4 and tensors["conv_in.weight"].shape[1] == 9
    ),
    "an image encoder": lambda tensors: any(key.startswith("img_encoder.") for key in tensors),
}
"""What is in a file beside motion modules and makes a family of its own."""

MOTION_OVER_CLIP = NormPolicy(motion=True, unet=False)
UNET_OVER_CLIP = NormPolicy(motion=False, unet=True)

# guoyww/AnimateDiff, scripts/animate.py and configs/prompts/1_animate; LongAnimateDiff's configs say 7.5
DDIM_25 = "ddim with ddim_uniform, 25 steps, cfg 7.5 to 8"
LCM_6 = "lcm, 4 to 8 steps, cfg 1 to 2"

# Where several fit a file and nothing in its name decides, the first does.
FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        # guoyww/AnimateDiff, branch sdxl, commit 8d19107: configs/inference/inference.yaml, animatediff/models
        Family(
            name="AnimateDiff SDXL beta",
            base="SDXL",
            mid=False,
            stored=((AUTHORS, 32), (DIFFUSERS, 32)),
            frame_limit=32,
            trained_frames=16,
            norms=MOTION_OVER_CLIP,
            beta_schedule="AnimateDiff SDXL",
            advice="euler with ddim_uniform, 100 steps, cfg 8.5",
            example="mm_sdxl_v10_beta.ckpt",
        ),
        # hotshotco/Hotshot-XL, commit cc01f7f: models/, README; the schedule is that of its SDXL
        Family(
            name="HotshotXL",
            base="SDXL",
            mid=False,
            stored=((HOTSHOT, 24), (AUTHORS, 24), (DIFFUSERS, 24)),
            frame_limit=24,
            trained_frames=8,
            norms=UNET_OVER_CLIP,
            beta_schedule="SDXL",
            advice="euler_ancestral, 30 steps, cfg 5, 8 frames of about 512 x 512",
            example="hsxl_temporal_layers.f16.safetensors",
            file_words=("hotshot", "hsxl", "sdxl_hs"),
        ),
        # guoyww/AnimateDiff, commit e92bd56: configs/inference/inference-v3.yaml
        Family(
            name="AnimateDiff v3",
            base="SD1.5",
            mid=False,
            stored=((AUTHORS, 32), (DIFFUSERS, 32)),
            frame_limit=32,
            trained_frames=16,
            norms=EACH_FRAME,
            beta_schedule="AnimateDiff SD1.5",
            advice=DDIM_25,
            example="v3_sd15_mm.ckpt",
            file_words=("v3",),
        ),
        # the same, inference-v2.yaml
        Family(
            name="AnimateDiff v2",
            base="SD1.5",
            mid=True,
            stored=((AUTHORS, 32), (DIFFUSERS, 32)),
            frame_limit=32,
            trained_frames=16,
            norms=EACH_FRAME,
            beta_schedule="AnimateDiff SD1.5",
            advice=DDIM_25,
            example="mm_sd_v15_v2.ckpt",
            file_words=("v2",),
        ),
        # the same, inference-v1.yaml; TemporalDiff and Stabilized Motion are trained from it
        Family(
            name="AnimateDiff v1",
            base="SD1.5",
            mid=False,
            stored=((AUTHORS, 24), (DIFFUSERS, 24)),
            frame_limit=24,
            trained_frames=16,
            norms=UNET_OVER_CLIP,
            beta_schedule="AnimateDiff SD1.5",
            advice=DDIM_25,
            example="mm_sd_v15.ckpt",
            file_words=("v14", "v15", "v1", "temporaldiff", "stabilized"),
        ),
        # G-U-N/AnimateLCM, commit f873122: configs/inference-t2v.yaml, pipeline
        Family(
            name="AnimateLCM",
            base="SD1.5",
            mid=True,
            stored=((AUTHORS, None), (DIFFUSERS, 64)),
            frame_limit=64,
            trained_frames=16,
            norms=EACH_FRAME,
            beta_schedule="AnimateLCM",
            advice=f"{LCM_6}; its LoRA on the MODEL at 0.8",
            example="AnimateLCM_sd15_t2v.ckpt",
            file_words=("lcm",),
        ),
        # ByteDance/AnimateDiff-Lightning, model card; distilled from v2, and the same by its keys
        Family(
            name="AnimateDiff-Lightning",
            base="SD1.5",
            mid=True,
            stored=((AUTHORS, 32), (DIFFUSERS, 32)),
            frame_limit=32,
            trained_frames=16,
            norms=EACH_FRAME,
            beta_schedule="AnimateDiff SD1.5",
            advice="euler with sgm_uniform, as many steps as the file name says, cfg 1",
            example="animatediff_lightning_4step_comfyui.safetensors",
            file_words=("lightning",),
        ),
        # Lightricks/LongAnimateDiff, commit 87c2033: configs/long-inference.yaml, README. The motion scale it asks for
        # (1.15 for this one, 1.28 for the next) scales the attention in other packs, and is not our strength.
        Family(
            name="LongAnimateDiff 32",
            base="SD1.5",
            mid=True,
            stored=((AUTHORS, 64),),
            frame_limit=64,
            trained_frames=32,
            norms=EACH_FRAME,
            beta_schedule="AnimateDiff SD1.5",
            advice=DDIM_25,
            example="lt_long_mm_32_frames.ckpt",
            file_words=("lt_long_mm_32", "longanimatediff-32", "long-animatediff-32"),
        ),
        Family(
            name="LongAnimateDiff 64",
            base="SD1.5",
            mid=True,
            stored=((AUTHORS, 128), (DIFFUSERS, 128)),
            frame_limit=128,
            trained_frames=64,
            norms=EACH_FRAME,
            beta_schedule="AnimateDiff SD1.5",
            advice=DDIM_25,
            example="lt_long_mm_16_64_frames_v1.1.ckpt",
            file_words=("lt_long", "longanimatediff", "long-animatediff"),
        ),
        # open-mmlab/PIA, commit 73f06d7: configs/base.yaml
        Family(
            name="PIA",
            base="SD1.5",
            mid=False,
            stored=((AUTHORS, 32), (DIFFUSERS, 32)),
            frame_limit=32,
            trained_frames=16,
            norms=UNET_OVER_CLIP,
            beta_schedule="AnimateDiff SD1.5",
            advice=DDIM_25,
            example="pia.ckpt",
            trait="nine input channels",
            needs="an image",
        ),
        # G-U-N/AnimateLCM, configs/inference-i2v.yaml
        Family(
            name="AnimateLCM-I2V",
            base="SD1.5",
            mid=True,
            stored=((AUTHORS, None),),
            frame_limit=64,
            trained_frames=16,
            norms=EACH_FRAME,
            beta_schedule="AnimateLCM-I2V",
            advice=LCM_6,
            example="AnimateLCM_sd15_i2v.ckpt",
            trait="an image encoder",
            needs="an image",
        ),
    )
}

RUNNABLE = tuple(name for name, family in FAMILIES.items() if not family.needs)


@dataclass(frozen=True)
class Detection:
    """A family, and why it was taken where the tensors alone did not decide; the reason is a sentence or empty."""

    family: Family
    reason: str = ""


def detect(tensors: Mapping[str, Tensor], shape: MotionShape, stored: Stored, path: Path) -> Detection:
    """The family of a file.

    tensors: all of the file. shape: of its motion modules. stored: its spelling and rows of positions.
    Raises MotionError if it belongs to no known family.
    """
    trait = next((name for name, has in TRAITS.items() if has(tensors)), "")
    same_base = [
        family for family in FAMILIES.values() if (BASE_LEVELS[family.base], family.trait) == (len(shape.down), trait)
    ]
    if not same_base:
        raise MotionError(
            f"{path.name} has motion modules on {len(shape.down)} levels, and no known family is built like that "
            f"({levels_of_bases()}): it is damaged or of an unknown kind. Choose a motion model such as {examples()}."
        )
    same_build = [family for family in same_base if family.mid == bool(shape.mid)] or same_base
    exact = [family for family in same_build if stored in family.stored]
    _, rows = stored
    possible = exact if exact and rows else same_build
    if len(possible) == 1:
        return Detection(possible[0])
    name = f"{path.parent.name}/{path.name}".lower()
    named = next((family for family in possible if any(word in name for word in family.file_words)), None)
    if named:
        return Detection(named, f"Its tensors leave a choice; {named.name} by the file's name.")
    taken = (exact or possible)[0]
    others = " or ".join(family.name for family in possible if family is not taken)
    return Detection(taken, f"Its tensors leave a choice, and {taken.name} is a guess: set family if it is {others}.")


def levels_of_bases() -> str:
    return ", ".join(f"{base} has {levels}" for base, levels in BASE_LEVELS.items())


def examples() -> str:
    """The first file of each base, for messages."""
    first = {FAMILIES[name].base: FAMILIES[name].example for name in reversed(RUNNABLE)}
    return " or ".join(f"{example} ({base})" for base, example in reversed(first.items()))


def chosen(name: str, shape: MotionShape, file: str) -> Detection:
    """The family the user chose by its name. Raises MotionError if the file belongs to another base."""
    family = FAMILIES[name]
    if BASE_LEVELS[family.base] != len(shape.down):
        raise MotionError(
            f"{file} has motion modules on {len(shape.down)} levels, and {name} is a family for {family.base}, which "
            f"has {BASE_LEVELS[family.base]}: set family to auto."
        )
    return Detection(family)
