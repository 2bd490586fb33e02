"""What a drawn clip shows, measured from its frames: where the object is, its colour, how far it travels."""

import itertools
from dataclasses import dataclass

import cv2
import numpy as np

from .world import COLOURS

NEAR = 0.36
"""How near a pixel must be to an object's colour (Euclidean, RGB in 0..1); of the grounds one pixel
in 15,000 comes so near, to green."""
SMALLEST = 0.01
"""Share of the picture an object covers at least; in the drawn world it is 4 to 9 percent."""


def object_mask(frame: np.ndarray, colour: str) -> np.ndarray:
    """Where a frame (h w 3) has the colour of an object."""
    return np.linalg.norm(frame - np.array(COLOURS[colour]), axis=-1) < NEAR


def colour_of(frames: np.ndarray) -> str:
    """The object colour that covers most of a clip (f h w 3)."""
    return max(COLOURS, key=lambda colour: sum(object_mask(frame, colour).sum() for frame in frames))


def centres(frames: np.ndarray, colour: str) -> np.ndarray:
    """Centre of the object in each frame, (f 2) as x, y in pixels; NaN where there is none."""
    found = []
    for frame in frames:
        mask = object_mask(frame, colour)
        rows, columns = np.nonzero(mask)
        seen = mask.mean() >= SMALLEST
        found.append((columns.mean(), rows.mean()) if seen else (np.nan, np.nan))
    return np.array(found)


def displacement(frames: np.ndarray, colour: str) -> tuple[float, float]:
    """How far the object of a clip travels, x and y in pixels: the slope of a line through its centres, times the
    clip's length. NaN if it is missing from more than a quarter of the frames."""
    places = centres(frames, colour)
    when = np.arange(len(places))
    seen = ~np.isnan(places[:, 0])
    if seen.mean() < 0.75:
        return np.nan, np.nan
    slope = np.polyfit(when[seen], places[seen], 1)[0]
    return tuple(float(value) for value in slope * (len(places) - 1))


def direction_of(moved: tuple[float, float]) -> str:
    """The word for a displacement; "nowhere" for less than a tenth of the drawn world's speed."""
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
    """Where each pixel of a frame (h w 3) in 0..1 goes, (h w 2) as x, y in pixels: OpenCV's DIS, medium preset
    (Kroeger et al., arXiv 1603.03590)."""
    grey = [cv2.cvtColor((frame * 255).astype(np.uint8), cv2.COLOR_RGB2GRAY) for frame in (before, after)]
    return cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(*grey, None)


def seam(frames: np.ndarray) -> float:
    """The step from the last frame to the first, as a multiple of the usual one: 1 cannot be seen, far above is a jump,
    far below a standstill."""
    usual = np.median(np.abs(np.diff(frames, axis=0)).mean((1, 2, 3)))
    return float(np.abs(frames[-1] - frames[0]).mean() / usual)


def warp_error(before: np.ndarray, after: np.ndarray) -> float:
    """Mean squared difference of a frame from the next one brought back along the flow: what flickers, not what moves
    (Lai et al., ECCV 2018). Only where the flow back agrees."""
    forward, back = optical_flow(before, after), optical_flow(after, before)
    height, width = before.shape[:2]
    place = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).astype(np.float32) + forward
    returned = cv2.remap(back, place, None, cv2.INTER_LINEAR, borderValue=(1e3, 1e3))
    apart = np.square(forward + returned).sum(-1)
    valid = apart <= 0.01 * (np.square(forward).sum(-1) + np.square(returned).sum(-1)) + 0.5
    warped = cv2.remap(after.astype(np.float32), place, None, cv2.INTER_LINEAR)
    return float(np.square(before - warped)[valid].mean())


@dataclass(frozen=True)
class CameraMotion:
    """What the whole picture does from one frame to the next, on average."""

    right: float
    down: float
    """Pixels."""
    growth: float
    """0.02: everything becomes two percent larger."""


GRID = 4
"""Every so many pixels the optical flow is looked at."""
NEAR_FLOW = 0.5
"""Pixels by which a place may move otherwise than the picture and still count."""


def camera_motion(frames: np.ndarray) -> CameraMotion:
    """The move that explains the optical flow of a clip (f h w 3) in 0..1: a shift, and a growth from the middle.

    It is found by RANSAC, so that an object that travels through the picture does not matter.
    """
    flow = np.stack([optical_flow(a, b) for a, b in itertools.pairwise(frames)])
    height, width = flow.shape[1:3]
    places = np.stack(np.meshgrid(np.arange(width) - (width - 1) / 2, np.arange(height) - (height - 1) / 2), axis=-1)
    before, after = (
        np.broadcast_to(points, flow.shape)[:, ::GRID, ::GRID].reshape(-1, 2) for points in (places, places + flow)
    )
    move, _ = cv2.estimateAffinePartial2D(before, after, ransacReprojThreshold=NEAR_FLOW)
    return CameraMotion(float(move[0, 2]), float(move[1, 2]), float(move[0, 0]) - 1)
