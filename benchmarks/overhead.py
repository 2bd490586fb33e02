"""The time of the motion modules alone in a sampler step, in this pack and in AnimateDiff-Evolved.

    python -m benchmarks.overhead CHECKOUT [PIXELS ...]

The clock runs only while a motion module runs, so other work of the packs in a step is not counted. Subtracting a step
without motion would not work on most machines, because the noise of a whole step is as large as the difference between
the packs. COMFYUI_PATH may name a ComfyUI.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from tests.real_models import BASES

from .measure import CALLS, timed_step
from .models import SETTINGS, conditioning, image_model, motion_file
from .peers import evolved
from .run import machine

# isort: split
import torch
from animatediff_xl.motion_models import host
from animatediff_xl.motion_models.files.families import FAMILIES
from animatediff_xl.motion_models.files.loading import open_motion_file
from animatediff_xl.motion_models.sampling.apply import AUTO_BETA_SCHEDULE, apply_motion_model
from torch import nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook

BASE, FAMILY = BASES["SD1.5"], FAMILIES["AnimateDiff v3"]
"""A family with norms over one frame, so that it adds only motion modules to a step."""
DTYPE = torch.float16 if torch.cuda.is_available() else torch.float32
PIXELS = (256, 512) if torch.cuda.is_available() else (64, 128, 256)
FRAMES = 16
ROUNDS = 5

MODULES = ("MotionModule", "VanillaTemporalModule")
"""The class names in this pack and in AnimateDiff-Evolved."""


@contextmanager
def clock_on_motion_modules() -> Iterator[list[float]]:
    """A list that receives the seconds of each call of a motion module inside the context."""
    seconds: list[float] = []
    began = 0.0

    def start(module: nn.Module, _inputs: tuple) -> None:
        nonlocal began
        if type(module).__name__ in MODULES:
            began = now()

    def stop(module: nn.Module, _inputs: tuple, _output: object) -> None:
        if type(module).__name__ in MODULES:
            seconds.append(now() - began)

    hooks = (register_module_forward_pre_hook(start), register_module_forward_hook(stop))
    try:
        yield seconds
    finally:
        for hook in hooks:
            hook.remove()


def now() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def seconds_of_a_step(model: host.ModelPatcher, pixels: int) -> float:
    """Seconds of all motion modules in a warm step."""
    latents = torch.randn(FRAMES, 4, pixels // 8, pixels // 8)
    with clock_on_motion_modules() as seconds:
        timed_step(model, latents, conditioning(BASE, 1), conditioning(BASE, 2))
    calls = len(seconds) // (1 + CALLS)
    return sum(seconds[calls:]) / CALLS


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("checkout", type=Path, help="a checkout of ComfyUI-AnimateDiff-Evolved")
    arguments.add_argument("pixels", type=int, nargs="*", default=PIXELS, help="width and height of the picture")
    given = arguments.parse_args()
    rows = ["| pixels | ours | AnimateDiff-Evolved | ours against theirs |", "|---|---|---|---|"]
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        model = image_model(BASE, DTYPE)
        path = motion_file(Path(folder), FAMILY, BASE)
        animated = apply_motion_model(model, open_motion_file(path, FAMILY.name), SETTINGS, AUTO_BETA_SCHEDULE)
        evolved_model = evolved(given.checkout, model, path)
        for pixels in given.pixels:
            turns = [[seconds_of_a_step(model, pixels) for model in (animated, evolved_model)] for _ in range(ROUNDS)]
            ratios = [ours / theirs for ours, theirs in turns]
            ours, theirs = (median(column) for column in zip(*turns, strict=True))
            spread = f"{median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})"
            rows.append(f"| {pixels} | {ours:.3f} | {theirs:.3f} | {spread} |")
    title = f"SD1.5, {FRAMES} frames, {FAMILY.name}: the motion modules of a step, in seconds"
    # printed at the end, because AnimateDiff-Evolved logs to the same terminal
    sys.stdout.write("\n".join([machine(), title, "", *rows, ""]))


if __name__ == "__main__":
    main()
