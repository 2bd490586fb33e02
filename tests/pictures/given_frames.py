"""Clips of the small model that are made from drawn pictures, in a running ComfyUI."""

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from ..tiny.synthetic_dataset import FRAMES, Scene, draw

BOX, BOX_WIDTH = (240, 160, 30), 4
"""Colour and pixels of the line around a given frame."""


@dataclass(frozen=True)
class Example:
    scene: Scene
    at: str
    given: tuple[int, ...]
    """Frames of the clip that are given. Those of a drawn clip, unless `continues`."""
    continues: bool = False
    """From the last frames of a sampled clip of 8 frames."""


EXAMPLES = (
    Example(Scene("red", "circle", "right"), "0", (0,)),
    Example(Scene("blue", "square", "left"), "0, -1", (0, FRAMES - 1)),
    Example(Scene("yellow", "triangle", "down"), "0-3", (0, 1, 2, 3), continues=True),
)


def graph(template: dict[str, Any], example: Example) -> dict[str, Any]:
    """The prompt of an example. template: the prompt of the tiny example workflow."""
    prompt = copy.deepcopy(template)
    inputs = {node["_meta"]["title"]: node["inputs"] for node in prompt.values()}
    inputs["What the clip shows"]["text"] = example.scene.caption
    sampler, size = inputs["KSampler"], inputs["ADXL_EmptyLatentFrames"]
    node = {"model": sampler["model"], "at": example.at, "width": size["width"], "height": size["height"]}
    if example.continues:
        size["frames"] = 8
        prompt["before"] = {"class_type": "KSampler", "inputs": dict(sampler)}
        ending = {"samples": ["before", 0], "batch_index": 4, "length": len(example.given)}
        prompt["ending"] = {"class_type": "LatentFromBatch", "inputs": ending}
        node["latent"] = ["ending", 0]
    else:
        prompt |= loaders(example)
        node |= {"vae": inputs["VAEDecode"]["vae"], "pictures": ["pictures", 0]}
    prompt["clip"] = {"class_type": "ADXL_PicturesInClip", "inputs": node}
    sampler |= {"model": ["clip", 0], "latent_image": ["clip", 1], "seed": 5}
    return prompt


def loaders(example: Example) -> dict[str, Any]:
    """Nodes that load the given frames. The last one is "pictures"."""
    names = files(example)
    nodes: dict[str, Any] = {name: {"class_type": "LoadImage", "inputs": {"image": name}} for name in names}
    if len(names) == 1:
        nodes["pictures"] = nodes.pop(names[0])
    else:
        both = {"image1": [names[0], 0], "image2": [names[1], 0]}
        nodes["pictures"] = {"class_type": "ImageBatch", "inputs": both}
    return nodes


def files(example: Example) -> list[str]:
    """Names of the given frames in ComfyUI's input folder."""
    if example.continues:
        return []
    return [f"{example.scene.colour}_{frame}.png" for frame in example.given]


def put_pictures(example: Example, folder: Path) -> None:
    """Draw the given frames into a folder."""
    clip = draw([example.scene], torch.Generator().manual_seed(2))[0].movedim(1, -1).numpy()
    for name, frame in zip(files(example), example.given, strict=False):
        Image.fromarray((clip[frame] * 255).round().astype(np.uint8)).save(folder / name)


def boxed(frame: np.ndarray) -> np.ndarray:
    """A frame (h w 3) in 0..1 with a line around it."""
    marked = np.array(BOX, dtype=np.float32) / 255 * np.ones_like(frame)
    inside = slice(BOX_WIDTH, -BOX_WIDTH)
    marked[inside, inside] = frame[inside, inside]
    return marked


def marked(frames: np.ndarray, example: Example) -> np.ndarray:
    """The frames (f h w 3) of a clip, given ones in a box."""
    return np.stack([boxed(frame) if at in example.given else frame for at, frame in enumerate(frames)])
