"""The drawn world says what its captions say, and the measures see it."""

import numpy as np
import pytest
import torch
from comfy.ldm.modules.attention import SpatialTransformer

from .measure import colour_of, direction_of, displacement, frame_difference
from .parts import new_unet, new_vae
from .world import FRAMES, SCENES, SIZE, Scene, draw, measure


def clips(scenes: list[Scene], seed: int = 0) -> torch.Tensor:
    return draw(scenes, torch.Generator().manual_seed(seed))
