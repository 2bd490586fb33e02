"""Measures of clips of the synthetic dataset: position, colour, shape and displacement of their object,
found by its colour.

The other measures are those of the pack. The pack finds objects by their motion from one frame to the next. This file
finds where an object is, and whether there is one, also if it stands still.
"""

import cv2
import numpy as np
import torch
from animatediff_xl.motion_models.measures.camera import CameraMotion
from animatediff_xl.motion_models.measures.clip import measure_clip
from animatediff_xl.motion_models.measures.flow import flow_between
from animatediff_xl.motion_models.measures.steadiness import changes

from .synthetic_dataset import COLOURS, SHAPES, shape_masks

COLOUR_TOLERANCE = 0.36
"""Largest distance of a pixel from an object's colour (Euclidean, RGB in 0..1). One background pixel in 15,000 is
nearer, to green."""
MIN_OBJECT_SHARE = 0.01
"""Smallest share of the picture for an object; objects of the synthetic dataset cover 6 to 19 percent."""

SHAPE_SIZES = {"circle": (np.pi, 0.0), "square": (4.0, 0.0), "triangle": (1.936, 0.194)}
"""Area and height of the centre of mass, at a radius of 1."""


def object_mask(frame: np.ndarray, colour: str) -> np.ndarray:
    """The pixels of a frame (h w 3) that have the colour of an object."""
    return np.linalg.norm(frame - np.array(COLOURS[colour]), axis=-1) < COLOUR_TOLERANCE


def colour_of(frames: np.ndarray) -> str:
    """The object colour that covers most of a clip (f h w 3)."""
    return max(COLOURS, key=lambda colour: sum(object_mask(frame, colour).sum() for frame in frames))


def overlaps(frame: np.ndarray, colour: str) -> dict[str, float]:
    """The area that the object of a frame (h w 3) has in common with each shape of the same size and centre, divided by
    the area that either covers. The object is the largest connected one. 0 where there is none."""
    _, labels, found, middles = cv2.connectedComponentsWithStats(object_mask(frame, colour).astype(np.uint8))
    if len(found) == 1:
        return dict.fromkeys(SHAPES, 0.0)
    largest = 1 + found[1:, cv2.CC_STAT_AREA].argmax()
    seen, area = labels == largest, found[largest, cv2.CC_STAT_AREA]
    rows, columns = np.indices((1, *seen.shape))[1:]
    across, down = torch.from_numpy(columns - middles[largest, 0]), torch.from_numpy(rows - middles[largest, 1])
    shares = {}
    for shape, (unit_area, unit_middle) in SHAPE_SIZES.items():
        radius = (area / unit_area) ** 0.5
        drawn = shape_masks([shape], across, down + unit_middle * radius, torch.tensor(radius))[0].numpy() > 0.5
        shares[shape] = (seen & drawn).sum() / (seen | drawn).sum()
    return shares


def shape_of(frames: np.ndarray, colour: str) -> str:
    """The shape that overlaps most with the object of a clip (f h w 3)."""
    each = [overlaps(frame, colour) for frame in frames]
    return max(SHAPES, key=lambda shape: sum(frame[shape] for frame in each))


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


def camera_motion(frames: np.ndarray) -> CameraMotion:
    """Mean motion of the picture from one frame (f h w 3) in 0..1 to the next."""
    return measure_clip(frames).camera


def frame_difference(frames: np.ndarray) -> float:
    """Mean absolute difference of neighbouring frames (f h w 3)."""
    return float(changes(frames).mean())


def warp_error(before: np.ndarray, after: np.ndarray) -> float:
    return flow_between((before, after)).warp_error
