"""The example workflow that makes a clip from a picture."""

from dataclasses import replace

from .clips import REFERENCE, clip_boxes
from .drawing import Box
from .training import shifted

NOTE = """## A picture comes to life

1. **Load Image**: your picture. It becomes the first frame.
2. Write in **What the clip shows** what is in the picture, and what moves.
3. **AnimateDiff Pictures in Clip** fits the picture to the size of the clip. Set width and height to its proportion.

- at says which frame the picture is: 0 is the first, -1 the last.
- Two pictures: put **Batch Images** before it, and write 0, -1 into at. The clip goes from one to the other.
- More motion: set hold to 4.
- To continue a clip, connect its last frames to latent. The help of the node shows how.

For a first look 25 steps are enough.
"""


def picture_to_clip() -> dict[str, Box]:
    positive = "what the picture shows, and what moves in it"
    drawing = shifted(clip_boxes(replace(REFERENCE, note=NOTE, positive=positive)), 900, 450)
    del drawing["latent"]
    drawing["picture"] = Box(
        "LoadImage", (430, 790), (420, 380), (), (("IMAGE", "IMAGE"), ("MASK", "MASK")), ("example.png", "image"),
    )  # fmt: skip
    drawing["pictures"] = Box(
        "ADXL_PicturesInClip", (900, 0), (400, 380),
        (("model", "MODEL"), ("vae", "VAE"), ("pictures", "IMAGE"), ("latent", "LATENT")),
        (("MODEL", "MODEL"), ("LATENT", "LATENT")), ("0", 16, 1024, 1024, 8.0, False),
        (("model", "apply", 0), ("vae", "checkpoint", 2), ("pictures", "picture", 0)),
    )  # fmt: skip
    sampler = drawing["sampler"]
    given = {"model": ("pictures", 0), "latent_image": ("pictures", 1)}
    drawing["sampler"] = replace(
        sampler, links=tuple((name, *given.get(name, source)) for name, *source in sampler.links)
    )
    return drawing
