"""The help picture of a training: what the node shows while a MotionLoRA learns to pan, on drawn scenes.

python -m tests.pictures.training
"""

import numpy as np
import torch
from PIL import Image

from ..coded_video import write_video
from ..host.obtain import CACHE, comfyui_root
from ..host.server import Server, serving
from ..tiny.synthetic_dataset import SCENES, SIZE, draw
from .sampling import tiny_prompt
from .saving import save_still

SCENES_TRAINED = 4
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
"""Inputs of the nodes."""


def draw_training(server: Server) -> None:
    generator = torch.Generator().manual_seed(5)
    for index, scene in enumerate(draw(list(SCENES[:SCENES_TRAINED]), generator)):
        frames = (scene.movedim(1, -1).numpy() * 255).round().astype(np.uint8)
        path = server.folder / "input" / CLIPS["folder"] / f"{index}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_video(path, frames, rate=8)
    prompt = tiny_prompt(server)
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
    strip, curve = (Image.open(kept / name) for name in ("preview.png", "loss.png"))
    picture = Image.new("RGB", (max(strip.width, curve.width), strip.height + curve.height), curve.getpixel((0, 0)))
    picture.paste(strip)
    picture.paste(curve, (0, strip.height))
    save_still(picture, "training.png")


if __name__ == "__main__":
    with serving(comfyui_root(), CACHE / "demo", "--cpu") as running:
        draw_training(running)
