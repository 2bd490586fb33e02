"""Files of the model folders: what is listed, what is missing, where to put it."""

from collections.abc import Iterable
from pathlib import Path

import folder_paths

from ..motion_models.files.reading import SUFFIXES

MOTION_MODELS, MOTION_LORAS, LORAS = "animatediff_models", "animatediff_motion_lora", "loras"


def listed(*folders: str) -> list[str]:
    """Model files of some kinds of folders; other packs may have registered them for any suffix."""
    names = (name for folder in folders for name in folder_paths.get_filename_list(folder))
    return list(dict.fromkeys(name for name in names if name.lower().endswith(SUFFIXES)))


def missing(name: str, folders: Iterable[str], what: str, example: str) -> str | None:
    """A sentence if there is no such file, for a node's own check of its inputs; None if there is."""
    files = listed(*folders)
    if name in files:
        return None
    folder = folder_paths.get_folder_paths(next(iter(folders)))[0]
    if not files:
        return f"No {what} found: put one, such as {example}, into {folder} and press R."
    return f"There is no {what} '{name}' in {folder}: choose another, or put it there and press R."


def path_of(name: str, folders: Iterable[str]) -> Path:
    paths = (folder_paths.get_full_path(folder, name) for folder in folders)
    return Path(next(path for path in paths if path))


def changed(path: Path) -> tuple[float, int]:
    """What differs when a file has changed, so that a node runs again."""
    facts = path.stat()
    return facts.st_mtime, facts.st_size
