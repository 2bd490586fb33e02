"""The example workflow of slow motion, sampled with a step cache."""

from dataclasses import replace

from .clips import REFERENCE, clip_boxes
from .drawing import Box

NOTE = """## Slow motion, in less time

**AnimateDiff Motion Options** has stretch 2: the motion of 16 frames takes 32. Its other settings are off.
**AnimateDiff Step Cache** skips steps that change the clip as expected, and shows how many after the run.

- For the usual speed, set stretch to 1 and the frames in **Empty Latent Frames** to 16.
- 32 frames at once need more memory than 16. With less memory, make the picture smaller.
- threshold 0.05 is more exact, and 0 skips nothing.
- block_strengths such as down 0: 0.5, up 2: 0.5 weaken the motion of fine detail.
"""
SLOWER, WIDTH = 2.0, 370


def slow_motion() -> dict[str, Box]:
    drawing = clip_boxes(replace(REFERENCE, note=NOTE, frames=32))
    left, _ = drawing["sampler"].place
    for name, box in drawing.items():
        x, y = box.place
        if x >= left:
            drawing[name] = replace(box, place=(x + WIDTH, y))
    model = (("model", "MODEL"),), (("MODEL", "MODEL"),)
    drawing["options"] = Box(
        "ADXL_MotionOptions", (left, 0), (320, 420), *model,
        ("", SLOWER, 1.0, 1, "butterworth", 0.25, 0.25, False, 0.0), (("model", "apply", 0),),
    )  # fmt: skip
    drawing["cache"] = Box(
        "ADXL_StepCache", (left, 480), (320, 160), *model, (0.1, 0.15, 0.95), (("model", "options", 0),)
    )
    before = drawing["sampler"].links[1:]
    drawing["sampler"] = replace(drawing["sampler"], links=(("model", "cache", 0), *before))
    return drawing
