"""Camera motions of the synthetic dataset, from one frame to the next: pixels by which the picture moves to the right
and down, and its growth. `scene_coordinates` takes them."""

import torch
from torch import Tensor

MOVES = {"pan_left": (1.5, 0.0, 0.0), "zoom_in": (0.0, 0.0, 0.03)}
"""The motions of the tiny MotionLoRAs. When the camera pans to the left, the picture moves to the right."""

MAX_SPEED = torch.tensor([1.6, 1.6, 0.035])
MOVING_SHARE = 0.7
"""Probability of each of the three in a moving camera."""


def random_cameras(count: int, generator: torch.Generator) -> Tensor:
    """(count 3): every second camera stands still, the others move at random."""
    cameras = MAX_SPEED * (2 * torch.rand(count, 3, generator=generator) - 1)
    cameras *= torch.rand(count, 3, generator=generator) < MOVING_SHARE
    cameras[::2] = 0
    return cameras
