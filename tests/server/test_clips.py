"""It animates: what the tiny SDXL shows in videos that a real ComfyUI saved, measured."""

import sys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from tests.host.server import Server
from tests.host.video import frames_of
from tests.server.conftest import node_of
from tests.tiny.measure import colour_of, direction_of, displacement, frame_difference
from tests.tiny.synthetic_dataset import FRAMES, SIZE, scene_of

pytestmark = pytest.mark.measured

CLIPS = 40
ENOUGH = 36
STEADIER = 3.0
"""How many times smaller the difference of neighbouring frames must be with the motion model than without."""


def clip(server: Server, prompt: dict) -> np.ndarray:
    """Frames (f h w 3) of the video a prompt makes."""
    (video,) = server.run(prompt).files(server.output)
    assert video.suffix == ".mp4"
    return frames_of(video)


@dataclass(frozen=True)
class Figures:
    """What was measured over all clips."""

    directions: int
    colours: int
    with_motion: list[float]
    without_motion: list[float]

    @property
    def steadier(self) -> float:
        return float(np.mean(self.without_motion) / np.mean(self.with_motion))


@pytest.fixture(scope="module")
def figures(server: Server, tiny_prompt: Callable) -> Figures:
    directions = colours = 0
    with_motion, without_motion = [], []
    for seed in range(CLIPS):
        wanted = scene_of(seed)
        prompt = tiny_prompt(CLIPTextEncode={"text": wanted.caption}, KSampler={"seed": seed})
        frames = clip(server, prompt)
        assert frames.shape == (FRAMES, SIZE, SIZE, 3)
        directions += direction_of(displacement(frames, wanted.colour)) == wanted.direction
        colours += colour_of(frames) == wanted.colour
        with_motion.append(frame_difference(frames))
        prompt[node_of(prompt, "KSampler")]["inputs"]["model"] = [node_of(prompt, "CheckpointLoaderSimple"), 0]
        without_motion.append(frame_difference(clip(server, prompt)))
    return Figures(directions, colours, with_motion, without_motion)


def test_objects_move_as_the_prompt_says(figures: Figures) -> None:
    assert figures.directions >= ENOUGH


def test_objects_have_the_colour_of_the_prompt(figures: Figures) -> None:
    assert figures.colours >= ENOUGH


def test_motion_reduces_the_frame_difference(figures: Figures) -> None:
    assert figures.steadier >= STEADIER


def test_the_figures_are_told(figures: Figures, record_property: Callable, capsys: pytest.CaptureFixture) -> None:
    """For the README's table."""
    told = {
        "direction right": f"{figures.directions} of {CLIPS}",
        "colour right": f"{figures.colours} of {CLIPS}",
        "frame difference with motion": f"{np.mean(figures.with_motion):.4f}",
        "frame difference without": f"{np.mean(figures.without_motion):.4f}",
        "steadier": f"{figures.steadier:.1f} times",
    }
    for name, value in told.items():
        record_property(name, value)
    with capsys.disabled():
        sys.stdout.write("\n" + "".join(f"    {name}: {value}\n" for name, value in told.items()))
