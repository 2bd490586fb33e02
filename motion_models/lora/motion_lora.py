"""MotionLoRAs: low-rank changes of a motion model's projections, for camera moves.

Every key format is supported. Pairs are kept as pairs, which needs far less memory than their products.

    original        ...transformer_blocks.0.attention_blocks.0.processor.to_q_lora.down.weight
    MotionDirector  ...attention_blocks.0.to_out.processor.0_lora.down.weight, ...ff.net.0.processor.proj_lora.up.weight
    diffusers       unet. ...motion_modules.0.transformer_blocks.0.attn1.processor.to_q_lora.down.weight
    peft            unet. ...attn1.to_q.lora_A.weight, lora_alpha in the metadata
    kohya           lora_unet_down_blocks_0_motion_modules_0_ ... _to_q.lora_down.weight, .alpha

Sources: guoyww/AnimateDiff (e92bd56), ExponentialML/AnimateDiff-MotionDirector (e23a7cd), huggingface/diffusers
(58eb52c), huggingface/peft (0.21.2), the conversions of conrevo/AnimateDiff-A1111.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .. import host
from ..conditioning.curves import StrengthSchedule
from ..errors import MotionError, sentence
from ..files.families import BASE_LEVELS
from ..files.key_formats import ORIGINAL_TO_DIFFUSERS, motion_keys
from ..files.reading import read_with_metadata
from ..files.unsupported_files import MOTION_LORA, MOTION_PARTS, known_file
from .pairs import ENDINGS, pairs_in, unsupported_method

WEIGHT = ".weight"
DOWN = tuple(down for down, _ in ENDINGS)
LEVEL = re.compile(r"(down|up)_blocks[._](\d+)[._](?:" + "|".join(MOTION_PARTS) + ")")
PREFIXES = ("", "unet.", "base_model.model.", "base_model.model.unet.", "module.")


@dataclass(frozen=True)
class MotionLora:
    """The tensors of a MotionLoRA file."""

    path: Path
    tensors: dict[str, Tensor]

    def report(self) -> str:
        """A summary for the user. The number of tensors that fit is known only when the MotionLoRA is applied."""
        downs = [value for key, value in self.tensors.items() if key.endswith(DOWN) and value.ndim > 1]
        rank = max((min(value.shape) for value in downs), default=0)
        levels = {level for _, level in levels_in(self.tensors)}
        base = next((base for base, count in BASE_LEVELS.items() if levels == set(range(count))), None)
        if base:
            return sentence(
                "A MotionLoRA for {base} motion models: rank {rank}, {tensors} tensors.",
                base=base,
                rank=rank,
                tensors=len(self.tensors),
            )
        return sentence("A MotionLoRA: rank {rank}, {tensors} tensors.", rank=rank, tensors=len(self.tensors))


@dataclass(frozen=True)
class ChosenLora:
    """One MotionLoRA of a chain: the output of Load AnimateDiff Motion LoRA."""

    lora: MotionLora
    strength: float
    strength_schedule: StrengthSchedule = ()


@dataclass(frozen=True)
class Coverage:
    """The part of a MotionLoRA that fits a motion model."""

    adapters: dict[str, host.LoraAdapter]
    """Low-rank pairs, by the key of the weight that they change."""
    matched: int
    """Tensors of the file that fit."""
    unmatched: int
    """Tensors of the file that do not fit."""
    rank: int

    def report(self, name: str) -> str:
        return sentence(
            "{file} is added: rank {rank}, {used} tensors used, {unused} not.",
            file=name,
            rank=self.rank,
            used=self.matched,
            unused=self.unmatched,
        )


def open_motion_lora(path: Path) -> MotionLora:
    """Read a MotionLoRA. Raises MotionError if the file is not one."""
    tensors, metadata = read_with_metadata(path)
    in_motion = any(part in key for key in tensors for part in MOTION_PARTS)
    method = unsupported_method(tensors)
    if in_motion and method:
        raise MotionError(
            "{file} uses {method}, which this pack does not support: choose a MotionLoRA of low-rank pairs, such as "
            "v2_lora_PanLeft.ckpt.",
            file=path.name,
            method=method,
        )
    if not MOTION_LORA.fits(tensors):
        raise not_a_motion_lora(tensors, path.name)
    return MotionLora(path, tensors | alphas(metadata, tensors))


def not_a_motion_lora(tensors: Mapping[str, Tensor], file: str) -> MotionError:
    kind = known_file(tensors)
    if kind:
        return MotionError(
            "{file} is {kind}, not a MotionLoRA: {remedy}. Choose a MotionLoRA here, such as v2_lora_PanLeft.ckpt.",
            file=file,
            kind=kind.description,
            remedy=kind.remedy,
        )
    if motion_keys(dict(tensors)):
        return MotionError(
            "{file} is a whole motion model, not a MotionLoRA: load it with Load AnimateDiff Motion Model. Choose a "
            "MotionLoRA here, such as v2_lora_PanLeft.ckpt.",
            file=file,
        )
    return MotionError(
        "{file} does not contain a LoRA of a motion model. Choose a MotionLoRA here, such as v2_lora_PanLeft.ckpt.",
        file=file,
    )


def alphas(metadata: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The lora_alpha of peft's metadata, as one `.alpha` tensor for each projection. Other formats store these.

    Any program can write metadata, so metadata that peft did not write is ignored.
    """
    try:
        settings = json.loads(metadata.get("lora_adapter_metadata", "{}"))
        values = (value for key, value in settings.items() if key.split(".")[-1] == "lora_alpha")
        alpha = float(next(values, None) or 0)
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        return {}
    down = ".lora_A.weight"
    return {k.removesuffix(down) + ".alpha": Tensor([alpha]) for k in tensors if alpha and k.endswith(down)}


def names_in_files(key: str) -> Iterator[str]:
    """The names that MotionLoRA files use for the weight `key` of a motion model, without their own endings."""
    stem = key.removesuffix(WEIGHT)
    diffusers = stem.replace(".temporal_transformer", "")
    for original, other in ORIGINAL_TO_DIFFUSERS.items():
        diffusers = diffusers.replace(original, other)
    for path in (stem, diffusers):
        parent, _, leaf = path.rpartition(".")
        names = [path, f"{parent}.processor.{leaf}"]
        if leaf == "0":  # most key formats write to_out.0 as to_out
            attention, _, out = parent.rpartition(".")
            names += [parent, f"{attention}.processor.{out}"]
        for prefix in PREFIXES:
            yield from (prefix + name for name in names)
        yield "lora_unet_" + path.replace(".", "_")


def coverage(lora: MotionLora, shapes: Mapping[str, torch.Size], motion_name: str) -> Coverage:
    """The part of a MotionLoRA that fits the tensors of a motion model.

    Only pairs of a middle block may be left out, because LoRAs of AnimateDiff v2 also run on v1 and v3.
    Raises MotionError if the MotionLoRA is damaged or made for another base model, or if no tensor fits.
    """
    changeable = {key: shape for key, shape in shapes.items() if key.endswith(WEIGHT) and len(shape) == 2}
    names = {name: key for key in changeable for name in names_in_files(key)}
    file = lora.path.name
    pairs = pairs_in(lora.tensors, names, changeable, file)
    if pairs.unfit:
        key, pair = next(iter(pairs.unfit.items()))
        raise MotionError(
            "{file} does not fit {motion_name}, because it was made for another base model: choose a MotionLoRA for "
            "the same base as the motion model. It changes weights of {size}, not {expected}.",
            file=file,
            motion_name=motion_name,
            size=f"{len(pair.weights[0])} x {pair.weights[1].shape[1]}",
            expected=" x ".join(str(length) for length in changeable[key]),
        )
    other = sorted(levels_in(lora.tensors) - levels_in(shapes))
    if other:
        raise MotionError(
            "{file} does not fit {motion_name}, because it was made for another base model: choose a MotionLoRA for "
            "the same base as the motion model. It changes level {level}, and the motion model has {levels} levels.",
            file=file,
            motion_name=motion_name,
            level=other[0][1] + 1,
            levels=len({level for _, level in levels_in(shapes)}),
        )
    if not pairs.fitting:
        raise MotionError(
            "{file} does not fit {motion_name}, because none of its keys match: choose a MotionLoRA for the same base "
            "as the motion model.",
            file=file,
            motion_name=motion_name,
        )
    return Coverage(pairs.fitting, pairs.used, len(lora.tensors) - pairs.used, pairs.rank)


def levels_in(keys: Iterable[str]) -> set[tuple[str, int]]:
    """The levels of the motion modules that the keys name: ("down" or "up", number of the level)."""
    return {(found[1], int(found[2])) for found in map(LEVEL.search, keys) if found}
