"""The example workflow whose prompt changes over the frames."""

from dataclasses import replace

from .clips import REFERENCE, clip_boxes, with_windows
from .drawing import Box

NOTE = """## A loop through the seasons

**AnimateDiff Prompt Travel** takes the place of CLIP Text Encode. Each line has a frame and a prompt. The node shows
what it has read.

- Frames of the node must be those of **Empty Latent Frames**: 48, in windows of 16.
- closed_loop leads from the last prompt back to the first. It is switched on here, and in Context Windows too.
- mix: text is as fast as one prompt. predictions fades from one prompt to the next, and takes longer.
- Prompt schedules of FizzNodes, AnimateDiff-Evolved and sd-webui-animatediff can be pasted.
- For a first look 25 steps are enough.
"""
PROMPTS = """0: in spring, cherry blossoms, fresh green
12: in summer, tall grass, bright sun
24: in autumn, orange leaves, fog
36: in winter, deep snow, blue light"""
BEFORE = "a lonely tree on a hill, wide shot"
AFTER = "wind, cinematic, high quality"
FRAMES = 48


def travel() -> dict[str, Box]:
    drawing = with_windows(clip_boxes(replace(REFERENCE, note=NOTE, frames=FRAMES)))
    drawing["positive"] = Box(
        "ADXL_PromptTravel", (430, 370), (420, 560), (("clip", "CLIP"),), (("CONDITIONING", "CONDITIONING"),),
        (PROMPTS, FRAMES, "linear", "text", True, BEFORE, AFTER), (("clip", "checkpoint", 1),),
        title="What the clip shows",
    )  # fmt: skip
    for name, top in (("negative", 990), ("latent", 1200)):
        drawing[name] = replace(drawing[name], place=(430, top))
    return drawing
