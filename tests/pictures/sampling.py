"""Clips that the small model samples in a running ComfyUI, as frames."""

import json
from typing import Any

import numpy as np
from PIL import Image

from ..host.server import Result, Server
from ..workflows.drawing import to_prompt
from ..workflows.files import TINY_WORKFLOW

FRAMES_NODE = "frames"


def tiny_prompt(server: Server) -> dict[str, Any]:
    """The prompt of the example workflow of the small model."""
    return to_prompt(json.loads(TINY_WORKFLOW.read_text()), server.get("/object_info"))


def with_frames(prompt: dict[str, Any]) -> dict[str, Any]:
    """The prompt, with a node that shows its frames. They are exact, and those of a video are not."""
    decode = next(name for name, node in prompt.items() if node["class_type"] == "VAEDecode")
    return prompt | {FRAMES_NODE: {"class_type": "PreviewImage", "inputs": {"images": [decode, 0]}}}


def frames_in(server: Server, result: Result) -> np.ndarray:
    """(f h w 3) in 0..1. result: of a prompt `with_frames`."""
    pictures = result.outputs[FRAMES_NODE]["images"]
    files = [server.folder / "temp" / picture["subfolder"] / picture["filename"] for picture in pictures]
    return np.stack([np.asarray(Image.open(file).convert("RGB")) for file in files]).astype(np.float32) / 255


def sampled(server: Server, prompt: dict[str, Any]) -> np.ndarray:
    """Frames (f h w 3) in 0..1 of the clip of a prompt."""
    return frames_in(server, server.run(with_frames(prompt)))
