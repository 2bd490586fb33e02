"""Motion of the camera from one frame to the next."""

from dataclasses import dataclass

import numpy as np

from .flow import Flow, grid
from .opencv import opencv

SPACING = 4
"""Pixels between two samples of the flow."""
INLIER, NEAREST_INLIER, INLIER_MEDIANS = 0.5, 0.1, 3.0
"""Pixels by which the flow of an inlier may differ from that of the camera. The first fit takes INLIER. The second one
takes so many medians, and NEAREST_INLIER at least. A slow object then does not count."""
LEAST_VALID = 0.4
"""Share of valid pixels that a fit needs. A cut has about 0.2, and so has white noise from 128 pixels on. Smaller noise
has more: 0.25 at 96 pixels, 0.45 at 64, and 0.7 at 32."""
UNLIKE, LEAST_ERROR = 0.5, 1e-4
"""A plain frame has the flow zero, and all of its pixels are valid. So a step is also lost if what the flow brings
together correlates less than UNLIKE. The correlation is 0.02 at most to and from plain frames of any brightness, and
0.3 in small noise. It is 0.97 and more in drawn clips and those of the small model, 0.99 in flicker of 80 percent, and
0.81 in noise of 20 percent. A warp error below LEAST_ERROR is noise on a plain picture that stays plain."""


@dataclass(frozen=True)
class CameraMotion:
    """Motion of the whole picture, which is opposite to that of the camera: about its middle, in one frame."""

    right: float
    down: float
    """Pixels."""
    growth: float
    """0.02: everything becomes two percent larger."""
    clockwise: float = 0.0
    """Degrees by which the picture turns."""

    def matrix(self) -> np.ndarray:
        """(2 3), from a position relative to the middle to that in the next frame."""
        angle = np.radians(self.clockwise)
        cosine, sine = (1 + self.growth) * np.cos(angle), (1 + self.growth) * np.sin(angle)
        return np.array([[cosine, -sine, self.right], [sine, cosine, self.down]])


def from_middle(height: int, width: int) -> np.ndarray:
    """The position of each pixel relative to the middle of the picture, (h w 2) as x, y."""
    return grid(height, width) - np.array([(width - 1) / 2, (height - 1) / 2], np.float32)


def camera_between(flow: Flow) -> CameraMotion | None:
    """The shift, growth and turn that fit most of the flow, so that objects do not matter. None if the flow follows
    nothing, as after a cut."""
    valid = flow.valid[::SPACING, ::SPACING]
    if valid.mean() < LEAST_VALID or (flow.likeness < UNLIKE and flow.warp_error > LEAST_ERROR):
        return None
    positions = from_middle(*flow.valid.shape)[::SPACING, ::SPACING]
    before, after = positions[valid], (positions + flow.motion[::SPACING, ::SPACING])[valid]
    rough = fitted(before, after, INLIER)
    if rough is None:
        return None
    apart = np.linalg.norm(before @ rough[:, :2].T + rough[:, 2] - after, axis=-1)
    matrix = fitted(before, after, max(NEAREST_INLIER, INLIER_MEDIANS * float(np.median(apart))))
    return None if matrix is None else from_matrix(matrix)


def fitted(before: np.ndarray, after: np.ndarray, inlier: float) -> np.ndarray | None:
    """A similarity (2 3) by RANSAC, which OpenCV refines. None if no two points have one."""
    return opencv().estimateAffinePartial2D(before, after, ransacReprojThreshold=inlier)[0]


def from_matrix(matrix: np.ndarray) -> CameraMotion:
    cosine, sine = matrix[:, 0]
    return CameraMotion(
        right=float(matrix[0, 2]),
        down=float(matrix[1, 2]),
        growth=float(np.hypot(cosine, sine)) - 1,
        clockwise=float(np.degrees(np.arctan2(sine, cosine))),
    )


def flow_of(camera: CameraMotion, height: int, width: int) -> np.ndarray:
    """The flow (h w 2) of a still scene."""
    positions, matrix = from_middle(height, width), camera.matrix()
    return positions @ matrix[:, :2].T + matrix[:, 2] - positions
