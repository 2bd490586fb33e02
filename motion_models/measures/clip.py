"""All measures of one clip."""

import itertools
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

import numpy as np

from .camera import CameraMotion, camera_between
from .flow import Flow, flow_between
from .objects import ObjectMotion, objects_between
from .opencv import opencv
from .steadiness import brightness, flicker, seam

LONGEST_SIDE = 512
"""Pixels. Larger frames are measured on smaller copies: 16 frames of 1024x1024 take 3 seconds on a core, not 11."""


@dataclass(frozen=True)
class Step:
    """From one frame to the next, in pixels of the measured frames."""

    warp_error: float
    valid: float
    """Share of pixels."""
    camera: CameraMotion = CameraMotion(0.0, 0.0, 0.0)
    objects: ObjectMotion = ObjectMotion()
    is_followed: bool = True
    """False if the flow follows nothing, as after a cut."""


@dataclass(frozen=True)
class ClipMeasures:
    steps: list[Step]
    """A closed loop also has the step from the last frame to the first."""
    levels: np.ndarray
    """Brightness of each frame, in 0..1."""
    seam: float
    flicker: float
    fps: float
    size: tuple[int, int]
    """Width and height of the measured frames."""
    scale: float
    """Pixels of the clip for one measured pixel."""
    flows: Mapping[int, Flow] = field(default_factory=dict)
    """Of the steps that a picture shows."""

    def over_steps(self, value: Callable[[Step], float]) -> np.ndarray:
        """The value of each step, NaN where motion could not be followed."""
        return np.array([value(step) if step.is_followed else np.nan for step in self.steps])

    def mean(self, value: Callable[[Step], float]) -> float:
        """0 if motion could not be followed in any step."""
        values = self.over_steps(value)
        return float(np.nanmean(values)) if np.isfinite(values).any() else 0.0

    @property
    def is_followed(self) -> bool:
        """Whether motion could be followed in any step."""
        return any(step.is_followed for step in self.steps)

    @property
    def camera(self) -> CameraMotion:
        """Mean motion of the picture in one frame, in pixels of the clip."""
        return CameraMotion(
            right=self.scale * self.mean(lambda step: step.camera.right),
            down=self.scale * self.mean(lambda step: step.camera.down),
            growth=self.mean(lambda step: step.camera.growth),
            clockwise=self.mean(lambda step: step.camera.clockwise),
        )

    @property
    def objects(self) -> ObjectMotion:
        """Mean motion of objects in one frame, in pixels of the clip."""
        return ObjectMotion(
            speed=self.scale * self.mean(lambda step: step.objects.speed),
            right=self.scale * self.mean(lambda step: step.objects.right),
            down=self.scale * self.mean(lambda step: step.objects.down),
            share=self.mean(lambda step: step.objects.share),
        )

    @property
    def warp_error(self) -> float:
        return float(np.mean([step.warp_error for step in self.steps]))

    @property
    def valid(self) -> float:
        return float(np.mean([step.valid for step in self.steps]))


def measured_size(width: int, height: int) -> tuple[int, int]:
    """Width and height of the frames that are measured."""
    scale = min(1.0, LONGEST_SIDE / max(width, height))
    return round(width * scale), round(height * scale)


def reduced(frame: np.ndarray) -> np.ndarray:
    """A frame (h w 3), no larger than LONGEST_SIDE."""
    cv2, (height, width) = opencv(), frame.shape[:2]
    size = measured_size(width, height)
    return frame if size == (width, height) else cv2.resize(frame, size, interpolation=cv2.INTER_AREA)


def step_of(flow: Flow) -> Step:
    camera, valid = camera_between(flow), float(flow.valid.mean())
    if camera is None:
        return Step(flow.warp_error, valid, is_followed=False)
    return Step(flow.warp_error, valid, camera, objects_between(flow, camera))


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
    for index, pair in enumerate(itertools.pairwise([*small, small[0]] if closed_loop else small)):
        on_step()
        flow = flow_between(pair)
        steps.append(step_of(flow))
        if index in shown:
            flows[index] = flow
    levels = brightness(frames)
    height, width = small[0].shape[:2]
    scale = max(frames.shape[1:3]) / max(height, width)
    return ClipMeasures(steps, levels, seam(frames), flicker(levels, closed_loop), fps, (width, height), scale, flows)
