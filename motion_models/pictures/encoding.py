"""The given frames of a clip as latents: pictures of any size, and frames of other clips."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .. import host
from ..errors import MotionError, sentence

LATENT_CHANNELS = 4


@dataclass(frozen=True)
class GivenFrames:
    """What a clip is made from. The frames of latents come before the pictures."""

    pictures: Tensor | None
    """(n h w 3) in 0..1."""
    latents: Tensor | None
    """(n 4 h w), frames of other clips."""

    def __len__(self) -> int:
        return sum(len(part) for part in (self.pictures, self.latents) if part is not None)

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height of the clip in pixels: those of the latents, if there are any."""
        if self.latents is not None:
            height, width = (side * host.PIXELS for side in self.latents.shape[-2:])
        return width // host.PIXELS * host.PIXELS, height // host.PIXELS * host.PIXELS


def check_given(given: GivenFrames, vae: Any) -> None:
    """Raises MotionError if there is nothing to make a clip from, or if it cannot be used."""
    if not len(given):
        raise MotionError("No pictures are connected: connect pictures, or the frames of another clip to latent.")
    if given.pictures is not None and vae is None:
        raise MotionError("The pictures cannot be encoded without a VAE: connect the VAE of the checkpoint.")
    if given.latents is not None and given.latents.shape[1] != LATENT_CHANNELS:
        raise MotionError(
            "latent is not of SDXL or SD1.5: connect frames of a clip made with such a checkpoint. It has {channels} "
            "channels instead of 4.",
            channels=given.latents.shape[1],
        )


def encoded(given: GivenFrames, vae: Any, width: int, height: int) -> tuple[Tensor, list[str]]:
    """Latents (n 4 height/8 width/8) of the given frames, and sentences about pictures of another size."""
    empty = host.empty_latents(len(given), height, width)
    parts, notes = [] if given.latents is None else [given.latents], []
    if given.pictures is not None:
        fitting, notes = fitted(given.pictures, width, height)
        latents = vae.encode(fitting)
        if latents.shape[1:] != empty.shape[1:]:
            raise MotionError(
                "This VAE is not one of SDXL or SD1.5: connect the VAE of the checkpoint. Its latents have the shape "
                "{shape}.",
                shape=tuple(latents.shape),
            )
        parts.append(latents)
    return torch.cat([part.to(empty) for part in parts]), notes


SMALLEST_CROP = 2
"""Pixels of a picture that must be left on each side by a crop."""


def fitted(pictures: Tensor, width: int, height: int) -> tuple[Tensor, list[str]]:
    """Pictures (n h w 3) of the size of the clip. Raises MotionError if almost nothing is left of them."""
    old_height, old_width = pictures.shape[1:3]
    if (old_width, old_height) == (width, height):
        return pictures, []
    sizes = {"old": f"{old_width}x{old_height}", "new": f"{width}x{height}"}
    if min(old_width, old_height, old_height * width / height, old_width * height / width) < SMALLEST_CROP:
        raise MotionError(
            "The pictures are too narrow for the clip: crop them first, or change width and height. They have {old} "
            "pixels, and the clip {new}.",
            **sizes,
        )
    if old_width * height == old_height * width:
        note = sentence("The pictures were scaled from {old} to {new}.", **sizes)
    else:
        note = sentence("The pictures were scaled from {old} to {new}, and cropped to their middle.", **sizes)
    return host.fitted(pictures, width, height), [note]
