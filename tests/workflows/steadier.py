"""The example workflow of a clip that flickers less: noise in common, weaker negative motion, and a falling cfg."""

from dataclasses import replace

from .clips import REFERENCE, clip_boxes
from .drawing import Box
from .training import shifted

NOTE = """## A steadier clip

Three ways to less flicker, each of which works alone:

- **AnimateDiff Clip Noise**: each frame shares some noise with the frame before. Above a share of 0.5 a clip may stand
  still.
- **Apply AnimateDiff Motion Model** has negative_strength 0.9: weaker motion in the negative side of cfg.
- **AnimateDiff Guidance Schedule** lowers cfg over the steps, from 8.5 to 6. The points are those of **Strength
  Schedule**: change their last step if you change the sampler's steps.

To compare, use ComfyUI's bypass on a node. For a first look 25 steps are enough.
"""
LEFT, WIDTH = 900, 370
UNUSED_SOCKETS = (("motion_lora", "ADXL_MOTION_LORA"), ("schedule", "ADXL_SCHEDULE"), ("mask", "MASK"))
"""Of Apply AnimateDiff Motion Model, before the widget of negative_strength."""
SHARE, NEGATIVE_STRENGTH = 0.3, 0.9
POINTS = "0: 1, 99: 0.7"


def steadier_clip() -> dict[str, Box]:
    drawing = shifted(clip_boxes(replace(REFERENCE, note=NOTE)), LEFT, WIDTH)
    apply = drawing["apply"]
    drawing["apply"] = replace(
        apply, inputs=(*apply.inputs, *UNUSED_SOCKETS), values=(*apply.values, NEGATIVE_STRENGTH)
    )
    model = (("model", "MODEL"),), (("MODEL", "MODEL"),)
    drawing["noise"] = Box(
        "ADXL_ClipNoise", (LEFT, 0), (320, 160), *model, ("progressive", SHARE, 1), (("model", "apply", 0),)
    )
    drawing["guidance"] = Box(
        "ADXL_GuidanceSchedule", (LEFT, 220), (320, 100), (("model", "MODEL"), ("schedule", "ADXL_SCHEDULE")), model[1],
        links=(("model", "noise", 0), ("schedule", "curve", 0)),
    )  # fmt: skip
    drawing["curve"] = Box(
        "ADXL_StrengthSchedule", (LEFT, 390), (320, 400), outputs=(("schedule", "ADXL_SCHEDULE"),),
        values=(POINTS, "linear", "sampling steps", 100),
    )  # fmt: skip
    before = drawing["sampler"].links[1:]
    drawing["sampler"] = replace(drawing["sampler"], links=(("model", "guidance", 0), *before))
    return drawing
