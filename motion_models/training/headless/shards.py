"""Tar files of encoded clips in WebDataset's layout: members with the same name up to the first dot are one clip.

000001.safetensors has `latents` (f 4 h w), and may have the encoded caption as `conditioning` (1 tokens c) and
`pooled_output` (1 c). 000001.pth is a tensor of latents. 000001.txt is the caption. Other members are ignored.
A clip is read when a step asks for it. Only its place in the file is in memory.
"""

import hashlib
import io
import os
import tarfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from ... import host
from ...errors import MotionError
from ..clips.encoding import LATENT_CHANNELS
from ..clips.sources import VIDEO_SUFFIXES
from ..dataset import TrainingClips, different_sizes, facts_of

LATENTS, CONDITIONING, POOLED = "latents", "conditioning", "pooled_output"
SAFETENSORS, PTH, TEXT = ".safetensors", ".pth", ".txt"

PLACE = np.dtype([("shard", "i4"), ("is_pth", "?"), ("start", "i8"), ("size", "i8"), ("text", "i8"), ("length", "i8")])
"""Where a clip is: the number of its shard, and the bytes of its latents and of its caption, which can be empty."""

BROKEN = (SafetensorError, UnpicklingError, RuntimeError, ValueError, EOFError, KeyError, AttributeError)
"""What reading raises for damaged bytes, and for something else than latents."""

EncodeText = Callable[[str], host.Conditions]


@dataclass(frozen=True)
class Shards:
    paths: tuple[Path, ...]
    places: np.ndarray
    """(clips), of PLACE."""

    def __len__(self) -> int:
        return len(self.places)

    def bytes_of(self, clip: int, start: str, size: str) -> bytes:
        """start, size: fields of PLACE."""
        place = self.places[clip]
        with open(self.paths[place["shard"]], "rb") as file:
            file.seek(place[start])
            return file.read(place[size])

    def caption(self, clip: int) -> str:
        return self.bytes_of(clip, "text", "length").decode("utf-8", "replace").strip()

    def tensors(self, clip: int) -> dict[str, Tensor]:
        """Raises MotionError if the clip is damaged."""
        content = self.bytes_of(clip, "start", "size")
        try:
            if self.places[clip]["is_pth"]:
                tensors = {LATENTS: torch.load(io.BytesIO(content), weights_only=True)}
            else:
                tensors = safetensors.torch.load(content)
            frames, channels, _, _ = tensors[LATENTS].shape
            if channels != LATENT_CHANNELS:
                raise ValueError(f"{frames} frames of {channels} channels")
            return tensors
        except BROKEN as error:
            raise MotionError(
                "Clip {clip} of {file} cannot be read: encode that shard again. The system reports: {reason}.",
                clip=clip,
                file=self.paths[self.places[clip]["shard"]].name,
                reason=error,
            ) from error


def open_shards(paths: Iterable[Path]) -> Shards:
    """Raises MotionError if a file is not a tar file of encoded clips."""
    paths = tuple(paths)
    places = [places_in(number, path) for number, path in enumerate(paths)]
    return Shards(paths, np.concatenate(places))


def places_in(number: int, path: Path) -> np.ndarray:
    """The places of the clips of a shard, in their order."""
    groups: dict[str, dict[str, tuple[int, int]]] = {}
    try:
        with tarfile.open(path, "r:") as tar:
            for member in filter(tarfile.TarInfo.isfile, tar):
                folder, name = os.path.split(member.name)
                key, dot, suffix = name.partition(".")
                groups.setdefault(f"{folder}/{key}", {})[dot + suffix] = (member.offset_data, member.size)
    except (tarfile.TarError, OSError) as error:
        raise MotionError(
            "{file} cannot be read: it must be a tar file without compression. The system reports: {reason}.",
            file=path.name,
            reason=error,
        ) from error
    if any(suffix in VIDEO_SUFFIXES for members in groups.values() for suffix in members):
        raise MotionError(
            "{file} has videos: encode them first, with --encode and a table [clips] whose source is this file.",
            file=path.name,
        )
    found = [
        (number, SAFETENSORS not in members, *(members.get(SAFETENSORS) or members[PTH]), *members.get(TEXT, (0, 0)))
        for members in groups.values()
        if members.keys() & {SAFETENSORS, PTH}
    ]
    return np.array(found, PLACE)


class Read(Sequence[Any]):
    """One thing for each clip, which is read when someone asks for it."""

    def __init__(self, clips: int, read: Callable[[int], Any]):
        self.clips, self.read = clips, read

    def __len__(self) -> int:
        return self.clips

    def __getitem__(self, clip: Any) -> Any:
        return self.read(clip)


def shard_clips(shards: Shards, encode: EncodeText) -> TrainingClips:
    """The clips of shards. encode: for captions, unless the shards have encoded ones.

    Raises MotionError if there are no clips. Clips of another size than the first raise it when they are read.
    """
    if not len(shards):
        raise MotionError(
            "There are no clips in {files}: encode videos first.", files=", ".join(path.name for path in shards.paths)
        )
    first = shards.tensors(0)
    shape = first[LATENTS].shape

    def latents(clip: int) -> Tensor:
        read = shards.tensors(clip)[LATENTS].to(torch.float32)
        if read.shape != shape:
            raise different_sizes(shape, read.shape)
        return read

    if CONDITIONING in first or POOLED in first:
        conditions = Read(len(shards), lambda clip: conditions_of(shards.tensors(clip)))
    else:
        texts = {text: encode(text) for text in dict.fromkeys(map(shards.caption, range(len(shards))))}
        conditions = Read(len(shards), lambda clip: texts[shards.caption(clip)])
    facts = facts_of([{"samples": first[LATENTS]}]) | {"clips": str(len(shards))}
    digest = hashlib.sha256(shards.places.tobytes()).hexdigest()
    files = {"shards": [(path.name, path.stat().st_size) for path in shards.paths], "places": digest}
    return TrainingClips(Read(len(shards), latents), conditions, facts, files)


def conditions_of(tensors: Mapping[str, Tensor]) -> host.Conditions:
    """CONDITIONING as ComfyUI's CLIP Text Encode gives it. Raises MotionError if only some clips have both tensors."""
    if not {CONDITIONING, POOLED} <= tensors.keys():
        raise MotionError(
            "Some clips have no conditioning or no pooled_output, and others do: encode all of them again."
        )
    context, pooled = (tensors[name].to(torch.float32) for name in (CONDITIONING, POOLED))
    return [(context, {POOLED: pooled})]  # type: ignore[list-item]


def members_of(latents: Tensor, caption: str, conditions: host.Conditions) -> dict[str, bytes]:
    """The members of a clip, by suffix. Tensors are in fp16."""
    entry: Any = conditions[0]  # ComfyUI gives several only for hooks with a schedule
    context, more = entry
    tensors = {LATENTS: latents, CONDITIONING: context, POOLED: more[POOLED]}
    halves = {name: value.detach().cpu().to(torch.float16).contiguous() for name, value in tensors.items()}
    return {SAFETENSORS: safetensors.torch.save(halves), TEXT: caption.encode()}


def write_shard(path: Path, clips: Iterable[Mapping[str, bytes]]) -> int:
    """Write a shard under a temporary name and rename it, so that a shard is always whole. Returns its clips.

    clips: the members of each, by suffix.
    """
    temporary, count = path.with_name(f".{path.name}.part"), 0
    with tarfile.open(temporary, "w") as tar:
        for members in clips:
            for suffix, content in members.items():
                member = tarfile.TarInfo(f"{count:06}{suffix}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
            count += 1
    os.replace(temporary, path)
    return count
