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
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from .. import host
from ..conditioning.curves import StrengthSchedule
from ..errors import MotionError, sentence
from ..files.key_formats import ORIGINAL_TO_DIFFUSERS, motion_keys
from ..files.reading import metadata, read
from ..files.unsupported_files import MOTION_LORA, known_file

WEIGHT = ".weight"
DOWN = ("lora_A", "lora_down", "lora.down", "lora_linear_layer.down")
PREFIXES = ("", "unet.", "base_model.model.", "base_model.model.unet.", "module.")


@dataclass(frozen=True)
class MotionLora:
    """The tensors of a MotionLoRA file."""

    path: Path
    tensors: dict[str, Tensor]

    def report(self) -> str:
        """A summary for the user. The number of tensors that fit is known only when the MotionLoRA is applied."""
        downs = [value for key, value in self.tensors.items() if any(part in key for part in DOWN)]
        rank = max((min(value.shape) for value in downs), default=0)
        widths = sorted({max(value.shape) for value in downs})
        return sentence(
            "rank {rank}, {tensors} tensors, for widths of {widths}.",
            rank=rank,
            tensors=len(self.tensors),
            widths=", ".join(map(str, widths)),
        )


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
            "{name}: rank {rank}, {matched} tensors used, {unmatched} not.",
            name=name,
            rank=self.rank,
            matched=self.matched,
            unmatched=self.unmatched,
        )


def open_motion_lora(path: Path) -> MotionLora:
    """Read a MotionLoRA. Raises MotionError if the file is not one."""
    tensors = read(path)
    if not MOTION_LORA.fits(tensors):
        kind = known_file(tensors)
        problem = "does not contain a LoRA of a motion model"
        if kind:
            problem = f"is {kind.description}, not a MotionLoRA: {kind.remedy}"
        elif motion_keys(tensors):
            problem = "is a whole motion model, not a MotionLoRA: load it with Load AnimateDiff Motion Model"
        raise MotionError(
            "{file} {problem}. Choose a MotionLoRA here, such as v2_lora_PanLeft.ckpt.", file=path.name, problem=problem
        )
    return MotionLora(path, tensors | alphas(path, tensors))


def alphas(path: Path, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The lora_alpha of peft's metadata, as one `.alpha` tensor for each projection. Other formats store these."""
    settings = json.loads(metadata(path).get("lora_adapter_metadata", "{}"))
    alpha = next((value for key, value in settings.items() if key.split(".")[-1] == "lora_alpha"), None)
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


def pairs_in(tensors: dict[str, Tensor], names: dict[str, str], file: str) -> tuple[dict[str, host.LoraAdapter], int]:
    """`host.lora_adapters` of a file. Raises MotionError if half of a pair is missing."""
    try:
        return host.lora_adapters(tensors, names)
    except KeyError as error:
        raise MotionError(
            "{file} is damaged: it has one half of a low-rank pair without the other. Download it "
            "again, or choose another file. The missing key is {error}.",
            file=file,
            error=error,
        ) from error


def coverage(lora: MotionLora, shapes: Mapping[str, torch.Size], motion_name: str) -> Coverage:
    """The part of a MotionLoRA that fits the tensors of a motion model.

    Raises MotionError if no tensor fits.
    """
    changeable = {key: shape for key, shape in shapes.items() if key.endswith(WEIGHT) and len(shape) == 2}
    names = {name: key for key in changeable for name in names_in_files(key)}
    adapters, used = pairs_in(lora.tensors, names, lora.path.name)
    fitting = host.fitting(adapters, changeable)
    if not fitting:
        details = "None of its keys match."
        if adapters:
            key, adapter = next(iter(adapters.items()))
            up, down = adapter.weights[:2]
            size = " x ".join(str(length) for length in changeable[key])
            details = f"It changes weights of {up.shape[0]} x {down.shape[1]}, not {size}."
        raise MotionError(
            "{file} does not fit {motion_name}, because it was made for another base model: choose a "
            "MotionLoRA for the same base as the motion model. {details}",
            file=lora.path.name,
            motion_name=motion_name,
            details=details,
        )
    unfit = 2 * (len(adapters) - len(fitting))
    return Coverage(
        fitting, used - unfit, len(lora.tensors) - used + unfit, max(a.weights[1].shape[0] for a in fitting.values())
    )
