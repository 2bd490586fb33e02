"""Files of the model folders: which are listed, and a sentence about a missing one."""

from collections.abc import Iterable
from pathlib import Path

import folder_paths

from ..motion_models.errors import sentence
from ..motion_models.files.reading import SUFFIXES
from ..motion_models.files.reading import missing as no_such_file

MOTION_MODELS, MOTION_LORAS, LORAS = "animatediff_models", "animatediff_motion_lora", "loras"


def listed(*folders: str) -> list[str]:
    """Model files of some folders. Other packs may have registered a folder for any suffix."""
    names = (name for folder in folders for name in folder_paths.get_filename_list(folder))
    return list(dict.fromkeys(name for name in names if name.lower().endswith(SUFFIXES)))


def missing(name: str, folders: Iterable[str], what: str, example: str) -> str | None:
    """A sentence if the file does not exist, None if it does."""
    files = listed(*folders)
    if name in files:
        return None
    folder = folder_paths.get_folder_paths(next(iter(folders)))[0]
    if not files:
        return sentence(
            "No {what} found: put a file such as {example} into {folder} and press R.",
            what=what,
            example=example,
            folder=folder,
        )
    return sentence(
        "{folder} has no {what} '{name}': choose another, or put the file there and press R.",
        folder=folder,
        what=what,
        name=name,
    )


def path_of(name: str, folders: Iterable[str]) -> Path:
    """The path of a file. Raises MotionError if the file does not exist."""
    paths = (folder_paths.get_full_path(folder, name) for folder in folders if isinstance(name, str))
    path = next((path for path in paths if path), None)
    if path is None:
        raise no_such_file(str(name))
    return Path(path)


def changed(path: Path) -> tuple[float, int]:
    """Time and size of a file. A node runs again when they change. They are 0 if the file cannot be reached.

    The node then runs, and its reading of the file says what is wrong.
    """
    try:
        facts = path.stat()
    except (OSError, ValueError):
        return 0.0, 0
    return facts.st_mtime, facts.st_size
