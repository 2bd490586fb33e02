"""Metrics of a clip: position, colour and displacement of its object, camera motion, consistency of its frames."""

import itertools
from dataclasses import dataclass

import cv2
import numpy as np

from .synthetic_dataset import COLOURS

COLOUR_TOLERANCE = 0.36
"""Largest distance of a pixel from an object's colour (Euclidean, RGB in 0..1). One background pixel in 15,000 is
nearer, to green."""
MIN_OBJECT_SHARE = 0.01
"""Smallest share of the picture for an object; objects of the synthetic dataset cover 4 to 9 percent."""


def object_mask(frame: np.ndarray, colour: str) -> np.ndarray:
    """The pixels of a frame (h w 3) that have the colour of an object."""
    return np.linalg.norm(frame - np.array(COLOURS[colour]), axis=-1) < COLOUR_TOLERANCE


def colour_of(frames: np.ndarray) -> str:
    """The object colour that covers most of a clip (f h w 3)."""
    return max(COLOURS, key=lambda colour: sum(object_mask(frame, colour).sum() for frame in frames))


def centres(frames: np.ndarray, colour: str) -> np.ndarray:
    """Centre of the object in each frame, (f 2) as x, y in pixels; NaN where there is none."""
    found = []
    for frame in frames:
        mask = object_mask(frame, colour)
        rows, columns = np.nonzero(mask)
        seen = mask.mean() >= MIN_OBJECT_SHARE
        found.append((columns.mean(), rows.mean()) if seen else (np.nan, np.nan))
    return np.array(found)


def displacement(frames: np.ndarray, colour: str) -> tuple[float, float]:
    """Displacement of the object over a clip, x and y in pixels: the slope of a line through its centres, times the
    length of the clip. NaN if the object is missing from more than a quarter of the frames."""
    positions = centres(frames, colour)
    frame_numbers = np.arange(len(positions))
    seen = ~np.isnan(positions[:, 0])
    if seen.mean() < 0.75:
        return np.nan, np.nan
    slope = np.polyfit(frame_numbers[seen], positions[seen], 1)[0]
    return tuple(float(value) for value in slope * (len(positions) - 1))


def direction_of(moved: tuple[float, float]) -> str:
    """The word for a displacement; "nowhere" for less than a tenth of the speed in the synthetic dataset."""
    x, y = moved
    if not max(abs(x), abs(y)) > 6:
        return "nowhere"
    if abs(x) > abs(y):
        return "right" if x > 0 else "left"
    return "down" if y > 0 else "up"


def frame_difference(frames: np.ndarray) -> float:
    """Mean absolute difference of neighbouring frames."""
    return float(np.abs(np.diff(frames, axis=0)).mean())


def optical_flow(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Motion of each pixel between two frames (h w 3) in 0..1, (h w 2) as x, y in pixels: OpenCV's DIS, medium preset
    (Kroeger et al., arXiv 1603.03590)."""
    grey = [cv2.cvtColor((frame * 255).astype(np.uint8), cv2.COLOR_RGB2GRAY) for frame in (before, after)]
    return cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(*grey, None)


def seam(frames: np.ndarray) -> float:
    """Difference of the last frame from the first, divided by the median difference of neighbouring frames. Near 1 it
    cannot be seen; far above is a jump, far below a standstill."""
    usual = np.median(np.abs(np.diff(frames, axis=0)).mean((1, 2, 3)))
    return float(np.abs(frames[-1] - frames[0]).mean() / usual)


def warp_error(before: np.ndarray, after: np.ndarray) -> float:
    """Mean squared difference of a frame from the next one, warped back along the flow: it measures flicker, not motion
    (Lai et al., ECCV 2018). Only pixels count whose backward flow agrees."""
    forward, back = optical_flow(before, after), optical_flow(after, before)
    height, width = before.shape[:2]
    positions = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).astype(np.float32) + forward
    returned = cv2.remap(back, positions, None, cv2.INTER_LINEAR, borderValue=(1e3, 1e3))
    apart = np.square(forward + returned).sum(-1)
    valid = apart <= 0.01 * (np.square(forward).sum(-1) + np.square(returned).sum(-1)) + 0.5
    warped = cv2.remap(after.astype(np.float32), positions, None, cv2.INTER_LINEAR)
    return float(np.square(before - warped)[valid].mean())


@dataclass(frozen=True)
class CameraMotion:
    """Mean motion of the whole picture from one frame to the next."""

    right: float
    down: float
    """Pixels."""
    growth: float
    """0.02: everything becomes two percent larger."""


FLOW_SPACING = 4
"""Pixels between two samples of the optical flow."""
RANSAC_THRESHOLD = 0.5
"""Pixels by which the flow of an inlier may differ from that of the picture."""


def camera_motion(frames: np.ndarray) -> CameraMotion:
    """Shift and growth from the middle that fit the optical flow of a clip (f h w 3) in 0..1.

    RANSAC fits them, so that a moving object in the picture does not matter.
    """
    flow = np.stack([optical_flow(a, b) for a, b in itertools.pairwise(frames)])
    height, width = flow.shape[1:3]
    positions = np.stack(np.meshgrid(np.arange(width) - (width - 1) / 2, np.arange(height) - (height - 1) / 2), axis=-1)
    before, after = (
        np.broadcast_to(points, flow.shape)[:, ::FLOW_SPACING, ::FLOW_SPACING].reshape(-1, 2)
        for points in (positions, positions + flow)
    )
    move, _ = cv2.estimateAffinePartial2D(before, after, ransacReprojThreshold=RANSAC_THRESHOLD)
    return CameraMotion(float(move[0, 2]), float(move[1, 2]), float(move[0, 0]) - 1)
