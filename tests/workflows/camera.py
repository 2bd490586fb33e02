"""The example workflow with two camera moves, on SD1.5, for which the authors have published MotionLoRAs."""

from dataclasses import replace

from .clips import REFERENCE, clip_boxes
from .drawing import Box

NOTE = """## Camera moves

Two MotionLoRAs, one after the other: the camera pans to the left, and it zooms in. Their moves add up.

1. **Load Checkpoint**: any SD1.5 checkpoint.
2. **Load AnimateDiff Motion Model**: AnimateDiff v2. The MotionLoRAs were trained on it.
3. **Load AnimateDiff Motion LoRA**: strength says how far the camera moves. A negative strength goes the other way.

- One move: connect only one of the two.
- Two at full strength disturb each other. 0.6 to 0.8 is a good start.
- A move that changes: connect **Strength Schedule** to schedule.
- SDXL has no published MotionLoRAs. The template *train a camera move* makes one.
"""
CHECKPOINT = "v1-5-pruned-emaonly-fp16.safetensors"
MOTION_MODEL = "mm_sd15_v2.safetensors"
LORAS = ("v2_lora_PanLeft.ckpt", "v2_lora_ZoomIn.ckpt")
SD15_URL = f"https://huggingface.co/Comfy-Org/stable-diffusion-v1-5-archive/resolve/main/{CHECKPOINT}"
MOTION_URL = f"https://huggingface.co/conrevo/AnimateDiff-A1111/resolve/main/motion_module/{MOTION_MODEL}"
LORA_URL = "https://huggingface.co/guoyww/animatediff/resolve/main/"
CFG, STEPS, FPS = 7.5, 25, 8.0
"""Of the authors, for SD1.5 (guoyww/AnimateDiff, main, configs/prompts, and save_videos_grid)."""


def camera_moves() -> dict[str, Box]:
    clip = replace(
        REFERENCE, checkpoint=CHECKPOINT, motion_model=MOTION_MODEL, note=NOTE, size=512, steps=STEPS, cfg=CFG,
        positive="a village in the mountains, morning light, fog, highly detailed",
    )  # fmt: skip
    drawing = clip_boxes(clip)
    for name, file, url, folder in (
        ("checkpoint", CHECKPOINT, SD15_URL, "checkpoints"),
        ("motion", MOTION_MODEL, MOTION_URL, "animatediff_models"),
    ):
        drawing[name] = replace(drawing[name], models=({"name": file, "url": url, "directory": folder},))
    drawing["note"] = replace(drawing["note"], place=(-470, 0), size=(420, 480))
    first, second = (
        Box(
            "ADXL_LoadMotionLoRA", (0, top), (380, 160),
            (("schedule", "ADXL_SCHEDULE"), ("previous", "ADXL_MOTION_LORA")), (("motion lora", "ADXL_MOTION_LORA"),),
            (file, strength),
            models=({"name": file, "url": LORA_URL + file, "directory": "animatediff_motion_lora"},),
        )
        for file, strength, top in zip(LORAS, (0.7, 0.8), (440, 660), strict=True)
    )  # fmt: skip
    apply, video = drawing["apply"], drawing["video"]
    return drawing | {
        "first lora": first,
        "video": replace(video, values=(FPS, *video.values[1:])),
        "second lora": replace(second, links=(("previous", "first lora", 0),)),
        "apply": replace(
            apply,
            inputs=(*apply.inputs, ("motion_lora", "ADXL_MOTION_LORA")),
            links=(*apply.links, ("motion_lora", "second lora", 0)),
        ),
    }
