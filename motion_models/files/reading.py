"""Reading a file that the user picked. No code in it is run, and an error says what is wrong with it."""

import pickle
import stat
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .. import host
from ..errors import MotionError

SAFETENSORS = (".safetensors", ".sft")
SUFFIXES = (*SAFETENSORS, ".ckpt", ".pt", ".pth", ".bin")

# Files that failed downloads leave in place of a model: first bytes, what the file is, what to do.
NOT_MODELS: tuple[tuple[bytes, str, str], ...] = (
    (
        b"version https://git-lfs",
        "a git-LFS pointer, which stands in for a large file",
        "run 'git lfs pull' in its repository, or download the file itself",
    ),
    (b"<!doctype html", "a web page that was saved under this name", "delete it and download the file itself"),
    (b"<html", "a web page that was saved under this name", "delete it and download the file itself"),
    (b"<?xml", "a web server's reply that was saved under this name", "delete it and download the file itself"),
    (b"{", "a text in JSON", "choose the file with the weights in the same folder"),
    (b"\x1f\x8b", "a compressed archive", "unpack it, and choose the file inside"),
    (b"7z\xbc\xaf", "a compressed archive", "unpack it, and choose the file inside"),
    (b"rar!", "a compressed archive", "unpack it, and choose the file inside"),
    (b"gguf", "a GGUF file, a format of language models and some image models", "choose a motion model"),
    (b"\x89png", "a picture", "choose a motion model"),
)
HEAD_BYTES = 64

MAX_DEPTH = 3  # of nested dicts; training scripts write two

MAX_TENSORS = 20_000
"""Tensors of a file. A motion model has at most 588, and with the whole UNet around it some 1300.

The largest LoRAs have three tensors for each of about 1000 layers.
"""
MAX_HEADER_BYTES = 16 << 20
"""Bytes of the names and sizes in a file: 20,000 tensors of 300 bytes each, and 10 MB of training metadata."""
MAX_UNPACKED = 4
"""Unpacked bytes of a zipped pickle for each byte of the file.

torch.save does not compress, so its files have less than 1. Trained weights shrink by a tenth to a half.
"""
UNPACKED_SLACK = 16 << 20
"""Unpacked bytes that are allowed for any file, because tiny files can be full of zeros."""
ZIP_HEAD, ZIP_END, ZIP_END_BYTES = b"PK\3\4", b"PK\5\6", 22 + (1 << 16)
ZIP_COUNT = slice(10, 12)  # of entries, in the record at the end


def read(path: Path) -> dict[str, Tensor]:
    """The tensors of a .safetensors file or a pickled one, on the CPU. No code in the file is run.

    Tensors in nested dicts get dotted keys.
    Raises MotionError if the file is missing, empty, damaged, far too large, not a model file, or a pickle with code.
    """
    return read_with_metadata(path)[0]


def read_with_metadata(path: Path) -> tuple[dict[str, Tensor], Mapping[str, Any]]:
    """The same tensors, and the metadata of a .safetensors file. Its values can be anything. Other files have none."""
    try:
        return _read(path)
    except FileNotFoundError as error:
        raise missing(path.name) from error
    except OSError as error:
        raise MotionError(
            "{file} cannot be read: check its permissions and its drive, or choose another file. The system reports: "
            "{reason}.",
            file=path.name,
            reason=error.strerror or error,
        ) from error


def _read(path: Path) -> tuple[dict[str, Tensor], Mapping[str, Any]]:
    facts = path.stat()
    if not stat.S_ISREG(facts.st_mode):
        raise MotionError("{file} is a folder or a device, not a model file: choose a file.", file=path.name)
    if facts.st_size == 0:
        raise MotionError(
            "{file} is empty because its download failed: delete it and download it again.", file=path.name
        )
    check_size(path, facts.st_size)
    try:
        content, metadata = host.read_tensors(path)
    except pickle.UnpicklingError as error:
        if "GLOBAL" in str(error).upper():
            raise MotionError(
                "{file} is a pickle that would run code, so it was not opened: download the file from its "
                "author's page, if possible as .safetensors. A motion model needs no code.",
                file=path.name,
            ) from error
        raise unreadable(path, facts.st_size) from error
    except Exception as error:  # each reader has its own errors, and all others mean a damaged file
        if isinstance(error, OSError) and error.errno:
            raise
        raise unreadable(path, facts.st_size) from error
    if not isinstance(content, dict):
        raise MotionError(
            "{file} is not a model file, because it has no named tensors: choose another file.", file=path.name
        )
    tensors = dict(flatten(content, MAX_DEPTH, set()))
    if len(tensors) > MAX_TENSORS:
        raise too_many_tensors(path)
    if not all(is_plain(value) for value in tensors.values()):
        raise unreadable(path, facts.st_size)
    return tensors, metadata if isinstance(metadata, dict) else {}


def check_size(path: Path, size: int) -> None:
    """Raises MotionError for a file whose reading would take memory or time far beyond that of any motion model."""
    if path.suffix.lower() in SAFETENSORS:
        with path.open("rb") as opened:
            length = int.from_bytes(opened.read(8), "little")
            if length > size:
                return  # the reader fails
            if length > MAX_HEADER_BYTES or opened.read(length).count(b'"data_offsets"') > MAX_TENSORS:
                raise too_many_tensors(path)
        return
    with path.open("rb") as opened:
        if opened.read(len(ZIP_HEAD)) != ZIP_HEAD:
            return
        opened.seek(max(0, size - ZIP_END_BYTES))
        end = opened.read()
    record = end[end.rfind(ZIP_END) :]
    if ZIP_END in end and int.from_bytes(record[ZIP_COUNT], "little") > MAX_TENSORS:
        raise too_many_tensors(path)
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except OSError:
        raise
    except Exception as error:  # of a damaged archive: zipfile has many
        raise unreadable(path, size) from error
    pickles = (entry.file_size for entry in entries if entry.filename.endswith(".pkl"))
    if len(entries) > MAX_TENSORS or sum(pickles) > MAX_HEADER_BYTES:
        raise too_many_tensors(path)
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > MAX_UNPACKED * size + UNPACKED_SLACK:
        raise MotionError(
            "{file} was not opened, because it would fill the memory: it is not a model file. Delete it, and download "
            "the file from its author's page. It has {megabytes} MB, and {unpacked} MB unpacked.",
            file=path.name,
            megabytes=f"{size / 1e6:.1f}",
            unpacked=f"{unpacked / 1e6:.1f}",
        )


def missing(file: str) -> MotionError:
    return MotionError(
        "{file} does not exist: it was moved or deleted, its link is broken, or its drive is not connected. Put it "
        "back, or choose another file.",
        file=file,
    )


def too_many_tensors(path: Path) -> MotionError:
    return MotionError(
        "{file} has far more tensors than any motion model: choose another file. At most {limit} are read.",
        file=path.name,
        limit=MAX_TENSORS,
    )


def unreadable(path: Path, size: int) -> MotionError:
    """The error for a file that the reader of its suffix refuses.

    Its first bytes can show what it is. They are looked at only here, because a good .safetensors file begins with a
    number, which can look like text.
    """
    with path.open("rb") as opened:
        start = opened.read(HEAD_BYTES)
    head = start.lstrip().lower()
    for signature, description, remedy in NOT_MODELS:
        if head.startswith(signature) and (signature != b"{" or b"\0" not in start):
            return MotionError(
                "{file} is {description}, not a model: {remedy}.",
                file=path.name,
                description=description,
                remedy=remedy,
            )
    return MotionError(
        "{file} cannot be read: either its download stopped early, or it is not a model file. Delete it and download "
        "it again. It has {megabytes} MB.",
        file=path.name,
        megabytes=f"{size / 1e6:.1f}",
    )


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
