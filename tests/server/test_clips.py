"""Motion of the tiny SDXL, measured in videos that a real ComfyUI saved."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from tests.host.server import Server
from tests.host.video import frames_of
from tests.server.conftest import Report, node_of
from tests.tiny.measure import colour_of, direction_of, displacement, frame_difference, shape_of
from tests.tiny.synthetic_dataset import FRAMES, SIZE, scene_of

pytestmark = pytest.mark.measured

CLIPS = 40
ENOUGH = 36
STEADIER = 3.0
"""Factor by which the motion model must reduce the difference of neighbouring frames."""


def clip(server: Server, prompt: dict) -> np.ndarray:
    """Frames (f h w 3) of the video a prompt makes."""
    (video,) = server.run(prompt).files(server.output)
    assert video.suffix == ".mp4"
    return frames_of(video)


@dataclass(frozen=True)
class Figures:
    """Measurements of all clips."""

    directions: int
    colours: int
    shapes: int
    with_motion: list[float]
    without_motion: list[float]

    @property
    def steadier(self) -> float:
        return float(np.mean(self.without_motion) / np.mean(self.with_motion))

    def line(self) -> str:
        return (
            f"tiny clips: direction right in {self.directions} of {CLIPS}, colour in {self.colours}, shape in "
            f"{self.shapes}; frame difference {np.mean(self.with_motion):.4f} with motion, "
            f"{np.mean(self.without_motion):.4f} without ({self.steadier:.1f} times)"
        )


@pytest.fixture(scope="module")
def figures(server: Server, tiny_prompt: Callable, report: Report) -> Figures:
    directions = colours = shapes = 0
    with_motion, without_motion = [], []
    for seed in range(CLIPS):
        wanted = scene_of(seed)
        prompt = tiny_prompt(CLIPTextEncode={"text": wanted.caption}, KSampler={"seed": seed})
        frames = clip(server, prompt)
        assert frames.shape == (FRAMES, SIZE, SIZE, 3)
        directions += direction_of(displacement(frames, wanted.colour)) == wanted.direction
        colours += colour_of(frames) == wanted.colour
        shapes += shape_of(frames, wanted.colour) == wanted.shape
        with_motion.append(frame_difference(frames))
        prompt[node_of(prompt, "KSampler")]["inputs"]["model"] = [node_of(prompt, "CheckpointLoaderSimple"), 0]
        without_motion.append(frame_difference(clip(server, prompt)))
    measured = Figures(directions, colours, shapes, with_motion, without_motion)
    report(measured.line())
    return measured


def test_objects_move_as_the_prompt_says(figures: Figures) -> None:
    assert figures.directions >= ENOUGH


def test_objects_have_the_colour_of_the_prompt(figures: Figures) -> None:
    assert figures.colours >= ENOUGH


def test_objects_have_the_shape_of_the_prompt(figures: Figures) -> None:
    assert figures.shapes >= ENOUGH


def test_motion_reduces_the_frame_difference(figures: Figures) -> None:
    assert figures.steadier >= STEADIER
