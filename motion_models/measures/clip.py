"""All measures of one clip."""

import itertools
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from .camera import CameraMotion, camera_between
from .flow import Flow, flow_between
from .objects import ObjectMotion, objects_between
from .opencv import opencv
from .steadiness import brightness, flicker, seam

LONGEST_SIDE = 512
"""Pixels. The flow of larger frames is measured on smaller copies: 16 frames of 1024x1024 then take 2 seconds, not 10."""


@dataclass(frozen=True)
class Step:
    """From one frame to the next, in pixels of the measured frames."""

    camera: CameraMotion | None
    """None if the flow is not valid for enough pixels, as after a cut."""
    objects: ObjectMotion | None
    warp_error: float
    valid: float
    """Share of pixels."""


NOTHING = ObjectMotion()
STILL = CameraMotion(0.0, 0.0, 0.0)


@dataclass(frozen=True)
class ClipMeasures:
    steps: list[Step]
    """A closed loop also has the step from the last frame to the first."""
    levels: np.ndarray
    """Brightness of each frame, in 0..1."""
    seam: float
    flicker: float
    fps: float
    scale: float
    """Pixels of the clip for one measured pixel."""
    flows: Mapping[int, Flow] = field(default_factory=dict)
    """Of the steps that a picture shows."""

    def over_steps(self, value: Callable[[Step], float]) -> np.ndarray:
        """The value of each step, NaN where the flow is not valid."""
        return np.array([np.nan if step.camera is None else value(step) for step in self.steps])

    def mean(self, value: Callable[[Step], float]) -> float:
        """0 if the flow of no step is valid."""
        values = self.over_steps(value)
        return float(np.nanmean(values)) if np.isfinite(values).any() else 0.0

    @property
    def camera(self) -> CameraMotion:
        """Mean motion of the picture in one frame."""
        return CameraMotion(
            right=self.scale * self.mean(lambda step: (step.camera or STILL).right),
            down=self.scale * self.mean(lambda step: (step.camera or STILL).down),
            growth=self.mean(lambda step: (step.camera or STILL).growth),
            clockwise=self.mean(lambda step: (step.camera or STILL).clockwise),
        )

    @property
    def objects(self) -> ObjectMotion:
        """Mean motion of objects in one frame."""
        return ObjectMotion(
            speed=self.scale * self.mean(lambda step: (step.objects or NOTHING).speed),
            right=self.scale * self.mean(lambda step: (step.objects or NOTHING).right),
            down=self.scale * self.mean(lambda step: (step.objects or NOTHING).down),
            share=self.mean(lambda step: (step.objects or NOTHING).share),
        )

    def camera_speeds(self) -> np.ndarray:
        """Pixels a second, for each step."""
        shifts = self.over_steps(lambda step: float(np.hypot((step.camera or STILL).right, (step.camera or STILL).down)))
        return shifts * self.scale * self.fps

    def object_speeds(self) -> np.ndarray:
        """Pixels a second, for each step."""
        return self.over_steps(lambda step: (step.objects or NOTHING).speed) * self.scale * self.fps

    @property
    def warp_error(self) -> float:
        return float(np.mean([step.warp_error for step in self.steps]))

    @property
    def valid(self) -> float:
        return float(np.mean([step.valid for step in self.steps]))


def reduced(frame: np.ndarray) -> np.ndarray:
    """A frame (h w 3), no larger than LONGEST_SIDE."""
    cv2, (height, width) = opencv(), frame.shape[:2]
    scale = LONGEST_SIDE / max(height, width)
    if scale >= 1:
        return frame
    return cv2.resize(frame, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA)


def measure_clip(
    frames: np.ndarray,
    fps: float = 8.0,
    closed_loop: bool = False,
    shown: Collection[int] = (),
    on_step: Callable[[], None] = lambda: None,
) -> ClipMeasures:
    """frames: at least two, (f h w 3) in 0..1. shown: steps whose flow is kept. on_step: called before each step."""
    small = [reduced(frame) for frame in frames]
    steps, flows = [], {}
    pairs: Iterable[tuple[np.ndarray, np.ndarray]] = itertools.pairwise([*small, small[0]] if closed_loop else small)
    for index, pair in enumerate(pairs):
        on_step()
        flow = flow_between(pair)
        camera = camera_between(flow)
        objects = objects_between(flow, camera) if camera else None
        steps.append(Step(camera, objects, flow.warp_error, float(flow.valid.mean())))
        if index in shown:
            flows[index] = flow
    levels = brightness(frames)
    scale = frames.shape[2] / small[0].shape[1]
    return ClipMeasures(steps, levels, seam(frames), flicker(levels, closed_loop), fps, scale, flows)
