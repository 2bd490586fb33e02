"""The clips of a training, from shards or from a folder of videos."""

import glob
import json
import logging
from pathlib import Path
from typing import Any

from ...errors import MotionError
from ..clips.encoding import encode_clips, encode_text
from ..dataset import TrainingClips, training_clips
from .config import Config
from .shards import open_shards, shard_clips

SETTINGS = "settings.json"
"""Beside encoded shards: how they were encoded."""

log = logging.getLogger("training")


def clips_of(config: Config, clip: Any, vae: Any) -> TrainingClips:
    """Raises MotionError if there are no clips, or if they cannot be read."""
    shards = tar_files(config, config.values["data"])
    if shards:
        clips = shard_clips(open_shards(shards), lambda text: encode_text(clip, text))
        clips.facts["fps"] = fps_of(shards[0].parent)
        return clips
    folder = folder_of(config, "data", config.values["data"])
    encoded = encode_clips(folder, config.clips["caption"], config.clip_settings(), vae, clip)
    for line in encoded.report:
        log.info(line)
    return training_clips(encoded.latents, encoded.conditioning)


def tar_files(config: Config, data: str | list[str]) -> list[Path]:
    """data: paths or patterns of tar files, or of folders that have some. Empty if it is another folder."""
    found: list[Path] = []
    for pattern in [data] if isinstance(data, str) else data:
        for path in map(Path, sorted(glob.glob(str(config.resolved(pattern))))):
            found += sorted(path.glob("*.tar")) if path.is_dir() else [path]
    return found


def folder_of(config: Config, key: str, data: str | list[str]) -> Path:
    """Raises MotionError unless `data` is one folder."""
    if not isinstance(data, str) or not data or not config.resolved(data).is_dir():
        raise MotionError(
            "{key} in {config} is {data}, and that is neither a folder nor tar files: correct the path. Paths are "
            "relative to the folder of {config}.",
            key=key,
            config=config.path.name,
            data=repr(data),
        )
    return config.resolved(data)


def fps_of(folder: Path) -> str:
    """Frames a second of encoded shards, for the metadata of a trained file. Empty for shards of other programs."""
    settings = folder / SETTINGS
    return f"{json.loads(settings.read_text())['fps']:g}" if settings.is_file() else ""
