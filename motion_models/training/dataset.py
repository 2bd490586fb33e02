"""The clips of a training: latents and the conditions of their captions."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from .. import host
from ..errors import MotionError

Latent = Mapping[str, Any]
"""LATENT of ComfyUI: {"samples": (f 4 h w)}, and what Encode AnimateDiff Clips knows about the clip."""


@dataclass(frozen=True)
class TrainingClips:
    """Clips of one size, and the CONDITIONING of each."""

    latents: Sequence[Tensor]
    """(f 4 h w) of each clip, as ComfyUI's VAE Encode gives them. A sequence may read a clip when it is used."""
    conditions: Sequence[host.Conditions]
    """A tuple if all are in memory."""
    facts: dict[str, str]
    """What the metadata of a trained file say about the clips."""
    files: Mapping[str, Any] = field(default_factory=dict)
    """Of clips that are read from files: what is known about the files. Clips in memory are known by their latents."""

    @property
    def frames(self) -> int:
        return len(self.latents[0])

    @property
    def conditions_at_hand(self) -> Sequence[host.Conditions]:
        """All conditions in memory, or the first of those in files."""
        return self.conditions if isinstance(self.conditions, tuple) else (self.conditions[0],)


CAPTION, FPS = "animatediff_caption", "animatediff_fps"
"""Keys of a LATENT from Encode AnimateDiff Clips. ComfyUI keeps them when it saves a training dataset."""

LATENT_CHANNELS = 4
"""Of SDXL and SD1.5."""

MOST_CAPTIONS = 100
"""In the metadata of a file."""


def training_clips(latents: Sequence[Latent], conditions: Sequence[host.Conditions]) -> TrainingClips:
    """The clips of lists from nodes. One condition serves all clips. Raises MotionError if they do not go together."""
    if not latents:
        raise MotionError("There are no clips: connect latents of clips, such as from Encode AnimateDiff Clips.")
    if len(conditions) not in (1, len(latents)):
        raise MotionError(
            "There are {clips} clips and {captions} conditionings: connect one for each clip, or one for all.",
            clips=len(latents),
            captions=len(conditions),
        )
    samples = [clip["samples"] for clip in latents]
    if not all(clip.numel() and clip.shape[1] == LATENT_CHANNELS for clip in samples):
        raise MotionError(
            "These latents are not of SDXL or SD1.5: encode the clips with the VAE of the checkpoint to train with."
        )
    sizes = {tuple(clip.shape) for clip in samples}
    if len(sizes) > 1:
        raise different_sizes(*sizes)
    # inference tensors of other nodes cannot be saved for a backward pass
    copies = tuple(clip.clone() for clip in samples)
    repeated = list(conditions) * (len(latents) // len(conditions))
    return TrainingClips(copies, tuple(cloned(each) for each in repeated), facts_of(latents))


def different_sizes(*sizes: tuple[int, ...]) -> MotionError:
    return MotionError(
        "The clips have different sizes: encode them with the same frames, width and height. There are clips of "
        "{sizes}.",
        sizes=", ".join(
            f"{frames} x {host.PIXELS * width} x {host.PIXELS * height}" for frames, _, height, width in sorted(sizes)
        ),
    )


def facts_of(latents: Sequence[Latent]) -> dict[str, str]:
    frames, _, height, width = latents[0]["samples"].shape
    captions = list(dict.fromkeys(clip[CAPTION] for clip in latents if CAPTION in clip))
    rates = sorted({clip[FPS] for clip in latents if FPS in clip})
    return {
        "frames": str(frames),
        "width": str(host.PIXELS * width),
        "height": str(host.PIXELS * height),
        "fps": ", ".join(f"{rate:g}" for rate in rates),
        "clips": str(len(latents)),
        "captions": json.dumps(captions[:MOST_CAPTIONS], ensure_ascii=False),
    }


def cloned(conditions: host.Conditions) -> host.Conditions:
    return [tuple(clone_value(part) for part in entry) for entry in conditions]  # type: ignore[misc]


def clone_value(value: object) -> object:
    if isinstance(value, Tensor):
        return value.clone()
    return {name: clone_value(part) for name, part in value.items()} if isinstance(value, dict) else value
