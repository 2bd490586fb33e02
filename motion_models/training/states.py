"""Files of a training: its resumable state, and its results in folders whose files the load nodes list."""

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from ..errors import MotionError

STATE = "state.safetensors"
FINGERPRINT = "fingerprint"


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


def fingerprint(settings: Mapping[str, Any], latents: Sequence[Tensor]) -> str:
    """A digest of everything that a training depends on. It can go on only if nothing of it has changed."""
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode())
    for clip in latents:
        digest.update(clip.detach().cpu().contiguous().to(torch.float32).numpy().tobytes())
    return digest.hexdigest()


def save_state(folder: Path, state: Mapping[str, Tensor], mark: str) -> None:
    """Replace the state of a training. mark: its fingerprint."""
    save_whole(state, folder / STATE, {FINGERPRINT: mark})


def load_state(folder: Path, mark: str) -> dict[str, Tensor] | None:
    """The state of a training, or None if there is none.

    Raises MotionError if a training of this name had other settings or other clips.
    """
    path = folder / STATE
    if not path.exists():
        return None
    with safe_open(path, "pt") as file:
        if (file.metadata() or {}).get(FINGERPRINT) != mark:
            raise MotionError(
                "{name} was trained with other settings or other clips: choose another name, or set resume to "
                "'start again'. Its state is in {folder}.",
                name=folder.name,
                folder=folder,
            )
        return {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - safe_open is not a dict
