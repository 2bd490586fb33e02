"""What a drawn clip shows, measured from its frames: where the object is, its colour, how far it travels."""

import numpy as np

from .world import COLOURS

NEAR = 0.45
"""How near a pixel must be to an object's colour (Euclidean, RGB in 0..1); the grounds are at least 0.5 away."""
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
