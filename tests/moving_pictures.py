"""Drawn clips whose motion is known: a textured ground that a camera moves over, and discs in front of it."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from animatediff_xl.motion_models.measures.camera import CameraMotion, from_middle

STILL = CameraMotion(0.0, 0.0, 0.0)
SIZE, FRAMES = 256, 3
WAVES, CONTRAST = 24, 0.09
SHORTEST, LONGEST = 6.0, 40.0
"""Pixels of a wave. Waves are exact between pixels. OpenCV's cubic interpolation is up to 0.05 pixels off."""


@dataclass(frozen=True)
class Disc:
    """Moves in a straight line. It keeps its size, and the camera's shift moves it too."""

    right: float
    down: float
    """Pixels in one frame, beyond the camera's."""
    radius: float = 0.14
    x: float = 0.0
    y: float = 0.0
    """Where it is in the middle frame, from the middle of the picture. These three are shares of the picture's size."""


def texture(places: np.ndarray, seed: int) -> np.ndarray:
    """The colour (h w 3), around 0.5, of an endless ground at places (h w 2) in pixels."""
    generator = np.random.default_rng(seed)
    lengths = np.geomspace(SHORTEST, LONGEST, WAVES)
    angles, phases = generator.uniform(0, 2 * np.pi, (2, WAVES))
    waves = 2 * np.pi / lengths * np.stack([np.cos(angles), np.sin(angles)])
    amplitudes = CONTRAST * generator.uniform(0.3, 1, (WAVES, 3))
    return (np.cos(places.astype(np.float32) @ waves.astype(np.float32) + phases) @ amplitudes + 0.5).clip(0.05, 0.95)


def power(matrix: np.ndarray, times: float) -> np.ndarray:
    """The similarity (2 3) of a camera that moves for so many frames. Half a frame is half the way."""
    scale, angle = np.hypot(*matrix[:, 0]) ** times, np.arctan2(matrix[1, 0], matrix[0, 0]) * times
    turned = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.concatenate([turned, matrix[:, 2:] * times], axis=1)


def ground(camera: CameraMotion, times: float, size: int, seed: int) -> np.ndarray:
    """What the camera shows. Use either shifts or turns, whose order would matter."""
    inverse = cv2.invertAffineTransform(power(camera.matrix(), times))
    return texture(from_middle(size, size) @ inverse[:, :2].T + inverse[:, 2], seed)


def with_disc(frame: np.ndarray, disc: Disc, camera: CameraMotion, times: float) -> np.ndarray:
    size = len(frame)
    x = disc.x * size + (disc.right + camera.right) * times
    y = disc.y * size + (disc.down + camera.down) * times
    places = from_middle(size, size) - np.array([x, y], np.float32)
    inside = np.clip(disc.radius * size - np.linalg.norm(places, axis=-1) + 0.5, 0, 1)[..., None]
    return frame * (1 - inside) + texture(places, 5) * np.array([1.0, 0.5, 0.4]) * inside


def drawn_clip(
    camera: CameraMotion = STILL, discs: Sequence[Disc] = (), frames: int = FRAMES, size: int = SIZE, seed: int = 1
) -> np.ndarray:
    """(f h w 3) in 0..1. The middle frame is the same for all cameras."""
    shown = []
    for times in np.arange(frames) - (frames - 1) / 2:
        frame = ground(camera, float(times), size, seed)
        for disc in discs:
            frame = with_disc(frame, disc, camera, float(times))
        shown.append(frame)
    return np.stack(shown).clip(0, 1).astype(np.float32)


def apart(one: float, other: float) -> float:
    """Degrees between two directions."""
    return abs((one - other + 180) % 360 - 180)
