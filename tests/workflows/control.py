"""The example workflow that makes a clip from a video, with the edges of the video as a guide."""

from dataclasses import replace

from .clips import REFERENCE, clip_boxes
from .drawing import Box
from .training import shifted

NOTE = """## A clip from a video

**Apply ControlNet** holds the edges of each frame of a video. So the clip moves as the video does, and looks as the
prompt says.

1. **Load Video**: your video. **Get Image from Batch** takes 16 of its frames. Set fps in **Create Video** to that of
   the video. **Upscale Image** crops the frames to a square: for a wide video, set 1344x768 there.
2. **Load ControlNet Model**: any ControlNet for SDXL. **Canny** makes its pictures. For another kind, replace it.
3. Write in **What the clip shows** what the video shows, in the look that you want.

- denoise 0.8 keeps colours of the video. At 1 only the edges count. Lower is closer to the video.
- strength 0.7 of the ControlNet leaves room for the prompt.
- A longer clip: raise length in **Get Image from Batch**, and connect **Context Windows** before the sampler.
- For a first look 25 steps are enough.
"""
CONTROL_NET = "diffusers_xl_canny_full.safetensors"
CONTROL_NET_URL = f"https://huggingface.co/lllyasviel/sd_control_collection/resolve/main/{CONTROL_NET}"
FRAMES, SIZE, STRENGTH, DENOISE = 16, 1024, 0.7, 0.8
COLUMN = 450
IMAGE = (("IMAGE", "IMAGE"),)


def video_to_video() -> dict[str, Box]:
    positive = "what the video shows, in the look that you want"
    drawing = shifted(clip_boxes(replace(REFERENCE, note=NOTE, positive=positive)), 900, COLUMN)
    drawing["note"] = replace(drawing["note"], place=(-470, 0), size=(420, 480))
    sampler = drawing["sampler"]
    given = {"positive": ("control", 0), "negative": ("control", 1), "latent_image": ("latent", 0)}
    return drawing | {
        "load": Box(
            "LoadVideo", (0, 440), (380, 340), (), (("VIDEO", "VIDEO"),), ("my_video.mp4", "image"),
        ),
        "parts": Box(
            "GetVideoComponents", (0, 840), (380, 90), (("video", "VIDEO"),),
            (("images", "IMAGE"), ("audio", "AUDIO"), ("fps", "FLOAT")), links=(("video", "load", 0),),
        ),
        "frames": Box(
            "ImageFromBatch", (0, 990), (380, 90), (("image", "IMAGE"),), IMAGE, (0, FRAMES),
            (("image", "parts", 0),),
        ),
        "sized": Box(
            "ImageScale", (430, 790), (420, 142), (("image", "IMAGE"),), IMAGE,
            ("lanczos", SIZE, SIZE, "center"), (("image", "frames", 0),),
        ),
        "latent": Box(
            "VAEEncode", (430, 990), (420, 60), (("pixels", "IMAGE"), ("vae", "VAE")), (("LATENT", "LATENT"),),
            links=(("pixels", "sized", 0), ("vae", "checkpoint", 2)),
        ),
        "control net": Box(
            "ControlNetLoader", (900, 0), (400, 70), outputs=(("CONTROL_NET", "CONTROL_NET"),),
            values=(CONTROL_NET,),
            models=({"name": CONTROL_NET, "url": CONTROL_NET_URL, "directory": "controlnet"},),
        ),
        "edges": Box(
            "Canny", (900, 130), (400, 100), (("image", "IMAGE"),), IMAGE, (0.2, 0.5), (("image", "sized", 0),),
        ),
        "look": Box("PreviewImage", (900, 590), (400, 340), (("images", "IMAGE"),), links=(("images", "edges", 0),)),
        "control": Box(
            "ControlNetApplyAdvanced", (900, 290), (400, 240),
            (("positive", "CONDITIONING"), ("negative", "CONDITIONING"), ("control_net", "CONTROL_NET"),
             ("image", "IMAGE"), ("vae", "VAE")),
            (("positive", "CONDITIONING"), ("negative", "CONDITIONING")), (STRENGTH, 0.0, 1.0),
            (("positive", "positive", 0), ("negative", "negative", 0), ("control_net", "control net", 0),
             ("image", "edges", 0)),
        ),
        "sampler": replace(
            sampler,
            values=(*sampler.values[:-1], DENOISE),
            links=tuple((name, *given.get(name, source)) for name, *source in sampler.links),
        ),
    }  # fmt: skip
