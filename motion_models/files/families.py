"""The motion model families, and the detection of a file's family."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from ..errors import MotionError, sentence
from ..network.group_norm import EACH_FRAME, NormPolicy
from ..network.motion_module import MotionShape
from .key_formats import DIFFUSERS, HOTSHOT, ORIGINAL

BASE_LEVELS = {"SD1.5": 4, "SDXL": 3}
"""Levels of the UNet of each base model. They identify the base model of a file."""

Layout = tuple[str, int | None]
"""A key format, and the rows of positional encoding that files in it store. None if they store none."""


@dataclass(frozen=True)
class Family:
    """The training choices behind a group of motion models. Widths are not fields: they come from the tensors."""

    name: str
    base: str
    """A key of BASE_LEVELS."""
    mid: bool
    """Whether the middle block has a motion module."""
    layouts: tuple[Layout, ...]
    frame_limit: int
    """Rows of the positional encoding, for files that do not store it."""
    trained_frames: int
    norms: NormPolicy
    beta_schedule: str
    """A key of `beta_schedules.BETA_SCHEDULES`."""
    sampler_hint: str
    """The authors' sampler settings."""
    example: str
    """The name of a published file."""
    name_hints: tuple[str, ...] = ()
    """Parts of file names that mean this family, in lower case. They decide if the tensors fit several families."""
    extra_keys: str = ""
    """A key of EXTRA_KEYS that only this family has."""
    requires: str = ""
    """An input that this pack cannot supply, such as an image. Files of such a family are detected and refused.

    A new kind of input would reach the motion modules as a field of `MotionForward`.
    """


EXTRA_KEYS: dict[str, Callable[[Mapping[str, Tensor]], bool]] = {
    "nine input channels": lambda tensors: (
        "conv_in.weight" in tensors and tensors["conv_in.weight"].ndim == 4 and tensors["conv_in.weight"].shape[1] == 9
    ),
    "an image encoder": lambda tensors: any(key.startswith("img_encoder.") for key in tensors),
}
"""Tests for tensors outside the motion modules that only one family has."""

MOTION_OVER_CLIP = NormPolicy(motion=True, unet=False)
UNET_OVER_CLIP = NormPolicy(motion=False, unet=True)

# guoyww/AnimateDiff, scripts/animate.py and configs/prompts/1_animate; cfg is 7.5 in LongAnimateDiff's configs
DDIM_25 = "ddim with ddim_uniform, 25 steps, cfg 7.5 to 8"
LCM_6 = "lcm, 4 to 8 steps, cfg 1 to 2"

# If a file fits several families and its name does not decide, the first one is taken.
FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        # guoyww/AnimateDiff, branch sdxl, commit 8d19107: configs/inference/inference.yaml, animatediff/models
        Family(
            name="AnimateDiff SDXL beta",
            base="SDXL",
            mid=False,
            layouts=((ORIGINAL, 32), (DIFFUSERS, 32)),
            frame_limit=32,
            trained_frames=16,
            norms=MOTION_OVER_CLIP,
            beta_schedule="AnimateDiff SDXL",
            sampler_hint="euler with ddim_uniform, 100 steps, cfg 8.5",
            example="mm_sdxl_v10_beta.ckpt",
        ),
        # hotshotco/Hotshot-XL, commit cc01f7f: models/, README; the beta schedule is that of its SDXL
        Family(
            name="HotshotXL",
            base="SDXL",
            mid=False,
            layouts=((HOTSHOT, 24), (ORIGINAL, 24), (DIFFUSERS, 24)),
            frame_limit=24,
            trained_frames=8,
            norms=UNET_OVER_CLIP,
            beta_schedule="SDXL",
            sampler_hint="euler_ancestral, 30 steps, cfg 5, 8 frames of about 512 x 512",
            example="hsxl_temporal_layers.f16.safetensors",
            name_hints=("hotshot", "hsxl", "sdxl_hs"),
        ),
        # guoyww/AnimateDiff, commit e92bd56: configs/inference/inference-v3.yaml
        Family(
            name="AnimateDiff v3",
            base="SD1.5",
            mid=False,
            layouts=((ORIGINAL, 32), (DIFFUSERS, 32)),
            frame_limit=32,
            trained_frames=16,
            norms=EACH_FRAME,
            beta_schedule="AnimateDiff SD1.5",
            sampler_hint=DDIM_25,
            example="v3_sd15_mm.ckpt",
            name_hints=("v3",),
        ),
        # guoyww/AnimateDiff, commit e92bd56: inference-v2.yaml
        Family(
            name="AnimateDiff v2",
            base="SD1.5",
            mid=True,
            layouts=((ORIGINAL, 32), (DIFFUSERS, 32)),
            frame_limit=32,
            trained_frames=16,
            norms=EACH_FRAME,
            beta_schedule="AnimateDiff SD1.5",
            sampler_hint=DDIM_25,
            example="mm_sd_v15_v2.ckpt",
            name_hints=("v2",),
        ),
        # guoyww/AnimateDiff, commit e92bd56: inference-v1.yaml; TemporalDiff and Stabilized Motion are trained from v1
        Family(
            name="AnimateDiff v1",
            base="SD1.5",
            mid=False,
            layouts=((ORIGINAL, 24), (DIFFUSERS, 24)),
            frame_limit=24,
            trained_frames=16,
            norms=UNET_OVER_CLIP,
            beta_schedule="AnimateDiff SD1.5",
            sampler_hint=DDIM_25,
            example="mm_sd_v15.ckpt",
            name_hints=("v14", "v15", "v1", "temporaldiff", "stabilized"),
        ),
        # G-U-N/AnimateLCM, commit f873122: configs/inference-t2v.yaml, pipeline
        Family(
            name="AnimateLCM",
            base="SD1.5",
            mid=True,
            layouts=((ORIGINAL, None), (DIFFUSERS, 64)),
            frame_limit=64,
            trained_frames=16,
            norms=EACH_FRAME,
            beta_schedule="AnimateLCM",
            sampler_hint=f"{LCM_6}; its LoRA on the MODEL at 0.8",
            example="AnimateLCM_sd15_t2v.ckpt",
            name_hints=("lcm",),
        ),
        # ByteDance/AnimateDiff-Lightning, model card; distilled from v2, so its keys are the same
        Family(
            name="AnimateDiff-Lightning",
            base="SD1.5",
            mid=True,
            layouts=((ORIGINAL, 32), (DIFFUSERS, 32)),
            frame_limit=32,
            trained_frames=16,
            norms=EACH_FRAME,
            beta_schedule="AnimateDiff SD1.5",
            sampler_hint="euler with sgm_uniform, the number of steps in the file name, cfg 1",
            example="animatediff_lightning_4step_comfyui.safetensors",
            name_hints=("lightning",),
        ),
        # Lightricks/LongAnimateDiff, commit 87c2033: configs/long-inference.yaml, README. The README recommends a
        # motion scale of 1.15 (32) and 1.28 (64). Other packs scale the attention by it; it is not our strength.
        Family(
            name="LongAnimateDiff 32",
            base="SD1.5",
            mid=True,
            layouts=((ORIGINAL, 64),),
            frame_limit=64,
            trained_frames=32,
            norms=EACH_FRAME,
            beta_schedule="AnimateDiff SD1.5",
            sampler_hint=DDIM_25,
            example="lt_long_mm_32_frames.ckpt",
            name_hints=("lt_long_mm_32", "longanimatediff-32", "long-animatediff-32"),
        ),
        Family(
            name="LongAnimateDiff 64",
            base="SD1.5",
            mid=True,
            layouts=((ORIGINAL, 128), (DIFFUSERS, 128)),
            frame_limit=128,
            trained_frames=64,
            norms=EACH_FRAME,
            beta_schedule="AnimateDiff SD1.5",
            sampler_hint=DDIM_25,
            example="lt_long_mm_16_64_frames_v1.1.ckpt",
            name_hints=("lt_long", "longanimatediff", "long-animatediff"),
        ),
        # open-mmlab/PIA, commit 73f06d7: configs/base.yaml
        Family(
            name="PIA",
            base="SD1.5",
            mid=False,
            layouts=((ORIGINAL, 32), (DIFFUSERS, 32)),
            frame_limit=32,
            trained_frames=16,
            norms=UNET_OVER_CLIP,
            beta_schedule="AnimateDiff SD1.5",
            sampler_hint=DDIM_25,
            example="pia.ckpt",
            extra_keys="nine input channels",
            requires="an image",
        ),
        # G-U-N/AnimateLCM, configs/inference-i2v.yaml
        Family(
            name="AnimateLCM-I2V",
            base="SD1.5",
            mid=True,
            layouts=((ORIGINAL, None),),
            frame_limit=64,
            trained_frames=16,
            norms=EACH_FRAME,
            beta_schedule="AnimateLCM-I2V",
            sampler_hint=LCM_6,
            example="AnimateLCM_sd15_i2v.ckpt",
            extra_keys="an image encoder",
            requires="an image",
        ),
    )
}

RUNNABLE = tuple(name for name, family in FAMILIES.items() if not family.requires)


@dataclass(frozen=True)
class Detection:
    """The family of a file."""

    family: Family
    reason: str = ""
    """A sentence for the user if the tensors fit several families, else empty."""


def detect(tensors: Mapping[str, Tensor], shape: MotionShape, layout: Layout, path: Path) -> Detection:
    """Detect the family of a file.

    tensors: all tensors of the file. shape: the shape of its motion modules. layout: its key format and rows of
    positional encoding. Raises MotionError if the file does not belong to a known family.
    """
    extra_keys = next((name for name, has in EXTRA_KEYS.items() if has(tensors)), "")
    same_base = [
        family
        for family in FAMILIES.values()
        if (BASE_LEVELS[family.base], family.extra_keys) == (len(shape.down), extra_keys)
    ]
    if not same_base:
        raise MotionError(
            "{file} is damaged or of an unknown kind: choose a motion model such as {examples}. It has "
            "motion modules on {levels} levels, and no known family is built like that ({bases}).",
            file=path.name,
            examples=examples(),
            levels=len(shape.down),
            bases=levels_of_bases(),
        )
    same_build = [family for family in same_base if family.mid == bool(shape.mid)] or same_base
    exact = [family for family in same_build if layout in family.layouts]
    _, rows = layout
    possible = exact if exact and rows else same_build
    if len(possible) == 1:
        return Detection(possible[0])
    for place, name in (("file", path.name), ("folder", path.parent.name)):
        family = family_named(name, possible)
        if family:
            reason = sentence(
                "Its tensors fit several families: {family} was chosen by the name of the {place}.",
                family=family.name,
                place=place,
            )
            return Detection(family, reason)
    guess = (exact or possible)[0]
    others = ", ".join(family.name for family in possible if family is not guess)
    return Detection(
        guess,
        sentence(
            "Its tensors fit several families, and {guess} is a guess: set family if it is another ({others}).",
            guess=guess.name,
            others=others,
        ),
    )


def family_named(name: str, possible: list[Family]) -> Family | None:
    """The first of the possible families that the name of a file or folder means."""
    return next((family for family in possible if any(word in name.lower() for word in family.name_hints)), None)


def levels_of_bases() -> str:
    return ", ".join(f"{base} has {levels}" for base, levels in BASE_LEVELS.items())


def examples() -> str:
    """One published file for each base model, for messages."""
    first = {FAMILIES[name].base: FAMILIES[name].example for name in reversed(RUNNABLE)}
    return " or ".join(f"{example} ({base})" for base, example in reversed(first.items()))


def detection_of(name: str, shape: MotionShape, file: str) -> Detection:
    """The family that the user chose. Raises MotionError if the file is for another base model."""
    family = FAMILIES[name]
    if BASE_LEVELS[family.base] != len(shape.down):
        raise MotionError(
            "{file} is not of the family {name}, which is for {base}: set family to auto. The file has "
            "motion modules on {levels} levels, and {base} has {base_levels}.",
            file=file,
            name=name,
            base=family.base,
            levels=len(shape.down),
            base_levels=BASE_LEVELS[family.base],
        )
    return Detection(family)
