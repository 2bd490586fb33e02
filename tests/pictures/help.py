"""Clips on the help pages: moving, or as strips of frames where those show more.

python -m tests.pictures.help
"""

from dataclasses import replace
from typing import Any

import numpy as np

from ..host.obtain import CACHE, comfyui_root
from ..host.server import Server, serving
from ..host.video import contact_sheet
from . import given_frames
from .clips import FRAMES as LONG
from .clips import OPTIONS as NEUTRAL
from .clips import RED_TO_BLUE, WINDOWS, Tile, graph
from .sampling import sampled, tiny_prompt
from .saving import save_moving, save_still

Prompt = dict[str, Any]

EVERY = 3
"""Frames from one column of a strip to the next."""
HELD = 8
"""Times that the first and the last frame of a clip from pictures are shown."""

STILL = Tile("no MotionLoRA")
PAN, ZOOM = "tiny_pan_left.safetensors", "tiny_zoom_in.safetensors"
MOVES = ((), ((PAN, 1.0),), ((ZOOM, 1.0),), ((PAN, 0.6), (ZOOM, 0.8)))
"""MotionLoRAs and their strengths."""
NOISES = ("independent", "shared", "progressive", "travel")
OPTIONS = ({}, {"stretch": 2.0}, {"block_strengths": "down 0: 0.5, up 2: 0.5"}, {"freeinit_rounds": 3})
CACHES = ({"threshold": 0.0}, {"threshold": 0.1}, {"threshold": 0.5})
OPEN_WINDOWS = WINDOWS | {"context_schedule": "standard_static", "closed_loop": False}
DEFAULTS: dict[str, dict[str, Any]] = {
    "ADXL_ClipNoise": {"share": 0.5, "seed_step": 1},
    "ADXL_MotionGuidance": {"scale": 2.0, "strength": 0.75, "start_percent": 0.0, "end_percent": 1.0},
    "ADXL_MotionOptions": NEUTRAL,
    "ADXL_StepCache": {"start_percent": 0.15, "end_percent": 0.95},
}
"""Inputs of nodes before the sampler."""


def with_node(template: Prompt, kind: str, inputs: dict[str, Any], **sampler: Any) -> Prompt:
    """The prompt of a clip, with a node between the motion model and the sampler. sampler: inputs of KSampler."""
    prompt = graph(template, STILL)
    values = inputs_of(prompt, "KSampler")
    prompt["added"] = {"class_type": kind, "inputs": DEFAULTS[kind] | inputs | {"model": values["model"]}}
    values |= {"model": ["added", 0]} | sampler
    return prompt


def inputs_of(prompt: Prompt, kind: str) -> dict[str, Any]:
    """Of the first node of a class."""
    return next(node["inputs"] for node in prompt.values() if node["class_type"] == kind)


def without_motion(template: Prompt) -> Prompt:
    prompt = graph(template, STILL)
    inputs_of(prompt, "KSampler")["model"] = inputs_of(prompt, "ADXL_ApplyMotionModel")["model"]
    return prompt


def at_cfg_1(template: Prompt) -> Prompt:
    prompt = graph(template, STILL)
    inputs_of(prompt, "KSampler")["cfg"] = 1.0
    return prompt


def with_rising_cfg(template: Prompt) -> Prompt:
    """The prompt of a clip whose cfg rises from 0 to twice its value."""
    prompt = graph(template, STILL)
    sampler = inputs_of(prompt, "KSampler")
    prompt["curve"] = {"class_type": "ADXL_StrengthSchedule", "inputs": {"points": "0: 0, 15: 2"}}
    guided = {"model": sampler["model"], "schedule": ["curve", 0]}
    prompt["guidance"] = {"class_type": "ADXL_GuidanceSchedule", "inputs": guided}
    sampler["model"] = ["guidance", 0]
    return prompt


def without_closed_loop(template: Prompt) -> Prompt:
    prompt = graph(template, replace(STILL, loop=LONG))
    inputs_of(prompt, "ADXL_ContextWindows").update(OPEN_WINDOWS)
    return prompt


def moving(template: Prompt) -> dict[str, list[Prompt]]:
    """Prompts by the file that shows them side by side."""
    return {
        "motion.webp": [without_motion(template), graph(template, STILL)],
        "camera.webp": [graph(template, replace(STILL, loras=loras)) for loras in MOVES],
        "travel.webp": [graph(template, replace(RED_TO_BLUE, mix=mix)) for mix in ("text", "predictions")],
        "loop.webp": [without_closed_loop(template), graph(template, replace(STILL, loop=LONG))],
        "noise.webp": [with_node(template, "ADXL_ClipNoise", {"kind": kind}) for kind in NOISES],
        "motion_guidance.webp": [at_cfg_1(template), with_node(template, "ADXL_MotionGuidance", {}, cfg=1.0)],
        "options.webp": [with_node(template, "ADXL_MotionOptions", inputs) for inputs in OPTIONS],
    }


def strips(template: Prompt) -> dict[str, list[Prompt]]:
    """Prompts by the file that shows every third frame of each in a row."""
    return {
        "guidance.png": [graph(template, STILL), with_rising_cfg(template)],
        "step_cache.png": [with_node(template, "ADXL_StepCache", inputs, steps=25) for inputs in CACHES],
    }


def draw_help(server: Server) -> None:
    template = tiny_prompt(server)
    for name, prompts in moving(template).items():
        save_moving([sampled(server, prompt) for prompt in prompts], name)
    for name, prompts in strips(template).items():
        clips = [sampled(server, prompt)[::EVERY] for prompt in prompts]
        save_still(contact_sheet(np.concatenate(clips), columns=len(clips[0])), name)
    save_still(contact_sheet(sampled(server, graph(template, STILL))), "clip.png")
    draw_pictures_in_clips(server, template)


def draw_pictures_in_clips(server: Server, template: Prompt) -> None:
    clips = []
    for example in given_frames.EXAMPLES:
        given_frames.put_pictures(example, server.folder / "input")
        frames = given_frames.marked(sampled(server, given_frames.graph(template, example)), example)
        clips.append(np.concatenate([frames[:1].repeat(HELD, axis=0), frames, frames[-1:].repeat(HELD, axis=0)]))
    save_moving(clips, "pictures.webp", columns=3)


if __name__ == "__main__":
    with serving(comfyui_root(), CACHE / "demo", "--cpu") as running:
        draw_help(running)
