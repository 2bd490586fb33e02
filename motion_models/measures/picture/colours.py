"""Colours of clips, of optical flow, and of differences between two frames."""

import colorsys

import numpy as np

from ...drawing.canvas import BRIGHT, DARK

PALETTE = (
    BRIGHT, (255, 166, 87), (126, 231, 135), (255, 123, 114), (210, 168, 255), (242, 204, 96), (86, 212, 221),
    (255, 155, 206),
)  # fmt: skip
"""Of clips, in order."""
REFERENCE_COLOUR = (150, 156, 164)
UNKNOWN = (78, 82, 90)
"""Pixels for which the flow is not valid."""
HUES, HUE_STEPS = np.array([colorsys.hsv_to_rgb(step / 360, 0.75, 1.0) for step in range(360)], np.float32), 360
STILL = np.array(DARK, np.float32) / 255
MARKED = np.array([1.0, 0.55, 0.1], np.float32)
"""The largest difference."""


def flow_colours(motion: np.ndarray, valid: np.ndarray, largest: float) -> np.ndarray:
    """Flow (h w 2) as a picture (h w 3) in 0..255: hue is the direction, brightness the speed up to the largest."""
    degrees = np.degrees(np.arctan2(-motion[..., 1], motion[..., 0])).astype(int) % HUE_STEPS
    strength = np.clip(np.linalg.norm(motion, axis=-1) / largest, 0, 1)[..., None]
    coloured = STILL + strength * (HUES[degrees] - STILL)
    return to_bytes(np.where(valid[..., None], coloured, np.array(UNKNOWN, np.float32) / 255))


def wheel(diameter: int) -> np.ndarray:
    """(h w 3) in 0..255: the colour of each direction and speed, around the middle."""
    across = np.linspace(-1, 1, diameter)
    motion = np.stack(np.meshgrid(across, across), axis=-1)
    inside = np.linalg.norm(motion, axis=-1) <= 1
    return np.where(inside[..., None], flow_colours(motion, inside, 1.0), 0).astype(np.uint8)


def difference_colours(frame: np.ndarray, other: np.ndarray, largest: float) -> np.ndarray:
    """The difference of two frames (h w 3) in 0..1 as a picture in 0..255: dark where they are equal."""
    strength = np.clip(np.abs(frame - other).mean(-1) / largest, 0, 1)[..., None]
    return to_bytes(STILL + strength * (MARKED - STILL))


def to_bytes(picture: np.ndarray) -> np.ndarray:
    return (picture * 255).round().astype(np.uint8)
