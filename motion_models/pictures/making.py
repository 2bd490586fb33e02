"""A clip made from given frames: what the sampler starts from, and what there is to say about it."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ..errors import sentence
from .clip import KeptFrames, cross_faded, noise_mask
from .encoding import GivenFrames, check_given, encoded
from .places import places_of


@dataclass(frozen=True)
class ClipSettings:
    at: str
    """The frames of the clip that are given, as `places_of` reads them."""
    frames: int
    width: int
    """Pixels. Frames of other clips have a size of their own."""
    height: int
    hold: float
    """Frames over which a given frame holds those beside it."""
    closed_loop: bool


@dataclass(frozen=True)
class PictureClip:
    latents: Tensor
    """(f 4 h w)"""
    noise_mask: Tensor
    """(f 1 h w)"""
    report: list[str]


def picture_clip(given: GivenFrames, vae: Any, settings: ClipSettings) -> PictureClip:
    """vae: as ComfyUI passes it to nodes, or None if there are no pictures. Raises MotionError for unusable input."""
    check_given(given, vae)
    places = places_of(settings.at, len(given), settings.frames, settings.closed_loop)
    size = given.size(settings.width, settings.height)
    latents, notes = encoded(given, vae, *size)
    # a single frame may have several places
    kept = KeptFrames(latents.expand(len(places), -1, -1, -1), tuple(places), settings.frames, settings.closed_loop)
    summary = sentence(
        "The clip has {frames} frames of {size}. Given frames: {places}.",
        frames=settings.frames,
        size="x".join(str(side) for side in size),
        places=", ".join(str(place) for place in sorted(places)),
    )
    return PictureClip(cross_faded(kept), noise_mask(kept, settings.hold), [summary, *notes])
