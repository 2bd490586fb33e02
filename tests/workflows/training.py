"""The example workflows that train on videos, and then make a clip with the result."""

from dataclasses import replace

from .clips import REFERENCE, clip_boxes
from .drawing import Box

CAMERA_NOTE = """## Train a camera move

The graph makes a MotionLoRA for a pan to the left, and then a clip with it. **Run** does both.

1. Put some videos or pictures into a folder named my_videos inside ComfyUI's **input** folder. Landscapes and rooms are
   good. 20 pictures are enough. Press R.
2. **Encode AnimateDiff Clips** makes the move: set camera to the move that you want. Keep the caption free of it.
3. **Train AnimateDiff Motion LoRA** learns it. Give it a name. Every 100 steps it shows a clip of **AnimateDiff
   Training Preview**. Stop at any time: it keeps what it has, and the next run goes on.
4. The clip on the right shows the result.

The file is in **output/animatediff_motion_lora**. Load AnimateDiff Motion LoRA lists it after R.
mm_sdxl_v10_beta is a beta, and its motion is weak. If the move is too small, raise steps and run again: it goes on.
"""
OWN_NOTE = """## Train on your own videos

The graph learns a motion from your videos in two steps, as the AnimateDiff paper does. **Run** does both, and then
makes a clip.

1. Put 5 to 50 videos of one kind of motion into a folder named my_videos inside ComfyUI's **input** folder. Describe
   a.mp4 in a text file a.txt, what is seen and not how it looks. Press R.
2. Write in **What the clip shows** what your videos show. Previews and the clip use it.
3. **Encode AnimateDiff Clips** cuts clips. Look at its pictures and its report: they are what is trained.
4. **Train AnimateDiff Domain Adapter** learns the look of the videos.
5. **Train AnimateDiff Motion LoRA** learns their motion, on the MODEL with the adapter. So it need not learn the look.
   Every 100 steps it shows a clip of **AnimateDiff Training Preview**.
6. The clip on the right has the motion without the adapter: your checkpoint keeps its own look.

Stop at any time. The next run goes on, also with more steps.
Results are in **output/loras** and **output/animatediff_motion_lora**.
"""

COLUMN = 510
"""The width of a column of boxes, with the space to the next."""
LOOP_VALUES = (100.0, 1, 0, "auto", "on", 100, "auto")
"""From max_noise_weight to resume, for a training of one clip a step."""
LORA_OUTPUTS = (("lora", "LORA_MODEL"), ("loss_map", "LOSS_MAP"), ("steps", "INT"))


def shifted(drawing: dict[str, Box], left: int, by: int) -> dict[str, Box]:
    """The boxes from a place on are moved to the right."""
    return {
        name: replace(box, place=(box.place[0] + by, box.place[1])) if box.place[0] >= left else box
        for name, box in drawing.items()
    }


def training_boxes(note: str, positive: str, camera: str, caption: str, columns: int) -> dict[str, Box]:
    """The graph of a clip of 512 x 512, with room for trainings and the clips that they read."""
    clip = replace(REFERENCE, note=note, positive=positive, size=512, steps=25)
    drawing = shifted(clip_boxes(clip), 430, columns * COLUMN)
    drawing["note"] = replace(drawing["note"], place=(-470, 0), size=(420, 560))
    drawing["preview"] = Box(
        "ADXL_TrainingPreview", (-470, 620), (420, 400),
        (("positive", "CONDITIONING"), ("negative", "CONDITIONING"), ("vae", "VAE")),
        (("preview", "ADXL_TRAINING_PREVIEW"),), (16, 512, 512, 20, 7.5, "euler", "ddim_uniform", 0, 100),
        (("positive", "positive", 0), ("negative", "negative", 0), ("vae", "checkpoint", 2)),
    )  # fmt: skip
    drawing["clips"] = Box(
        "ADXL_EncodeClips", (0, 440), (380, 560), (("vae", "VAE"), ("clip", "CLIP")),
        (("latents", "LATENT"), ("conditioning", "CONDITIONING"), ("contact sheet", "IMAGE"), ("report", "STRING")),
        ("my_videos", 16, 8.0, 512, 512, 4, False, camera, caption),
        (("vae", "checkpoint", 2), ("clip", "checkpoint", 1)),
    )  # fmt: skip
    return drawing


def motion_lora_box(place: tuple[int, int], name: str, model: tuple[str, int]) -> Box:
    """model: the box and output of the MODEL to train on."""
    return Box(
        "ADXL_TrainMotionLoRA", place, (460, 1200),
        (("model", "MODEL"), ("motion_model", "ADXL_MOTION_MODEL"), ("latents", "LATENT"),
         ("conditioning", "CONDITIONING"), ("preview", "ADXL_TRAINING_PREVIEW")),
        (*LORA_OUTPUTS, ("motion_lora", "ADXL_MOTION_LORA")),
        (name, 500, 1e-4, 64, "attention", "debiased", *LOOP_VALUES, "AnimateDiff"),
        (("model", *model), ("motion_model", "motion", 0), ("latents", "clips", 0), ("conditioning", "clips", 1),
         ("preview", "preview", 0)),
    )  # fmt: skip


def with_motion_lora(drawing: dict[str, Box]) -> dict[str, Box]:
    """Apply takes the MotionLoRA that is trained."""
    apply = drawing["apply"]
    drawing["apply"] = replace(
        apply,
        inputs=(*apply.inputs, ("motion_lora", "ADXL_MOTION_LORA")),
        links=(*apply.links, ("motion_lora", "train", 3)),
    )
    return drawing


def camera_move() -> dict[str, Box]:
    drawing = training_boxes(CAMERA_NOTE, "a village in the mountains, morning light", "pan left", "a place", columns=1)
    drawing["train"] = motion_lora_box((430, 0), "my_pan_left", ("checkpoint", 0))
    return with_motion_lora(drawing)


def own_videos() -> dict[str, Box]:
    drawing = training_boxes(OWN_NOTE, "a description of your videos", "none", "", columns=2)
    drawing["adapter"] = Box(
        "ADXL_TrainDomainAdapter", (430, 0), (460, 1000),
        (("model", "MODEL"), ("latents", "LATENT"), ("conditioning", "CONDITIONING")),
        (*LORA_OUTPUTS, ("model", "MODEL")),
        ("my_adapter", 300, 1e-4, 128, "noise", 1.0, 4, *LOOP_VALUES[2:]),
        (("model", "checkpoint", 0), ("latents", "clips", 0), ("conditioning", "clips", 1)),
    )  # fmt: skip
    drawing["train"] = motion_lora_box((430 + COLUMN, 0), "my_motion", ("adapter", 3))
    return with_motion_lora(drawing)
