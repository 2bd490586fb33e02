"""The drawn world as a moving camera films it, for the tiny MotionLoRAs."""

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from .world import FRAMES, SIZE

PAN = 1.5
"""Pixels a frame. When the camera pans to the left, everything in the picture moves to the right."""
ZOOM = 0.03
"""Growth of everything in the picture from frame to frame when the camera zooms in."""

MOVES = ("pan_left", "zoom_in")


def film(clips: Tensor, move: str, sign: int) -> Tensor:
    """Clips (b f 3 h w) filmed with one of MOVES; sign -1 is the move the other way. What the camera has not seen is
    mirrored at the edge."""
    when = sign * (torch.arange(FRAMES) - (FRAMES - 1) / 2)
    place = torch.eye(2, 3).repeat(FRAMES, 1, 1)  # where each pixel of the film comes from
    if move == "pan_left":
        place[:, 0, 2] = -PAN * when * 2 / SIZE
    else:
        place[:, :, :2] *= torch.exp(-ZOOM * when)[:, None, None]
    place = place.repeat(len(clips), 1, 1)
    frames = clips.flatten(0, 1)
    grid = affine_grid(place, list(frames.shape), align_corners=False)
    return grid_sample(frames, grid, padding_mode="reflection", align_corners=False).unflatten(0, (-1, FRAMES))
