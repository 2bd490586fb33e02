"""How cameras move in the drawn world, as `world.places` takes it: pixels that the picture goes to the right and down,
and by how much it grows, from one frame to the next."""

import torch
from torch import Tensor

MOVES = {"pan_left": (1.5, 0.0, 0.0), "zoom_in": (0.0, 0.0, 0.03)}
"""What the tiny MotionLoRAs learn. When the camera pans to the left, everything in the picture goes to the right."""

FASTEST = torch.tensor([1.6, 1.6, 0.035])
MOVING = 0.7
"""Share of moving cameras that do each of the three."""


def any_cameras(count: int, generator: torch.Generator) -> Tensor:
    """(count 3): every second camera stands still, the others move anyhow."""
    cameras = FASTEST * (2 * torch.rand(count, 3, generator=generator) - 1)
    cameras *= torch.rand(count, 3, generator=generator) < MOVING
    cameras[::2] = 0
    return cameras
