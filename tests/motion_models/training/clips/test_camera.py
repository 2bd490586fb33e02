"""Camera moves, measured in a picture whose colours are coordinates."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
import pytest
from animatediff_xl.motion_models.training.clips.camera import (
    ASIDE,
    CAMERA_MOVES,
    CLEAR,
    CLOSE,
    NO_MOVE,
    TURN,
    CameraMove,
    view,
)
from PIL import Image

from tests.host.real_video import real_video
from tests.host.video import frames_of

WIDTH, HEIGHT = 240, 160
"""Of the picture."""


@dataclass(frozen=True)
class Seen:
    """What a crop of 64 x 64 pixels shows."""

    x: float
    y: float
    """Middle, in pixels of the picture."""
    side: float
    clockwise: float
    """Degrees by which the camera is turned."""


def seen(move: CameraMove, progress: float) -> Seen:
    x, y = np.meshgrid(np.arange(WIDTH) + 0.5, np.arange(HEIGHT) + 0.5)
    picture = Image.fromarray(np.stack([x, y, 0 * x], axis=-1).round().astype(np.uint8))
    crop = np.asarray(view(picture, 64, 64, move, progress)).astype(float)
    right = crop[24:40, 48:60].mean((0, 1)) - crop[24:40, 4:16].mean((0, 1))  # over 44 pixels
    angle = math.degrees(math.atan2(right[1], right[0]))
    middle = crop[16:48, 16:48].mean((0, 1))
    return Seen(middle[0], middle[1], math.hypot(*right[:2]) * 64 / 44, angle)


ROOM = ASIDE * HEIGHT
ROLLED = CLEAR * HEIGHT / (math.cos(math.radians(TURN)) + math.sin(math.radians(TURN)))
MIDDLE = Seen(WIDTH / 2, HEIGHT / 2, HEIGHT, 0)
EXPECTED = {
    "none": (MIDDLE, MIDDLE),
    "zoom in": (MIDDLE, Seen(120, 80, CLOSE * HEIGHT, 0)),
    "zoom out": (Seen(120, 80, CLOSE * HEIGHT, 0), MIDDLE),
    "pan left": (Seen(120 + ROOM, 80, CLOSE * HEIGHT, 0), Seen(120 - ROOM, 80, CLOSE * HEIGHT, 0)),
    "pan right": (Seen(120 - ROOM, 80, CLOSE * HEIGHT, 0), Seen(120 + ROOM, 80, CLOSE * HEIGHT, 0)),
    "tilt up": (Seen(120, 80 + ROOM, CLOSE * HEIGHT, 0), Seen(120, 80 - ROOM, CLOSE * HEIGHT, 0)),
    "tilt down": (Seen(120, 80 - ROOM, CLOSE * HEIGHT, 0), Seen(120, 80 + ROOM, CLOSE * HEIGHT, 0)),
    "roll clockwise": (Seen(120, 80, ROLLED, -TURN), Seen(120, 80, ROLLED, TURN)),
    "roll anticlockwise": (Seen(120, 80, ROLLED, TURN), Seen(120, 80, ROLLED, -TURN)),
}


@pytest.mark.parametrize("name", CAMERA_MOVES)
def test_camera_moves_start_and_end_where_they_should(name: str) -> None:
    for progress, expected in zip((0, 1), EXPECTED[name], strict=True):
        crop = seen(CAMERA_MOVES[name], progress)
        assert (crop.x, crop.y, crop.side) == pytest.approx((expected.x, expected.y, expected.side), abs=1.0)
        assert crop.clockwise == pytest.approx(expected.clockwise, abs=0.5)


@pytest.mark.parametrize("name", set(CAMERA_MOVES) - {NO_MOVE})
def test_camera_moves_are_steady(name: str) -> None:
    places = [seen(CAMERA_MOVES[name], position / 4) for position in range(5)]
    for values in zip(*((100 * math.log(s.side), s.x, s.y, s.clockwise) for s in places), strict=True):
        assert np.ptp(np.diff(values)) < 0.1 * abs(values[-1] - values[0]) + 1.1


@pytest.mark.parametrize("name", CAMERA_MOVES)
@pytest.mark.parametrize("size", [(240, 160), (160, 240), (90, 90), (64, 500)])
@pytest.mark.parametrize("wanted", [(64, 64), (96, 64), (64, 120)])
def test_a_crop_never_leaves_the_picture(name: str, size: tuple[int, int], wanted: tuple[int, int]) -> None:
    white = Image.new("RGB", size, "white")
    for progress in (0.0, 0.3, 1.0):
        crop = np.asarray(view(white, *wanted, CAMERA_MOVES[name], progress))
        assert crop.shape == (wanted[1], wanted[0], 3) and crop.min() >= 250


def test_scaling_averages_like_opencvs_area_filter() -> None:
    frame = (frames_of(real_video("bikes.mp4"))[150] * 255).round().astype(np.uint8)
    square = frame[:, 184:456]  # 272 x 272, from the middle of 640 x 272
    area, linear = (
        cv2.resize(square, (96, 96), interpolation=how).astype(float) for how in (cv2.INTER_AREA, cv2.INTER_LINEAR)
    )
    ours = np.asarray(view(Image.fromarray(frame), 96, 96, CAMERA_MOVES[NO_MOVE], 0))
    assert np.abs(ours - area).mean() / 255 < 0.002 < 0.01 < np.abs(linear - area).mean() / 255
