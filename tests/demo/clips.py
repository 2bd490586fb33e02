"""The clips of the demo: each is sampled by a graph of its own, and a last graph measures all of them."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np

from ..host.server import Progress, Server
from ..pictures import given_frames
from ..pictures.clips import RED_TO_BLUE, Tile, graph
from ..pictures.sampling import frames_in, with_frames
from ..workflows.clips import FPS

Prompt = dict[str, Any]

LOOP_FRAMES = 24
PICTURE = given_frames.EXAMPLES[0]
CAMERA = "tiny_pan_left.safetensors"
PLAN = {"context_schedule": "standard_static", "fuse_method": "pyramid"}
"""Of Window Plan, which draws the windows of the loop instead. ComfyUI asks for a value of each widget."""


@dataclass(frozen=True)
class Clip:
    name: str
    title: str
    about: str
    nodes: tuple[str, ...]
    """Nodes that make the difference."""
    graph: Callable[[Prompt, str], Prompt]
    """Makes the graph from that of the tiny example workflow, and from the text of the demo."""
    given: str = ""
    """File in ComfyUI's input folder of the picture that the clip begins with."""


CLIPS = (
    Clip(
        "prompt",
        "A prompt",
        "A text, sixteen frames.",
        ("Load AnimateDiff Motion Model", "Apply AnimateDiff Motion Model"),
        lambda tiny, text: graph(tiny, Tile("", text)),
    ),
    Clip(
        "camera",
        "A camera move",
        "The same text and seed. A MotionLoRA pans the camera to the left.",
        ("Load AnimateDiff Motion LoRA",),
        lambda tiny, text: graph(tiny, Tile("", text, loras=((CAMERA, 1.0),))),
    ),
    Clip(
        "loop",
        "A loop",
        "It runs in windows of 16 frames, which also cross its end. What moves away comes back.",
        ("AnimateDiff Context Windows",),
        lambda tiny, text: graph(tiny, Tile("", text, loop=LOOP_FRAMES)),
    ),
    Clip(
        "travel",
        "A prompt that travels",
        "The text changes on the way. Each line begins with a frame.",
        ("AnimateDiff Prompt Travel",),
        lambda tiny, _: graph(tiny, replace(RED_TO_BLUE, mix="text")),
    ),
    Clip(
        "picture",
        "A picture brought to life",
        "The picture in the corner becomes the first frame.",
        ("AnimateDiff Pictures in Clip",),
        lambda tiny, _: given_frames.graph(tiny, PICTURE),
        given_frames.files(PICTURE)[0],
    ),
)


@dataclass(frozen=True)
class Sampled:
    clip: Clip
    prompt: str
    frames: np.ndarray
    """(f h w 3) in 0..1."""
    seconds: float
    given: Path | None
    """The picture that the clip begins with."""


@dataclass(frozen=True)
class Measured:
    table: str
    """In Markdown, a row for each clip."""
    picture: Path
    """The camera move beside the clip without it."""
    plan: Path
    """The windows of the loop."""
    cost: str
    """What these windows cost, as a sentence."""


def named(prompt: Prompt, name: str) -> Prompt:
    """The prompt with a name before each id, so that several prompts fit into one."""
    return {
        f"{name} {number}": node
        | {
            "inputs": {
                field: [f"{name} {value[0]}", value[1]] if isinstance(value, list) else value
                for field, value in node["inputs"].items()
            }
        }
        for number, node in prompt.items()
    }


def graphs(template: Prompt, text: str) -> dict[str, Prompt]:
    """By the names of the clips."""
    return {clip.name: named(clip.graph(template, text), clip.name) for clip in CLIPS}


def sample(server: Server, prompts: dict[str, Prompt], on_progress: Progress) -> Iterator[Sampled]:
    """All clips, one after another. Each video is saved too."""
    pictures = server.folder / "input"
    given_frames.put_pictures(PICTURE, pictures)
    for clip in CLIPS:
        prompt = prompts[clip.name]
        began = time.monotonic()
        result = server.run(with_frames(prompt), on_progress)
        seconds = time.monotonic() - began
        given = pictures / clip.given if clip.given else None
        yield Sampled(clip, text_of(prompt), frames_in(server, result), seconds, given)


def text_of(prompt: Prompt) -> str:
    """The text of CLIP Text Encode or Prompt Travel, whichever says what the clip shows."""
    (inputs,) = (node["inputs"] for node in prompt.values() if node.get("_meta") == {"title": "What the clip shows"})
    return inputs["text"] if "text" in inputs else inputs["prompts"]


def measure(server: Server, template: Prompt, prompts: dict[str, Prompt]) -> Measured:
    """Measures all clips in one run, which takes their frames from ComfyUI's cache. It also draws the windows."""
    decoded = {clip: [find(prompt, "VAEDecode"), 0] for clip, prompt in prompts.items()}
    (steps,) = (node["inputs"]["steps"] for node in template.values() if node["class_type"] == "KSampler")
    titles = "\n".join(clip.title for clip in CLIPS)
    together: Prompt = {number: node for prompt in prompts.values() for number, node in prompt.items()}
    together |= {
        "clips": {
            "class_type": "CreateList",
            "inputs": {f"inputs.input{index}": frames for index, frames in enumerate(decoded.values())},
        },
        "all": measuring(["clips", 0], titles),
        "table": {"class_type": "PreviewAny", "inputs": {"source": ["all", 0]}},
        "moved": measuring(decoded["camera"], CLIPS[1].title, reference=decoded["prompt"]),
        "plan": {
            "class_type": "ADXL_WindowPlan",
            "inputs": PLAN | {"model": [find(prompts["loop"], "ADXL_ContextWindows"), 0]}
            | {"frames": LOOP_FRAMES, "steps": ceil(999 / (1000 // steps))},  # ddim_uniform's, in whole strides
        },
    }  # fmt: skip
    result = server.run({number: node for number, node in together.items() if node["class_type"] != "SaveVideo"})
    temp = server.folder / "temp"
    files = {node: temp / result.outputs[node]["images"][0]["filename"] for node in ("moved", "plan")}
    rows = [line for line in result.texts["table"].splitlines() if line.startswith("|")]
    return Measured("\n".join(rows), files["moved"], files["plan"], result.texts["plan"])


def measuring(images: list[Any], labels: str, **reference: list[Any]) -> Prompt:
    inputs = {"images": images, "labels": labels, "fps": FPS, "closed_loop": False, "clip_frames": 0}
    return {"class_type": "ADXL_MeasureMotion", "inputs": inputs | reference}


def find(prompt: Prompt, kind: str) -> str:
    """The id of the first node of a class."""
    return next(number for number, node in prompt.items() if node["class_type"] == kind)
