"""What all pictures share: colours, letters, and the way to an IMAGE."""

import numpy as np
import torch
from PIL import Image, ImageFont
from torch import Tensor

WIDTH = 600
"""Nodes and help pages show pictures at half of that, and letters stay readable."""
MARGIN, TEXT_HEIGHT, LETTERS = 16, 26, 20
BACKGROUND, TEXT_COLOUR, DARK = (24, 26, 30), (225, 228, 232), (44, 48, 54)
BRIGHT = (88, 166, 255)


def font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(LETTERS)


def to_image(picture: Image.Image) -> Tensor:
    """An IMAGE (1 h w 3) in 0..1."""
    return torch.from_numpy(np.asarray(picture).astype(np.float32) / 255)[None]
