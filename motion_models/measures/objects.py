"""Motion of objects from one frame to the next: what moves otherwise than the camera makes it move."""

from dataclasses import dataclass

import numpy as np

from .camera import CameraMotion, flow_of
from .flow import Flow

LEAST, MEDIANS, LEAST_SHARE = 0.25, 4.0, 0.005
"""Pixels that count as motion. Where the flow is uncertain, so many times the median. And the share of the picture that
an object has, at least."""
BORDER = 8
"""Pixels at the edges of the picture that do not count. They are the width of a patch of OpenCV's flow, which is
uncertain there."""
FAST_PERCENTILE, CORE = 95, 0.5
"""Flow fades out at the edges of an object. So its speed is that of the pixels with half the speed of the fastest."""


@dataclass(frozen=True)
class ObjectMotion:
    """In one frame."""

    speed: float = 0.0
    """Median of the moving pixels, in pixels."""
    right: float = 0.0
    down: float = 0.0
    """Mean of the moving pixels, in pixels. Objects that go opposite ways cancel out."""
    share: float = 0.0
    """Of the picture that moves."""


def objects_between(flow: Flow, camera: CameraMotion) -> ObjectMotion:
    inside = np.s_[BORDER:-BORDER, BORDER:-BORDER]
    residual = (flow.motion - flow_of(camera, *flow.valid.shape))[inside]
    valid, lengths = flow.valid[inside], np.linalg.norm(residual, axis=-1)
    if not valid.any():
        return ObjectMotion()
    moving = valid & (lengths > max(LEAST, MEDIANS * float(np.median(lengths[valid]))))
    share = float(moving.sum()) / flow.valid.size
    if share < LEAST_SHARE:
        return ObjectMotion()
    core = moving & (lengths >= CORE * np.percentile(lengths[moving], FAST_PERCENTILE))
    right, down = residual[core].mean(axis=0)
    return ObjectMotion(float(np.median(lengths[core])), float(right), float(down), share)
