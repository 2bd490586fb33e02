"""Low-rank pairs of a LoRA file: found by the names of the weights that they change, and checked.

A pair is two matrices of floating point numbers whose product changes a weight. Other methods are refused by name,
because leaving out a part of a LoRA would give a wrong result.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from .. import host
from ..errors import MotionError

# The two matrices of a pair: the ends of their keys in each key format. comfy/weight_adapter/lora.py has the same.
ENDINGS = (
    (".lora_down.weight", ".lora_up.weight"),
    ("_lora.down.weight", "_lora.up.weight"),
    (".lora_A.weight", ".lora_B.weight"),
    (".lora.down.weight", ".lora.up.weight"),
    (".lora_A", ".lora_B"),
    (".lora_linear_layer.down.weight", ".lora_linear_layer.up.weight"),
    (".lora_A.default.weight", ".lora_B.default.weight"),
)
ALPHA = ".alpha"

# Names of LoRA methods, and their keys. Sources: KohakuBlueleaf/LyCORIS and huggingface/peft, as ComfyUI reads them.
UNSUPPORTED_METHODS = {
    "LoHa": re.compile(r"\.hada_"),
    "LoKr": re.compile(r"\.lokr_"),
    "DoRA (dora_scale)": re.compile(r"\.(dora_scale|lora_magnitude_vector)\b"),
    "OFT": re.compile(r"\.oft_"),
    "a middle matrix (lora_mid)": re.compile(r"\.lora_mid\b"),
    "reshaped weights (reshape_weight)": re.compile(r"\.reshape_weight$"),
    "whole weights (.diff)": re.compile(r"\.(diff|diff_b|set_weight|w_norm|b_norm)$"),
}

LARGEST = 1000.0
"""The largest change of a weight. Weights are below 10, and float16 ends at 65504, so strengths have room."""


@dataclass(frozen=True)
class Pairs:
    """The pairs of a LoRA file that name a weight."""

    fitting: dict[str, host.LoraAdapter]
    """Pairs whose product has the size of the weight, by the key of the weight."""
    unfit: dict[str, host.LoraAdapter]
    """Pairs of another size, by the key of the weight."""

    @property
    def used(self) -> int:
        """Tensors of the file that fit."""
        return sum(len(pair.loaded_keys) for pair in self.fitting.values())

    @property
    def rank(self) -> int:
        return max(pair.weights[1].shape[0] for pair in self.fitting.values())


def unsupported_method(keys: Iterable[str]) -> str | None:
    """The name of a method of these keys that is not made of pairs."""
    keys = list(keys)
    return next((name for name, part in UNSUPPORTED_METHODS.items() if any(part.search(key) for key in keys)), None)


def named_pairs(tensors: Mapping[str, Tensor], names: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """(name, key of the down matrix, key of the up matrix) of each pair. One of both keys may be missing."""
    for ends in ENDINGS:
        found = (key.removesuffix(end) for key in tensors for end in ends if key.endswith(end))
        for name in dict.fromkeys(name for name in found if name in names):
            yield name, name + ends[0], name + ends[1]


def pairs_in(
    tensors: Mapping[str, Tensor], names: Mapping[str, str], shapes: Mapping[str, torch.Size], file: str
) -> Pairs:
    """The pairs of a file. names: the key of a weight, by each name that files use for it. shapes: by key.

    Raises MotionError if a pair of these names is damaged. Pairs of other names are not looked at.
    """
    pairs = Pairs({}, {})
    for name, down_key, up_key in named_pairs(tensors, names):
        shape = shapes.get(names[name])
        if shape is None:
            continue
        pair = pair_of(tensors, name, (down_key, up_key), shape, file)
        up, down = pair.weights[:2]
        if (len(up), down.shape[1]) != (shape[0], shape[1:].numel()):
            pairs.unfit[names[name]] = pair
        else:
            check_numbers(pair, name, file)
            pairs.fitting[names[name]] = pair
    return pairs


def pair_of(
    tensors: Mapping[str, Tensor], name: str, keys: tuple[str, str], shape: torch.Size, file: str
) -> host.LoraAdapter:
    """The pair of a name. keys: of its down and up matrix. shape: of the weight that it changes.

    Raises MotionError if it is not two matrices that can be multiplied.
    """
    for key in keys:
        if key not in tensors:
            raise MotionError(
                "{file} is damaged: it has one half of a low-rank pair without the other. Download it again, or "
                "choose another file. The missing key is {key}.",
                file=file,
                key=key,
            )
    down, up = matrix(tensors[keys[0]], shape[1:]), matrix(tensors[keys[1]])
    if down is None or up is None or up.shape[1] != len(down):
        raise MotionError(
            "{file} is damaged: download it again, or choose another file. Its low-rank pair {name} is not two "
            "matrices of real numbers that can be multiplied. It has {up} and {down}.",
            file=file,
            name=name,
            up=size_of(tensors[keys[1]]),
            down=size_of(tensors[keys[0]]),
        )
    alpha = tensors.get(name + ALPHA)
    loaded = {*keys} if alpha is None else {*keys, name + ALPHA}
    return host.lora_adapter(loaded, up, down, None if alpha is None else number(alpha))


def check_numbers(pair: host.LoraAdapter, name: str, file: str) -> None:
    """Raises MotionError if a number of the pair cannot be used."""
    alpha = pair.weights[2]
    if alpha is not None and not math.isfinite(alpha):
        raise MotionError(
            "{file} is damaged: download it again, or choose another file. The alpha of its low-rank pair {name} "
            "is not one finite number.",
            file=file,
            name=name,
        )
    if not is_bounded(pair):
        raise MotionError(
            "{file} is damaged and would give black frames: download it again, or choose another file. Its "
            "low-rank pair {name} has NaN, infinite or far too large numbers.",
            file=file,
            name=name,
        )


def matrix(half: Tensor, inputs: torch.Size | None = None) -> Tensor | None:
    """Half of a pair as (rows columns) of a type that ComfyUI computes with, or None.

    inputs: the input sizes of a convolution, (c kh kw). A half in the form of a 1x1 convolution is (r c 1 1).
    """
    if not half.is_floating_point() or half.ndim < 2 or half.numel() == 0:
        return None
    if half.shape[2:].numel() != 1 and half.shape[1:] != inputs:
        return None
    if half.element_size() == 1:
        half = half.bfloat16()  # torch cannot multiply fp8, and bfloat16 holds all of its numbers
    return half.flatten(1)


def number(alpha: Tensor) -> float:
    """The value of an alpha, or NaN if it is not one real number."""
    if alpha.numel() != 1 or alpha.is_complex():
        return math.nan
    return float(alpha.item())


def is_bounded(pair: host.LoraAdapter) -> bool:
    """Whether the matrices of a pair and their product are finite and below LARGEST.

    A number of the product is at most the length of a row of `up` times that of a column of `down`.
    """
    up, down, alpha = pair.weights[:3]
    scale = 1.0 if alpha is None else abs(alpha) / len(down)
    rows = up.float().norm(dim=1).max().item() * scale
    columns = down.float().norm(dim=0).max().item()
    return all(size <= LARGEST for size in (rows, columns, rows * columns))  # NaN is not


def size_of(tensor: Tensor) -> str:
    numbers = " x ".join(str(length) for length in tensor.shape) or "1"
    return f"{numbers} ({str(tensor.dtype).removeprefix('torch.')})"
