"""Encodes videos into shards: those of a folder, or of tar files in WebDataset's layout.

Processes share the shards. A shard that is there already is left out, so an encoding that stopped goes on.
"""

import dataclasses
import glob
import json
import logging
import os
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ...errors import MotionError, sentence
from ..clips.encoding import clips_of, encode_frames, encode_text
from ..clips.report import Report
from ..clips.sources import VIDEO_SUFFIXES, Source, find_sources
from .config import Config
from .shards import TEXT, members_of, write_shard
from .sources import SETTINGS, folder_of, tar_files

SOURCES_PER_SHARD = 64
"""Of a folder."""

log = logging.getLogger("training")

Part = Path | list[Source]
"""What becomes one shard: a tar file of videos, or some sources of a folder."""


def encode_shards(config: Config, clip: Any, vae: Any, rank: int, count: int) -> None:
    """Write the shards of `source` in [clips] into the folder `data`. This is process `rank` of `count`.

    Raises MotionError if that folder has shards of other settings, or if there is nothing to encode.
    """
    data = config.values["data"]
    if not isinstance(data, str) or glob.has_magic(data) or data.endswith(".tar"):
        raise MotionError(
            "data in {config} is {data}: to encode, write the folder in which the shards are to be.",
            config=config.path.name,
            data=repr(data),
        )
    target = config.resolved(data)
    claim(target, config)
    for name, part in sorted(parts_of(config).items())[rank::count]:
        shard = target / f"{name}.tar"
        if shard.exists():
            log.info(sentence("{file} is there already.", file=shard.name))
            continue
        report = Report(config.clip_settings())
        with sources_in(part, config.clips["caption"]) as sources:
            clips = write_shard(shard, encoded(sources, report, clip, vae))
        log.info(sentence("{file}: {clips} clips.", file=shard.name, clips=clips))
        for line in report.problems:
            log.info(line)


def claim(target: Path, config: Config) -> None:
    """Note in a folder how its shards are encoded. Raises MotionError if it has shards of other settings."""
    settings = {**dataclasses.asdict(config.clip_settings()), "checkpoint": config.file("checkpoint").name}
    note = target / SETTINGS
    if note.exists() and json.loads(note.read_text()) != settings:
        raise MotionError(
            "{folder} has clips of other settings: choose another folder as data, or delete this one.", folder=target
        )
    target.mkdir(parents=True, exist_ok=True)
    temporary = note.with_name(f".{SETTINGS}.{os.getpid()}")
    temporary.write_text(json.dumps(settings))
    os.replace(temporary, note)


def parts_of(config: Config) -> dict[str, Part]:
    """By the name of their shard."""
    source, caption = config.clips["source"], config.clips["caption"]
    tars = tar_files(config, source)
    if tars:
        return {f"{number:05}_{path.stem}": path for number, path in enumerate(tars)}
    sources = find_sources(folder_of(config, "source", source), caption)
    starts = range(0, len(sources), SOURCES_PER_SHARD)
    return {f"{number:05}": sources[start : start + SOURCES_PER_SHARD] for number, start in enumerate(starts)}


@contextmanager
def sources_in(part: Part, caption: str) -> Iterator[list[Source]]:
    """The sources of a part. Videos of a tar file are unpacked while the context is open."""
    if isinstance(part, list):
        yield part
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary, part.name)
        folder.mkdir()
        with tarfile.open(part, "r:") as tar:
            for member in filter(tarfile.TarInfo.isfile, tar):
                content = tar.extractfile(member)
                if content and member.name.lower().endswith((*VIDEO_SUFFIXES, TEXT)):
                    (folder / member.name.strip("./").replace("/", "_")).write_bytes(content.read())
        yield find_sources(folder, caption)


def encoded(sources: list[Source], report: Report, clip: Any, vae: Any) -> Iterator[Mapping[str, bytes]]:
    """The members of each clip."""
    for source in sources:
        conditions = encode_text(clip, source.caption)
        for frames in clips_of(source, report.settings, report):
            yield members_of(encode_frames(vae, frames), source.caption, conditions)
