"""Reading a file that the user picked. No code in it is run, and an error says what is wrong with it."""

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

from .. import host
from ..errors import MotionError

SUFFIXES = (".safetensors", ".sft", ".ckpt", ".pt", ".pth", ".bin")

# Files that failed downloads leave in place of a model: first bytes, description, remedy.
NOT_MODELS: tuple[tuple[bytes, str, str], ...] = (
    (
        b"version https://git-lfs",
        "is a git-LFS pointer, which stands in for a large file",
        "run 'git lfs pull' in its repository, or download the file itself",
    ),
    (b"<!doctype html", "is a web page that was saved under this name", "download the file itself"),
    (b"<html", "is a web page that was saved under this name", "download the file itself"),
    (b"<?xml", "is a web server's reply that was saved under this name", "download the file itself"),
    (b"{", "is a text in JSON", "choose the file with the weights in the same folder"),
    (b"\x1f\x8b", "is a compressed archive", "unpack it, and choose the file inside"),
    (b"7z\xbc\xaf", "is a compressed archive", "unpack it, and choose the file inside"),
    (b"rar!", "is a compressed archive", "unpack it, and choose the file inside"),
    (b"gguf", "is a GGUF file, a format of language models and some image models", "choose a motion model"),
    (b"\x89png", "is a picture", "choose a motion model"),
)
HEAD_BYTES = 64

MAX_DEPTH = 3  # of nested dicts; training scripts write two


def read(path: Path) -> dict[str, Tensor]:
    """The tensors of a .safetensors file or a pickled one, on the CPU. No code in the file is run.

    Tensors in nested dicts get dotted keys.
    Raises MotionError if the file is empty, damaged, not a model file, or a pickle that contains code.
    """
    if path.stat().st_size == 0:
        raise MotionError(
            "{file} is empty because its download failed: delete it and download it again.", file=path.name
        )
    with path.open("rb") as opened:
        head = opened.read(HEAD_BYTES).lstrip().lower()
    for signature, description, remedy in NOT_MODELS:
        if head.startswith(signature):
            raise MotionError(
                "{file} {description}, not a model: delete it and {remedy}.",
                file=path.name,
                description=description,
                remedy=remedy,
            )
    try:
        content = host.read_tensors(path)
    except pickle.UnpicklingError as error:
        if "GLOBAL" in str(error).upper():
            raise MotionError(
                "{file} is a pickle that would run code, so it was not opened: download the file from its "
                "author's page, if possible as .safetensors. A motion model needs no code.",
                file=path.name,
            ) from error
        raise damaged(path) from error
    except Exception as error:  # each reader has its own errors, and all of them mean a damaged file
        raise damaged(path) from error
    if not isinstance(content, dict):
        raise MotionError(
            "{file} is not a model file, because it has no named tensors: choose another file.", file=path.name
        )
    tensors = dict(flatten(content, MAX_DEPTH, set()))
    if not all(is_plain(value) for value in tensors.values()):
        raise damaged(path)
    return tensors


def metadata(path: Path) -> dict[str, str]:
    """The metadata of a .safetensors file. Other files have none."""
    if path.suffix.lower() not in (".safetensors", ".sft"):
        return {}
    with safe_open(path, framework="pt") as opened:
        return opened.metadata() or {}


def flatten(content: dict, depth: int, seen: set[int]) -> Iterator[tuple[str, Tensor]]:
    """Tensors by dotted keys. Each dict is read once, because a dict in a pickle may contain itself."""
    seen.add(id(content))
    for key, value in content.items():
        if not isinstance(key, str):
            continue
        if isinstance(value, Tensor):
            yield key, value
        elif isinstance(value, dict) and depth > 1 and id(value) not in seen:
            yield from ((f"{key}.{inner}", tensor) for inner, tensor in flatten(value, depth - 1, seen))


def is_plain(tensor: Any) -> bool:
    """Whether a tensor's storage contains all of its elements.

    A pickle can also contain tensors without data, and large tensors that are expanded from a few elements.
    """
    plain = tensor.layout is torch.strided and tensor.device.type == "cpu" and not tensor.is_quantized
    return plain and tensor.numel() * tensor.element_size() <= tensor.untyped_storage().nbytes()


def damaged(path: Path) -> MotionError:
    megabytes = path.stat().st_size / 1e6
    return MotionError(
        "{file} ({megabytes} MB) cannot be read: either its download stopped early, or it is not a "
        "model file. Delete it and download it again.",
        file=path.name,
        megabytes=f"{megabytes:.1f}",
    )
