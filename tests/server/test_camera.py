"""The camera moves: what the tiny MotionLoRA does in videos that a real ComfyUI saved, measured by optical flow."""

import sys
from collections.abc import Callable

import numpy as np
import pytest

from tests.host.server import Server
from tests.server.conftest import node_of
from tests.server.test_clips import clip, scene
from tests.tiny.measure import camera_motion

pytestmark = pytest.mark.measured

CLIPS = 20
ENOUGH = 18
SHIFT = 0.1
"""Pixels a frame that count as a move: twice what is measured where the camera stands still (0.05)."""


@pytest.mark.parametrize("strength", [1, -1])
def test_a_motion_lora_pans_and_with_minus_the_other_way(server: Server, tiny_prompt: Callable, strength: int) -> None:
    """When the camera pans to the left, the picture moves to the right."""
    moved = []
    for seed in range(CLIPS):
        prompt = tiny_prompt(CLIPTextEncode={"text": scene(seed).caption}, KSampler={"seed": seed})
        prompt["lora"] = {
            "class_type": "ADXL_LoadMotionLoRA",
            "inputs": {"lora": "tiny_pan_left.safetensors", "strength": strength},
        }
        prompt[node_of(prompt, "ADXL_ApplyMotionModel")]["inputs"]["motion_lora"] = ["lora", 0]
        moved.append(camera_motion(clip(server, prompt)).right)
    right = sum(one * strength > SHIFT for one in moved)
    sys.__stdout__.write(
        f"\n    pan left at {strength}: {right} of {CLIPS}, {np.mean(moved):+.2f} pixels a frame "
        f"({min(moved):+.2f} to {max(moved):+.2f})\n"
    )
    assert right >= ENOUGH
