"""What pictures do to a clip of the small model.

    python -m tests.tiny.pictures [CLIPS]

samples clips from drawn pictures, each with another scene and seed. For each kind of clip it prints the step beside a
given frame, against the median step of the clip, and the largest step. It also counts the objects that move as the
prompt says.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass

import tests.conftest  # noqa: F401 - the host and the pack

# isort: split
import comfy.sample
import numpy as np
import torch
from animatediff_xl.motion_models.context.handler import ContextHandler, add_context
from animatediff_xl.motion_models.context.windows import ContextSettings
from animatediff_xl.nodes.picture import PicturesInClip
from torch import Tensor

from tests.tiny.clips import CFG, SAMPLER, STEPS
from tests.tiny.evaluation import Tiny, encoded, tiny_models, with_motion
from tests.tiny.measure import direction_of, displacement
from tests.tiny.synthetic_dataset import FRAMES, SIZE, Scene, draw, scene_of

CLIPS = 20


@dataclass(frozen=True)
class Kind:
    """How a clip is made from the frames of a drawn one."""

    at: str
    given: slice | list[int]
    """Frames of the drawn clip."""
    hold: float
    borders: tuple[int, ...]
    """Steps between a given frame and one that is not. Step 0 is from frame 0 to frame 1."""
    as_latents: bool = False
    closed_loop: bool = False
    """Then the last step is from the last frame to the first."""


KINDS = {
    "first, hold 8": Kind("0", [0], 8, (0,)),
    "first, hold 4": Kind("0", [0], 4, (0,)),
    "first, hold 0": Kind("0", [0], 0, (0,)),
    "first and last, hold 8": Kind("0, -1", [0, -1], 8, (0, 14)),
    "first and last, hold 0": Kind("0, -1", [0, -1], 0, (0, 14)),
    "middle, hold 6": Kind("8", [8], 6, (7, 8)),
    "a loop from its first frame, hold 8": Kind("0", [0], 8, (0, 15), closed_loop=True),
    "continues frames 4 to 7, hold 8": Kind("0-3", slice(4, 8), 8, (3,), as_latents=True),
    "continues frames 4 to 7, hold 0": Kind("0-3", slice(4, 8), 0, (3,), as_latents=True),
    "joins two ends, hold 8": Kind("0-3, 12-15", [0, 1, 2, 3, -4, -3, -2, -1], 8, (3, 11), as_latents=True),
    "joins two ends, hold 0": Kind("0-3, 12-15", [0, 1, 2, 3, -4, -3, -2, -1], 0, (3, 11), as_latents=True),
}


@dataclass(frozen=True)
class Clip:
    """Measurements of one clip."""

    border: float
    """The largest step beside a given frame, in median steps of the clip."""
    largest: float
    """The largest step of the clip, in median steps."""
    goes_as_prompted: bool
    kept_error: float
    """Largest difference of a given frame from its latents."""


def drawn(scene: Scene, seed: int) -> Tensor:
    """A clip (f h w 3) in 0..1 of the synthetic dataset."""
    return draw([scene], torch.Generator().manual_seed(1000 + seed))[0].movedim(1, -1)


def sampled(tiny: Tiny, model, latent: dict[str, Tensor], scene: Scene, seed: int) -> Tensor:
    """Latents (f c h w) of KSampler."""
    positive, negative = encoded(tiny, [scene.caption, ""])
    noise = comfy.sample.prepare_noise(latent["samples"], seed)
    return comfy.sample.sample(
        model, noise, STEPS, CFG, *SAMPLER, positive, negative, latent["samples"],
        noise_mask=latent["noise_mask"], disable_pbar=True, seed=seed,
    )  # fmt: skip


def measured(tiny: Tiny, kind: Kind, seed: int) -> Clip:
    scene = scene_of(seed)
    pictures = drawn(scene, seed)[kind.given]
    given = {"latent": {"samples": tiny.vae.encode(pictures)}} if kind.as_latents else {"pictures": pictures}
    model = with_motion(tiny)
    if kind.closed_loop:
        model = add_context(model, ContextHandler(ContextSettings(closed_loop=True)))
    model, latent = PicturesInClip.execute(
        model=model, vae=tiny.vae, at=kind.at, frames=FRAMES, width=SIZE, height=SIZE, hold=kind.hold,
        closed_loop=kind.closed_loop, **given,
    ).args  # fmt: skip
    found = sampled(tiny, model, latent, scene, seed)
    frames = tiny.vae.decode(found).numpy()
    followed = np.concatenate([frames, frames[:1]]) if kind.closed_loop else frames
    steps = np.abs(np.diff(followed, axis=0)).mean((1, 2, 3))
    steps /= np.median(steps)
    is_kept = latent["noise_mask"].amax((1, 2, 3)) == 0
    return Clip(
        border=float(steps[list(kind.borders)].max()),
        largest=float(steps.max()),
        goes_as_prompted=direction_of(displacement(frames, scene.colour)) == scene.direction,
        kept_error=float((found - latent["samples"])[is_kept].abs().max()),
    )


def line(name: str, clips: list[Clip]) -> str:
    borders = [clip.border for clip in clips]
    return (
        f"| {name} | {np.mean(borders):.2f} ({min(borders):.2f} to {max(borders):.2f}) "
        f"| {np.mean([clip.largest for clip in clips]):.2f} "
        f"| {sum(clip.goes_as_prompted for clip in clips)} of {len(clips)} "
        f"| {max(clip.kept_error for clip in clips):.1e} |"
    )


def main(count: int, show: Callable[[str], object]) -> None:
    tiny = tiny_models()
    with torch.inference_mode():
        for name, kind in KINDS.items():
            show(line(name, [measured(tiny, kind, seed) for seed in range(count)]) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else CLIPS, lambda text: (sys.stdout.write(text), sys.stdout.flush()))
