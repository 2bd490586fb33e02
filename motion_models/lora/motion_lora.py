"""MotionLoRAs: low-rank changes of a motion model's projections, for camera moves. All key formats, never full rank.

    authors         ...transformer_blocks.0.attention_blocks.0.processor.to_q_lora.down.weight
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
from ..errors import MotionError
from ..files.key_formats import ORIGINAL_TO_DIFFUSERS, motion_keys
from ..files.reading import metadata, read
from ..files.unsupported_files import MOTION_LORA, known_file

WEIGHT = ".weight"
DOWN = ("lora_A", "lora_down", "lora.down", "lora_linear_layer.down")
PREFIXES = ("", "unet.", "base_model.model.", "base_model.model.unet.", "module.")


@dataclass(frozen=True)
class MotionLora:
    """A MotionLoRA on disk, read."""

    path: Path
    tensors: dict[str, Tensor]

    def report(self) -> str:
        """What was found, for the person at the graph; how much of it fits shows when it is applied."""
        downs = [value for key, value in self.tensors.items() if any(mark in key for mark in DOWN)]
        rank = max((min(value.shape) for value in downs), default=0)
        widths = sorted({max(value.shape) for value in downs})
        return f"rank {rank}, {len(self.tensors)} tensors, for widths of {', '.join(map(str, widths))}."


@dataclass(frozen=True)
class ChosenLora:
    """One of a chain of MotionLoRAs: what goes over the wire from the node that loads it."""

    lora: MotionLora
    strength: float
    strength_schedule: StrengthSchedule = ()


@dataclass(frozen=True)
class Coverage:
    """What of a MotionLoRA fits a motion model."""

    adapters: dict[str, host.LoraAdapter]
    """By the key of the weight they change."""
    matched: int
    unmatched: int
    """Tensors of the file."""
    rank: int

    def report(self, name: str) -> str:
        return f"{name}: rank {self.rank}, {self.matched} tensors used, {self.unmatched} not."


def open_motion_lora(path: Path) -> MotionLora:
    """Raises MotionError if the file is something else."""
    tensors = read(path)
    if not MOTION_LORA.fits(tensors):
        what = known_file(tensors)
        said = f"is {what.what}, and no MotionLoRA: {what.remedy}" if what else "holds no LoRA of a motion model"
        if not what and motion_keys(tensors):
            said = "is a whole motion model, and no MotionLoRA: load it with Load AnimateDiff Motion Model"
        raise MotionError(f"{path.name} {said}. Choose a MotionLoRA here, such as v2_lora_PanLeft.ckpt.")
    return MotionLora(path, tensors | alphas(path, tensors))


def alphas(path: Path, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The lora_alpha that peft leaves in the metadata, one for each projection, as other formats have it."""
    settings = json.loads(metadata(path).get("lora_adapter_metadata", "{}"))
    alpha = next((value for key, value in settings.items() if key.split(".")[-1] == "lora_alpha"), None)
    down = ".lora_A.weight"
    return {k.removesuffix(down) + ".alpha": Tensor([alpha]) for k in tensors if alpha and k.endswith(down)}


def names_in_files(key: str) -> Iterator[str]:
    """What MotionLoRA files call the weight `key` of a motion model, before their own endings."""
    stem = key.removesuffix(WEIGHT)
    diffusers = stem.replace(".temporal_transformer", "")
    for ours, theirs in ORIGINAL_TO_DIFFUSERS.items():
        diffusers = diffusers.replace(ours, theirs)
    for path in (stem, diffusers):
        parent, _, leaf = path.rpartition(".")
        names = [path, f"{parent}.processor.{leaf}"]
        if leaf == "0":  # to_out.0, which most call to_out
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
            f"{file} has one half of a low-rank pair without the other ({error}): it is damaged. Download it again, or "
            f"choose another."
        ) from error


def coverage(lora: MotionLora, shapes: Mapping[str, torch.Size], motion_name: str) -> Coverage:
    """How a MotionLoRA fits the tensors of a motion model.

    Raises MotionError if nothing of it does, with the reason.
    """
    changeable = {key: shape for key, shape in shapes.items() if key.endswith(WEIGHT) and len(shape) == 2}
    names = {name: key for key in changeable for name in names_in_files(key)}
    adapters, used = pairs_in(lora.tensors, names, lora.path.name)
    fitting = host.fitting(adapters, changeable)
    if not fitting:
        reason = "none of its tensors has a place there"
        if adapters:
            key, adapter = next(iter(adapters.items()))
            up, down = adapter.weights[:2]
            size = " x ".join(str(length) for length in changeable[key])
            reason = f"its tensors are of other sizes ({up.shape[0]} x {down.shape[1]}, not {size})"
        raise MotionError(
            f"{lora.path.name} does not fit {motion_name}: {reason}. It was made for another base: choose a MotionLoRA "
            f"for the same base as the motion model."
        )
    unfit = 2 * (len(adapters) - len(fitting))
    return Coverage(
        fitting, used - unfit, len(lora.tensors) - used + unfit, max(a.weights[1].shape[0] for a in fitting.values())
    )
