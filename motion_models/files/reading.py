"""Reading files a user picked: safely, and with one sentence about what is wrong with one that cannot be read."""

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

# What downloads leave behind instead of a model, by how the file begins.
NOT_MODELS: tuple[tuple[bytes, str, str], ...] = (
    (
        b"version https://git-lfs",
        "is a git-LFS pointer, the note that git keeps in place of a large file",
        "run 'git lfs pull' where it came from, or download the file itself",
    ),
    (b"<!doctype html", "is a web page that was saved under this name", "download the file itself"),
    (b"<html", "is a web page that was saved under this name", "download the file itself"),
    (b"<?xml", "is an answer of a web server that was saved under this name", "download the file itself"),
    (b"{", "is a text in JSON", "choose the file with the weights that lies beside it"),
    (b"\x1f\x8b", "is a packed archive", "unpack it, and choose the file inside"),
    (b"7z\xbc\xaf", "is a packed archive", "unpack it, and choose the file inside"),
    (b"rar!", "is a packed archive", "unpack it, and choose the file inside"),
    (b"gguf", "is a GGUF, which language models and some image models come in", "choose a motion model"),
    (b"\x89png", "is a picture", "choose a motion model"),
)
HEAD = 64  # bytes that are looked at

DEEPEST = 3  # dicts in dicts: training scripts leave two


def read(path: Path) -> dict[str, Tensor]:
    """The tensors of a .safetensors file or a pickled one, on the CPU, without running any code of the file.

    Tensors in dicts of dicts come under dotted keys.
    Raises MotionError if the file is empty, damaged, not a model file, or a pickle that holds more than tensors.
    """
    if path.stat().st_size == 0:
        raise MotionError(f"{path.name} is empty, so its download never began: delete it and download it again.")
    with path.open("rb") as opened:
        head = opened.read(HEAD).lstrip().lower()
    for begin, what, remedy in NOT_MODELS:
        if head.startswith(begin):
            raise MotionError(f"{path.name} {what}, and no model: delete it and {remedy}.")
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
    tensors = dict(flat(content, DEEPEST, set()))
    if not all(is_plain(value) for value in tensors.values()):
        raise damaged(path)
    return tensors


def metadata(path: Path) -> dict[str, str]:
    """What a .safetensors file says of itself; nothing for other files."""
    if path.suffix.lower() not in (".safetensors", ".sft"):
        return {}
    with safe_open(path, framework="pt") as opened:
        return opened.metadata() or {}


def flat(content: dict, depth: int, seen: set[int]) -> Iterator[tuple[str, Tensor]]:
    """Tensors by dotted keys. A pickle may hold a dict twice, or in itself: each is read once."""
    seen.add(id(content))
    for key, value in content.items():
        if not isinstance(key, str):
            continue
        if isinstance(value, Tensor):
            yield key, value
        elif isinstance(value, dict) and depth > 1 and id(value) not in seen:
            yield from ((f"{key}.{inner}", tensor) for inner, tensor in flat(value, depth - 1, seen))


def is_plain(tensor: Any) -> bool:
    """Whether a tensor holds its numbers. Pickles can hold others: without data, or a few numbers repeated."""
    plain = tensor.layout is torch.strided and tensor.device.type == "cpu" and not tensor.is_quantized
    return plain and tensor.numel() * tensor.element_size() <= tensor.untyped_storage().nbytes()


def damaged(path: Path) -> MotionError:
    megabytes = path.stat().st_size / 1e6
    return MotionError(
        f"{path.name} ({megabytes:.1f} MB) cannot be read as a model file: the download stopped early or it is "
        f"something else. Delete it and download it again."
    )
