"""Camera motion of the tiny MotionLoRAs, measured by optical flow in videos that a real ComfyUI saved."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from animatediff_xl.motion_models.measures.camera import CameraMotion

from tests.host.server import Server
from tests.server.conftest import Report, node_of
from tests.server.test_clips import clip
from tests.tiny.measure import camera_motion
from tests.tiny.synthetic_dataset import scene_of

pytestmark = pytest.mark.measured

CLIPS = 20
ENOUGH = 18


@dataclass(frozen=True)
class Move:
    """A tiny MotionLoRA, and the camera motion that it changes."""

    file: str
    of: Callable[[CameraMotion], float]
    """In the units of `CameraMotion`."""
    least: float
    """Less does not count as motion."""


MOVES = {
    # when the camera pans to the left, the picture goes to the right
    "pan left": Move("tiny_pan_left.safetensors", lambda camera: camera.right, 0.1),
    "zoom in": Move("tiny_zoom_in.safetensors", lambda camera: camera.growth, 0.002),
}


@pytest.fixture(scope="module")
def film(server: Server, tiny_prompt: Callable) -> Callable[[dict[str, float]], list[CameraMotion]]:
    """(strengths by move) -> camera motion of each clip."""

    def run(strengths: dict[str, float]) -> list[CameraMotion]:
        moved = []
        for seed in range(CLIPS):
            prompt = tiny_prompt(CLIPTextEncode={"text": scene_of(seed).caption}, KSampler={"seed": seed})
            apply = prompt[node_of(prompt, "ADXL_ApplyMotionModel")]["inputs"]
            for name, strength in strengths.items():
                inputs = {"lora": MOVES[name].file, "strength": strength}
                if "motion_lora" in apply:
                    inputs["previous"] = apply["motion_lora"]
                prompt[name] = {"class_type": "ADXL_LoadMotionLoRA", "inputs": inputs}
                apply["motion_lora"] = [name, 0]
            moved.append(camera_motion(clip(server, prompt)))
        return moved

    return run


TOGETHER = {"pan left": 0.6, "zoom in": 0.8}
"""Chosen with an earlier tiny motion model, in which larger strengths of both were too much."""


@pytest.mark.parametrize(
    "strengths", [{"pan left": 1}, {"pan left": -1}, {"zoom in": 1}, {"zoom in": -1}, TOGETHER], ids=str
)
def test_motion_loras_move_the_camera(film: Callable, report: Report, strengths: dict[str, float]) -> None:
    """Also in the opposite direction with a negative strength, and both in a chain."""
    moved = film(strengths)
    for name, strength in strengths.items():
        move = MOVES[name]
        figures = [move.of(camera) for camera in moved]
        right = sum(figure * np.sign(strength) > move.least for figure in figures)
        report(
            f"camera at {strengths}, {name}: {right} of {CLIPS}, "
            f"{np.mean(figures):+.4f} ({min(figures):+.4f} to {max(figures):+.4f})"
        )
        assert right >= ENOUGH
