"""Files of the model folders: which are listed, where one is, and a sentence about a missing one."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import folder_paths

from ...motion_models.errors import MotionError
from ...motion_models.files.reading import SUFFIXES


@dataclass(frozen=True)
class FileKind:
    """A kind of files that nodes load."""

    name: str
    folders: tuple[str, ...]
    """Kinds of folders of ComfyUI."""
    example: str

    @property
    def nothing_found(self) -> str:
        """The only choice of a node if there are no files."""
        return f"no {self.name} found"


MOTION_MODEL = FileKind("motion model", ("animatediff_models",), "mm_sdxl_v10_beta.ckpt")
MOTION_LORA = FileKind("MotionLoRA", ("animatediff_motion_lora",), "v2_lora_PanLeft.ckpt")
DOMAIN_ADAPTER = FileKind("domain adapter", ("animatediff_motion_lora", "loras"), "v3_sd15_adapter.ckpt")


def listed(kind: FileKind) -> list[str]:
    """Model files in the folders of a kind. Other packs may have registered a folder for any suffix."""
    names = (name for folder in kind.folders for name in folder_paths.get_filename_list(folder))
    return list(dict.fromkeys(name for name in names if name.lower().endswith(SUFFIXES)))


def path_of(name: Any, kind: FileKind) -> Path:
    """The path of a file. Raises MotionError if there is no such file."""
    paths = (folder_paths.get_full_path(folder, name) for folder in kind.folders if isinstance(name, str))
    path = next((path for path in paths if path), None)
    if path is None:
        raise missing_file(name, kind)
    return Path(path)


def missing_file(name: Any, kind: FileKind) -> MotionError:
    folder = folder_paths.get_folder_paths(kind.folders[0])[0]
    if not listed(kind):
        return MotionError(
            "No {kind} found: put a file such as {example} into {folder} and press R.",
            kind=kind.name,
            example=kind.example,
            folder=folder,
        )
    return MotionError(
        "There is no {kind} '{name}': choose another, or put the file into {folder} and press R.",
        kind=kind.name,
        name=name,
        folder=folder,
    )


def fingerprint(name: Any, kind: FileKind) -> tuple[float, int]:
    """Time and size of a file. A node runs again when they change. They are 0 if the file cannot be reached.

    The node then runs, and says what is wrong.
    """
    try:
        facts = path_of(name, kind).stat()
    except (MotionError, OSError, ValueError):
        return 0.0, 0
    return facts.st_mtime, facts.st_size
