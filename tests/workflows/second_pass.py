"""The example workflow that samples a small clip, enlarges it, and samples it again."""

from dataclasses import replace

from .clips import REFERENCE, clip_boxes
from .drawing import SEED_CONTROL, Box
from .training import shifted

NOTE = """## A second pass

The first pass makes the clip at 768x768. **Upscale Latent By** enlarges it to 1152x1152. The second pass adds detail.

- Both samplers have the MODEL with motion, so the detail moves too.
- denoise of **Second pass**: 0.5 keeps the clip. Above 0.7 it becomes another clip.
- With less memory, connect **Context Windows** before the second pass. Set context_length to 8 and windows_per_batch
  to 1.
- For a first look 25 steps are enough.
"""
SMALL, LARGER, DENOISE = 768, 1.5, 0.5


def second_pass() -> dict[str, Box]:
    drawing = shifted(clip_boxes(replace(REFERENCE, note=NOTE, size=SMALL)), 1270, 740)
    first = drawing["sampler"]
    given = {"latent_image": ("larger", 0)}
    drawing["larger"] = Box(
        "LatentUpscaleBy", (1270, 0), (320, 90), (("samples", "LATENT"),), (("LATENT", "LATENT"),),
        ("bislerp", LARGER), (("samples", "sampler", 0),),
    )  # fmt: skip
    drawing["second"] = replace(
        first,
        place=(1640, 0),
        values=(0, SEED_CONTROL, *first.values[2:-1], DENOISE),
        links=tuple((name, *given.get(name, source)) for name, *source in first.links),
        title="Second pass",
    )
    drawing["sampler"] = replace(first, title="First pass")
    drawing["decode"] = replace(drawing["decode"], links=(("samples", "second", 0), ("vae", "checkpoint", 2)))
    return drawing
