"""Files of a training: its resumable state, and its results in folders whose files the load nodes list."""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ..errors import MotionError

STATE = "state.safetensors"
DEPENDS_ON = "depends_on"

Facts = dict[str, str]
"""What a training depends on, by name. It goes on only if nothing of it has changed."""


def save_whole(tensors: Mapping[str, Tensor], path: Path, metadata: dict[str, str]) -> None:
    """Write a file under a temporary name and rename it, so that a file of this name is always whole.

    Raises MotionError if it cannot be written, for example because the disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.part")
    kept = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    try:
        save_file(kept, temporary, metadata)
        os.replace(temporary, path)
    except Exception as error:  # safetensors raises its own error type for a full disk
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise MotionError(
            "{file} cannot be written: make room on the disk, or check the permissions of {folder}. The system "
            "reports: {reason}.",
            file=path.name,
            folder=path.parent,
            reason=error,
        ) from error


def digest_of(values: Iterable[Any]) -> str:
    """A digest of tensors and of other values, which have a text."""
    digest = hashlib.sha256()
    for value in values:
        if isinstance(value, Tensor):
            value = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
        digest.update(value if isinstance(value, bytes) else repr(value).encode())
    return digest.hexdigest()


def save_state(folder: Path, state: Mapping[str, Tensor], depends_on: Facts) -> None:
    """Replace the state of a training."""
    save_whole(state, folder / STATE, {DEPENDS_ON: json.dumps(depends_on)})


def load_state(folder: Path, depends_on: Facts) -> dict[str, Tensor] | None:
    """The state of a training, or None if there is none.

    Raises MotionError if the file is damaged, or if a training of this name depends on other facts.
    """
    path = folder / STATE
    if not path.exists():
        return None
    try:
        with safe_open(path, "pt") as file:
            known = json.loads((file.metadata() or {}).get(DEPENDS_ON, "{}"))
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - safe_open is not a dict
    except SafetensorError as error:
        raise MotionError(
            "The state of {name} is damaged: choose another name, or set resume to 'start again'. Its folder is "
            "{folder}.",
            name=folder.name,
            folder=folder,
        ) from error
    changed = [name for name in depends_on | known if depends_on.get(name) != known.get(name)]
    if changed:
        raise MotionError(
            "{name} was trained with other settings or other clips: choose another name, or set resume to "
            "'start again'. What changed: {changed}. Its state is in {folder}.",
            name=folder.name,
            changed=", ".join(changed),
            folder=folder,
        )
    return state
