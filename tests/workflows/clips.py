"""The example workflows that make a clip: one graph, for the real SDXL and for the tiny one."""

from dataclasses import dataclass, replace

from .drawing import SEED_CONTROL, Box

# Reference settings of the authors (guoyww/AnimateDiff, branch sdxl, README and configs/inference/inference.yaml)
STEPS, CFG, SAMPLER, SCHEDULER, FPS = 100, 8.5, "euler", "ddim_uniform", 16.0

SDXL_URL = "https://huggingface.co/stabilityai/stable-diffusion-xl-base-1.0/resolve/main/sd_xl_base_1.0.safetensors"
MOTION_URL = "https://huggingface.co/conrevo/AnimateDiff-A1111/resolve/main/motion_module/mm_sdxl_v10_beta.safetensors"

SDXL_NOTE = """## A clip with AnimateDiff SDXL

1. **Load Checkpoint**: SDXL base 1.0, or any SDXL fine-tune. Not Turbo or Lightning.
2. **Load AnimateDiff Motion Model**: mm_sdxl_v10_beta, in the folder models/animatediff_models.
3. The settings are those of the authors: 1024x1024, 16 frames, 100 steps, cfg 8.5, Euler with ddim_uniform.

Good sizes: 1024x1024, 768x1344, 832x1216, 1216x832, 1344x768.
For a first look 25 steps are enough. If memory runs out, make the picture smaller before the clip shorter:
below 8 frames the motion falls apart.
"""
LOOP_NOTE = """## A loop of three seconds

48 frames, in windows of 16 that overlap by 4. **Context Windows** with closed_loop lets the last frame go over into the
first, so the clip can be repeated without a jump.

- For a long clip that is no loop, switch closed_loop off.
- Another length: change the frames in **Empty Latent Frames**. With windows_per_batch 1, a longer clip needs no more
  memory.
- **Window Plan**, connected to Context Windows, draws how the frames are cut, and says what it costs.
- For a first look 25 steps are enough.
"""
LONG_NOTE = """## A long clip with one look

96 frames, in windows of 16 that overlap by 4. Two settings of **Context Windows** make the windows look alike:

- freenoise lets all windows start from the same noise.
- reference_weight 0.5 holds the colours of the clip near those of its first frame. Set it to 0 where the prompt changes
  colours.
- Another length: change the frames in **Empty Latent Frames**. With windows_per_batch 1, a longer clip needs no more
  memory.
- For a first look 25 steps are enough.
"""
TINY_NOTE = """## The same graph on the tiny SDXL

**make demo** in this pack's repository runs it: a model of 17 MB that knows coloured shapes.
It is for machines without a GPU. Its files are in tests/tiny, and so is the pack that lets ComfyUI recognise them.

Prompts: a (red, green, blue, yellow) (circle, square, triangle) moving (left, right, up, down).
"""


@dataclass(frozen=True)
class Clip:
    """The differences between the workflows."""

    checkpoint: str
    motion_model: str
    positive: str
    negative: str
    size: int
    steps: int
    cfg: float
    note: str
    downloads: bool
    seed: int = 0
    frames: int = 16
    windows: tuple[int | float | str | bool, ...] = ()
    """Values of Context Windows. Empty: without them."""


REFERENCE = Clip(
    checkpoint="sd_xl_base_1.0.safetensors",
    motion_model="mm_sdxl_v10_beta.safetensors",
    positive="a panda standing on a surfboard in the ocean, waves, sunset, cinematic, high quality",
    negative="blurry, low quality, watermark, text",
    size=1024,
    steps=STEPS,
    cfg=CFG,
    note=SDXL_NOTE,
    downloads=True,
)
TINY = Clip(
    checkpoint="tiny_sdxl.safetensors",
    motion_model="tiny_motion.safetensors",
    positive="a red circle moving left",
    negative="",
    size=128,
    steps=12,
    cfg=3.0,
    note=TINY_NOTE,
    downloads=False,
    seed=5,
)
CLOSED = (16, 4, 1, "standard_static", "pyramid", True, False, 0)
ALIKE = (16, 4, 1, "standard_static", "pyramid", False, True, 0, 0.5, 0, "whole model")
LOOP = replace(REFERENCE, note=LOOP_NOTE, frames=48, windows=CLOSED)
LONG = replace(REFERENCE, note=LONG_NOTE, frames=96, windows=ALIKE)


def boxes(clip: Clip) -> dict[str, Box]:
    drawing = clip_boxes(clip)
    return with_windows(drawing, clip.windows) if clip.windows else drawing


def with_windows(drawing: dict[str, Box], values: tuple[int | float | str | bool, ...] = CLOSED) -> dict[str, Box]:
    """Adds Context Windows before the sampler, and moves the boxes from there on to the right."""
    left, _ = drawing["sampler"].place
    for name, box in drawing.items():
        x, y = box.place
        if x >= left:
            drawing[name] = replace(box, place=(x + 370, y))
    before = drawing["sampler"].links[0]
    drawing["sampler"] = replace(drawing["sampler"], links=(("model", "windows", 0), *drawing["sampler"].links[1:]))
    drawing["windows"] = Box(
        "ADXL_ContextWindows", (left, 0), (320, 300), (("model", "MODEL"),), (("MODEL", "MODEL"),),
        values, (before,),
    )  # fmt: skip
    return drawing


def clip_boxes(clip: Clip) -> dict[str, Box]:
    downloads = [
        ({"name": name, "url": url, "directory": directory},) if clip.downloads else ()
        for name, url, directory in (
            (clip.checkpoint, SDXL_URL, "checkpoints"),
            (clip.motion_model, MOTION_URL, "animatediff_models"),
        )
    ]
    text = Box(
        "CLIPTextEncode", (430, 370), (420, 150), (("clip", "CLIP"),), (("CONDITIONING", "CONDITIONING"),),
        (clip.positive,), (("clip", "checkpoint", 1),), title="What the clip shows",
    )  # fmt: skip
    return {
        "note": Box("MarkdownNote", (0, 440), (380, 330), values=(clip.note,), title="About this graph"),
        "checkpoint": Box(
            "CheckpointLoaderSimple", (0, 0), (380, 110),
            outputs=(("MODEL", "MODEL"), ("CLIP", "CLIP"), ("VAE", "VAE")),
            values=(clip.checkpoint,), models=downloads[0],
        ),
        "motion": Box(
            "ADXL_LoadMotionModel", (0, 170), (380, 210), outputs=(("motion model", "ADXL_MOTION_MODEL"),),
            values=(clip.motion_model, "auto"), models=downloads[1],
        ),
        "apply": Box(
            "ADXL_ApplyMotionModel", (430, 0), (420, 310),
            (("model", "MODEL"), ("motion_model", "ADXL_MOTION_MODEL")), (("MODEL", "MODEL"),),
            ("auto", 1.0, 0.0, 1.0, 0), (("model", "checkpoint", 0), ("motion_model", "motion", 0)),
        ),
        "positive": text,
        "negative": replace(text, place=(430, 580), values=(clip.negative,), title="What it does not"),
        "latent": Box(
            "ADXL_EmptyLatentFrames", (430, 790), (420, 142), outputs=(("LATENT", "LATENT"),),
            values=(clip.size, clip.size, clip.frames),
        ),
        "sampler": Box(
            "KSampler", (900, 0), (320, 280),
            (("model", "MODEL"), ("positive", "CONDITIONING"), ("negative", "CONDITIONING"),
             ("latent_image", "LATENT")),
            (("LATENT", "LATENT"),),
            (clip.seed, SEED_CONTROL, clip.steps, clip.cfg, SAMPLER, SCHEDULER, 1.0),
            (("model", "apply", 0), ("positive", "positive", 0), ("negative", "negative", 0),
             ("latent_image", "latent", 0)),
        ),
        "decode": Box(
            "VAEDecode", (1270, 0), (320, 60), (("samples", "LATENT"), ("vae", "VAE")), (("IMAGE", "IMAGE"),),
            links=(("samples", "sampler", 0), ("vae", "checkpoint", 2)),
        ),
        "video": Box(
            "CreateVideo", (1270, 120), (320, 110), (("images", "IMAGE"), ("audio", "AUDIO")), (("VIDEO", "VIDEO"),),
            (FPS,), (("images", "decode", 0),),
        ),
        "save": Box(
            "SaveVideo", (1270, 300), (420, 450), (("video", "VIDEO"),), (),
            ("animatediff/clip", "auto", "auto"), (("video", "video", 0),),
        ),
    }  # fmt: skip
