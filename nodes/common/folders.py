"""Subfolders of ComfyUI's input folder: which there are, where one is, and whether its files have changed."""

from pathlib import Path
from typing import Any

import folder_paths

from ...motion_models.errors import MotionError

NO_FOLDER = "no folder found"
"""The only choice of a node if there are no folders."""


def input_folders() -> list[str]:
    return folder_paths.get_input_subfolders()


def folder_of(name: Any) -> Path:
    """The path of a subfolder. Raises MotionError for any other name, so that nothing outside is read."""
    folders, inside = input_folders(), folder_paths.get_input_directory()
    if not folders:
        raise MotionError("No folder found: make a folder with videos in {folder} and press R.", folder=inside)
    if not isinstance(name, str) or name not in folders:
        raise MotionError(
            "There is no folder '{name}': choose another, or make it in {folder} and press R.", name=name, folder=inside
        )
    return Path(inside, name)


def files_fingerprint(name: Any) -> list[tuple[str, int, int]]:
    """Names, times and sizes of the files of a folder and of the folders in it. A node runs again when they change.

    Hidden files are left out, because systems change them at any time. Empty if the folder cannot be read. The node
    then runs, and says what is wrong.
    """
    try:
        paths = [path for pattern in ("*", "*/*") for path in folder_of(name).glob(pattern)]
        files = [path for path in paths if path.is_file() and not path.name.startswith(".")]
        return sorted((str(path), path.stat().st_mtime_ns, path.stat().st_size) for path in files)
    except (MotionError, OSError):
        return []
