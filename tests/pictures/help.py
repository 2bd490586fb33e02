"""Pictures of the help pages in `js/docs`. The page shows them about 270 pixels wide, sharp screens twice as fine.

    python -m tests.pictures.help

samples and draws them again: clips of the small model, its camera moves, kinds of noise and motion options. It also
draws plans of windows, a contact sheet of training clips, and measured clips. The picture of the graph is a screenshot
of the page.
"""

import copy
import json
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from PIL import Image

from ..coded_video import write_video
from ..host.boot import import_host, import_pack
from ..host.obtain import CACHE, PACK, comfyui_root
from ..host.server import serving
from ..host.video import contact_sheet, frames_of
from ..tiny.camera import MOVES as CAMERA_MOVES
from ..tiny.synthetic_dataset import SCENES, SIZE, Scene, draw
from ..workflows.drawing import to_prompt
from ..workflows.files import TINY_WORKFLOW
from . import given_frames
from .clips import OPTIONS as NEUTRAL
from .clips import RED_TO_BLUE, Tile, graph

FOLDER = PACK / "js" / "docs"
MOST_WIDTH, COLOURS = 600, 128
PLANS: dict[str, tuple[dict[str, Any], int]] = {
    "static": ({}, 20),
    "uniform": ({"schedule": "standard_uniform"}, 4),
    "looped": ({"schedule": "looped_uniform", "closed_loop": True}, 4),
    "batched": ({"schedule": "batched"}, 20),
}
"""Settings of context windows and steps, for a clip of PLANNED frames."""
PLANNED = 48
EVERY = 3
"""Frames from one column of the camera moves to the next."""

NOISES = ("independent", "shared", "progressive", "travel")
"""Rows of the picture of Clip Noise."""

SHEET_MOVES = ("none", "zoom in", "pan left", "tilt up", "roll clockwise")
SHEET_FRAMES = 8
"""Of each row of the contact sheet."""

MEASURED_SCENE = Scene("red", "circle", "up")
TRAINED_SCENES = 4
CLIPS = {
    "folder": "scenes", "frames": 8, "fps": 0.0, "width": SIZE, "height": SIZE, "windows": 1, "mirror": False,
    "camera": "pan left", "caption": "",
}  # fmt: skip
PREVIEW = {"frames": 8, "width": SIZE, "height": SIZE, "steps": 12, "seed": 3, "every": 60}
TRAINING = {
    "name": "pan", "steps": 120, "learning_rate": 4e-3, "rank": 16, "layers": "attention and feed-forward",
    "loss": "debiased", "max_noise_weight": 100.0, "clips_per_step": 1, "seed": 0, "precision": "auto",
    "checkpointing": "off", "save_every": 1000, "resume": "start again", "key_format": "AnimateDiff",
}  # fmt: skip
"""Of the picture of a training, with inputs of the nodes."""

OPTIONS = ({}, {"stretch": 2.0}, {"block_strengths": "down 0: 0.5, up 2: 0.5"}, {"freeinit_rounds": 3})
CACHES = ({"threshold": 0.0}, {"threshold": 0.1}, {"threshold": 0.5})
"""Inputs of the nodes, one for each row of a picture."""
DEFAULTS = {"ADXL_StepCache": {"start_percent": 0.15, "end_percent": 0.95}, "ADXL_MotionOptions": NEUTRAL}

STILL = Tile("no MotionLoRA")
PAN, ZOOM = "tiny_pan_left.safetensors", "tiny_zoom_in.safetensors"
MOVES = ((), ((PAN, 1.0),), ((ZOOM, 1.0),), ((PAN, 0.6), (ZOOM, 0.8)))
"""MotionLoRAs and their strengths, one for each row of a picture."""


def with_rising_cfg(template: dict[str, Any]) -> dict[str, Any]:
    """The prompt of a clip whose cfg rises from 0 to twice its value."""
    prompt = graph(template, STILL)
    sampler = next(node["inputs"] for node in prompt.values() if node["class_type"] == "KSampler")
    prompt["curve"] = {"class_type": "ADXL_StrengthSchedule", "inputs": {"points": "0: 0, 15: 2"}}
    guided = {"model": sampler["model"], "schedule": ["curve", 0]}
    prompt["guidance"] = {"class_type": "ADXL_GuidanceSchedule", "inputs": guided}
    sampler["model"] = ["guidance", 0]
    return prompt


def with_node(template: dict[str, Any], kind: str, inputs: dict[str, Any], steps: int) -> dict[str, Any]:
    """The prompt of a clip, with a node between the motion model and the sampler."""
    prompt = graph(template, STILL)
    sampler = next(node["inputs"] for node in prompt.values() if node["class_type"] == "KSampler")
    prompt["added"] = {"class_type": kind, "inputs": DEFAULTS[kind] | inputs | {"model": sampler["model"]}}
    sampler |= {"model": ["added", 0], "steps": steps}
    return prompt


def draw_options(comfyui: Path) -> None:
    """A clip with each option and each threshold, every third frame."""
    rows = {
        "options.png": [("ADXL_MotionOptions", inputs, 12) for inputs in OPTIONS],
        "step_cache.png": [("ADXL_StepCache", inputs, 25) for inputs in CACHES],
    }
    with serving(comfyui, CACHE / "demo", "--cpu") as server:
        template = to_prompt(json.loads(TINY_WORKFLOW.read_text()), server.get("/object_info"))
        for name, cases in rows.items():
            prompts = [with_node(template, *case) for case in cases]
            videos = [frames_of(server.run(prompt).files(server.output)[0])[::EVERY] for prompt in prompts]
            save(contact_sheet(np.concatenate(videos), columns=len(videos[0])), name)


def save(picture: Image.Image, name: str, colours: int = COLOURS, kmeans: int = 0) -> None:
    """kmeans: rounds that fit the colours better, which a picture with all hues needs."""
    if picture.width > MOST_WIDTH:
        height = round(picture.height * MOST_WIDTH / picture.width)
        picture = picture.resize((MOST_WIDTH, height), Image.Resampling.LANCZOS)
    few = picture.quantize(colours, Image.Quantize.MEDIANCUT, kmeans=kmeans, dither=Image.Dither.NONE)
    few.save(FOLDER / name, optimize=True)


def draw_clips(comfyui: Path) -> None:
    with serving(comfyui, CACHE / "demo", "--cpu") as server:
        template = to_prompt(json.loads(TINY_WORKFLOW.read_text()), server.get("/object_info"))
        prompts = [graph(template, replace(STILL, loras=loras)) for loras in MOVES]
        videos = [frames_of(server.run(prompt).files(server.output)[0]) for prompt in prompts]
    save(contact_sheet(videos[0]), "clip.png")
    rows = np.concatenate([video[::EVERY] for video in videos])
    save(contact_sheet(rows, columns=len(videos[0][::EVERY])), "camera.png")


def draw_pictures_in_clips(comfyui: Path) -> None:
    with serving(comfyui, CACHE / "demo", "--cpu") as server:
        template = to_prompt(json.loads(TINY_WORKFLOW.read_text()), server.get("/object_info"))
        rows = [
            given_frames.row(given_frames.sampled(server, template, example), example)
            for example in given_frames.EXAMPLES
        ]
    save(contact_sheet(np.concatenate(rows), columns=len(rows[0])), "pictures.png")


def draw_noise(comfyui: Path) -> None:
    """Every third frame of a clip with each kind of noise in NOISES."""
    with serving(comfyui, CACHE / "demo", "--cpu") as server:
        template = to_prompt(json.loads(TINY_WORKFLOW.read_text()), server.get("/object_info"))
        videos = [frames_of(server.run(with_noise(template, kind)).files(server.output)[0]) for kind in NOISES]
    rows = np.concatenate([video[::EVERY] for video in videos])
    save(contact_sheet(rows, columns=len(videos[0][::EVERY])), "noise.png")


def draw_motion_guidance(comfyui: Path) -> None:
    """Every third frame of a clip at cfg 1, without motion guidance and with it."""
    with serving(comfyui, CACHE / "demo", "--cpu") as server:
        plain = to_prompt(json.loads(TINY_WORKFLOW.read_text()), server.get("/object_info"))
        sampler = next(node["inputs"] for node in plain.values() if node["class_type"] == "KSampler")
        sampler["cfg"] = 1.0
        guided = copy.deepcopy(plain)
        inputs = {"model": sampler["model"], "scale": 2.0, "strength": 0.75, "start_percent": 0.0, "end_percent": 1.0}
        guided["guidance"] = {"class_type": "ADXL_MotionGuidance", "inputs": inputs}
        next(node["inputs"] for node in guided.values() if node["class_type"] == "KSampler")["model"] = ["guidance", 0]
        videos = [frames_of(server.run(prompt).files(server.output)[0]) for prompt in (plain, guided)]
    rows = np.concatenate([video[::EVERY] for video in videos])
    save(contact_sheet(rows, columns=len(videos[0][::EVERY])), "motion_guidance.png")


def with_noise(template: dict[str, Any], kind: str) -> dict[str, Any]:
    prompt = copy.deepcopy(template)
    sampler = next(node["inputs"] for node in prompt.values() if node["class_type"] == "KSampler")
    inputs = {"model": sampler["model"], "kind": kind, "share": 0.5, "seed_step": 1}
    prompt["noise"] = {"class_type": "ADXL_ClipNoise", "inputs": inputs}
    sampler["model"] = ["noise", 0]
    return prompt


def draw_over_time(comfyui: Path) -> None:
    """Prompts and guidance that change over the frames."""
    with serving(comfyui, CACHE / "demo", "--cpu") as server:
        template = to_prompt(json.loads(TINY_WORKFLOW.read_text()), server.get("/object_info"))
        mixes = [graph(template, replace(RED_TO_BLUE, mix=mix)) for mix in ("text", "predictions")]
        guided = [graph(template, STILL), with_rising_cfg(template)]
        for name, prompts in (("travel.png", mixes), ("guidance.png", guided)):
            videos = [frames_of(server.run(prompt).files(server.output)[0]) for prompt in prompts]
            rows = np.concatenate([video[::EVERY] for video in videos])
            save(contact_sheet(rows, columns=len(videos[0][::EVERY])), name)


def draw_plans(comfyui: Path) -> None:
    import_host(comfyui)
    import_pack()
    picture = import_module("animatediff_xl.motion_models.context.picture")
    for name, (settings, steps) in PLANS.items():
        plan = picture.draw(picture.ContextSettings(**settings), PLANNED, steps)[0].numpy()
        save(Image.fromarray((plan * 255).round().astype(np.uint8)), f"windows_{name}.png")


def draw_sheet() -> None:
    """Each camera move over the same drawn clip. Imports the pack, so the host must be imported before."""
    clips = import_module("animatediff_xl.motion_models.training.clips.cutting")
    contact_sheet = import_module("animatediff_xl.motion_models.drawing.sheet").ContactSheet()
    scene = draw([SCENES[0]], torch.Generator().manual_seed(3))[0].movedim(1, -1).numpy()
    with TemporaryDirectory() as folder:
        path = write_video(Path(folder) / "scene.mp4", (scene * 255).round().astype(np.uint8), rate=8)
        every_second = list(range(0, len(scene), 2))[:SHEET_FRAMES]
        for move in SHEET_MOVES:
            settings = clips.ClipSettings(SHEET_FRAMES, 0.0, SIZE, SIZE, 1, False, move)
            contact_sheet.add(next(clips.cut_clips(clips.Source(path, "video", ""), [every_second], settings)))
    save(contact_sheet.picture(), "clips.png")


def draw_measured() -> None:
    """A drawn clip, and the same with a camera that pans. Imports the pack, so the host must be imported before."""
    measures = import_module("animatediff_xl.motion_models.measures.comparison")
    page = import_module("animatediff_xl.motion_models.measures.picture.page")
    still, panned = (
        draw([MEASURED_SCENE], torch.Generator().manual_seed(3), camera)[0].movedim(1, -1).contiguous()
        for camera in (None, torch.tensor([CAMERA_MOVES["pan_left"]]))
    )
    found = measures.measure_clips([panned], still, ["pan left"], measures.MeasureSettings(8.0, False, 0))
    picture = page.draw(found)[0].numpy()
    save(Image.fromarray((picture * 255).round().astype(np.uint8)), "measure.png", 256, kmeans=1)


def draw_training(comfyui: Path) -> None:
    """What the node shows of a training: a MotionLoRA learns to pan, on drawn scenes."""
    folder = CACHE / "demo"
    generator = torch.Generator().manual_seed(5)
    for index, scene in enumerate(draw(list(SCENES[:TRAINED_SCENES]), generator)):
        frames = (scene.movedim(1, -1).numpy() * 255).round().astype(np.uint8)
        path = folder / "input" / "scenes" / f"{index}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_video(path, frames, rate=8)
    with serving(comfyui, folder, "--cpu") as server:
        prompt = to_prompt(json.loads(TINY_WORKFLOW.read_text()), server.get("/object_info"))
        inputs = {node["class_type"]: node["inputs"] for node in reversed(list(prompt.values()))}
        loader, sampler, apply = (inputs[kind] for kind in ("VAEDecode", "KSampler", "ADXL_ApplyMotionModel"))
        prompt["clips"] = {
            "class_type": "ADXL_EncodeClips",
            "inputs": CLIPS | {"vae": loader["vae"], "clip": inputs["CLIPTextEncode"]["clip"]},
        }
        prompt["preview"] = {
            "class_type": "ADXL_TrainingPreview",
            "inputs": {name: sampler[name] for name in ("positive", "negative", "cfg", "sampler_name", "scheduler")}
            | PREVIEW
            | {"vae": loader["vae"]},
        }
        prompt["train"] = {
            "class_type": "ADXL_TrainMotionLoRA",
            "inputs": TRAINING
            | {name: apply[name] for name in ("model", "motion_model")}
            | {"latents": ["clips", 0], "conditioning": ["clips", 1], "preview": ["preview", 0]},
        }
        server.run({name: node for name, node in prompt.items() if node["class_type"] != "SaveVideo"})
        kept = server.output / "adxl_training" / TRAINING["name"]
        with Image.open(kept / "preview.png") as strip, Image.open(kept / "loss.png") as curve:
            picture = import_module("animatediff_xl.motion_models.drawing.sheet").stacked([strip, curve])
    save(picture, "training.png")


if __name__ == "__main__":
    draw_plans(comfyui_root())
    draw_sheet()
    draw_measured()
    draw_clips(comfyui_root())
    draw_noise(comfyui_root())
    draw_motion_guidance(comfyui_root())
    draw_over_time(comfyui_root())
    draw_options(comfyui_root())
    draw_training(comfyui_root())
    draw_pictures_in_clips(comfyui_root())
