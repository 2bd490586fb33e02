"""What context windows cost: how often a frame is computed, and the time of windowing itself.

    python -m benchmarks.windows [FRAMES ...]

runs an SDXL with random weights and motion modules (on a CPU a narrow one), and prints a table for clips of 16 to 512
frames. A frame evaluation is timed in windows and in plain batches of a window's length, in turn, one after the other;
a clip of 16 frames has no windows, so its row tells the noise of the machine. Windowing is the time that the handler
takes beside the model's, cutting the conditions and adding up the results, as a share of it: it is timed inside one
call, so that a machine with other work does not matter. COMFYUI_PATH may name a ComfyUI.
"""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

from .measure import Measured, Run, clocked, in_turn, ratio, timed_step
from .models import BASES, SETTINGS, conditioning, image_model, motion_file, shallow

# isort: split
import torch
from animatediff_xl.motion_models import host
from animatediff_xl.motion_models.context.handler import ContextHandler, add_context
from animatediff_xl.motion_models.context.windows import ContextSettings, plan
from animatediff_xl.motion_models.files.families import FAMILIES
from animatediff_xl.motion_models.files.loading import open_motion_file
from animatediff_xl.motion_models.sampling.apply import AUTO_BETA_SCHEDULE, apply_motion_model

WINDOWS = ContextSettings()
FRAMES = (16, 32, 48, 64, 120, 256, 512)
ON_GPU = torch.cuda.is_available()
CHANNELS, PIXELS = (320, 512) if ON_GPU else (32, 128)
DTYPE = torch.float16 if ON_GPU else torch.float32
ROUNDS = 5 if ON_GPU else 3
TITLES = ("frames", "windows", "a call", "evaluations of a frame", "ms each", "plain batches", "in windows / plain",
          "windowing", "memory")  # fmt: skip


def animated_model() -> host.ModelPatcher:
    base = BASES["SDXL"] if ON_GPU else shallow(BASES["SDXL"])
    with tempfile.TemporaryDirectory() as folder:
        family = FAMILIES["AnimateDiff SDXL beta"]
        file = open_motion_file(motion_file(Path(folder), family, base, CHANNELS))
        return apply_motion_model(image_model(base, DTYPE, CHANNELS), file, SETTINGS, AUTO_BETA_SCHEDULE)


def steps_of(model: host.ModelPatcher, frames: int, times: int = 1) -> Run:
    base = BASES["SDXL"]
    latents = torch.randn(frames, 4, PIXELS // 8, PIXELS // 8)
    return lambda: timed_step(model, latents, conditioning(base, 1), conditioning(base, 2), times)


def windowing_share(model: host.ModelPatcher, frames: int) -> float:
    """Time of the handler beside that of the model, of which it is a share."""
    found = []
    execute = ContextHandler.execute

    def timed(handler: ContextHandler, calculate: Callable, *arguments: Any) -> Any:
        inside = []

        def calculate_timed(*inner: Any) -> Any:
            seconds, result = clocked(lambda: calculate(*inner))
            inside.append(seconds)
            return result

        whole, result = clocked(lambda: execute(handler, calculate_timed, *arguments))
        found.append((whole - sum(inside)) / sum(inside))
        return result

    with patch.object(ContextHandler, "execute", timed):  # each run has a handler of its own
        steps_of(model, frames)()
    return median(found[1:])  # the first call warms up


def row(model: host.ModelPatcher, frames: int, together: int) -> tuple:
    made = plan(WINDOWS, frames)
    windowed = add_context(model, ContextHandler(WINDOWS, together))
    found = in_turn(
        {"windows": steps_of(windowed, frames), "plain": steps_of(model, WINDOWS.length, len(made.indices))}, ROUNDS
    )

    def each(measured: Measured) -> str:
        return f"{1000 * median(measured.seconds) / made.indices.size:.2f}"

    middle, low, high = ratio(found["windows"], found["plain"])
    share = f"{windowing_share(windowed, frames):.2%}" if frames > WINDOWS.length else ""
    memory = f"{found['windows'].peak / 2**20:.0f} MB"
    return (frames, len(made.indices), together, f"{made.evaluations:.2f}", each(found["windows"]),
            each(found["plain"]), f"{middle:.3f} ({low:.3f} to {high:.3f})", share, memory)  # fmt: skip


def main() -> None:
    sys.stdout.write(f"| {' | '.join(TITLES)} |\n|{'---|' * len(TITLES)}\n")
    with torch.inference_mode():
        model = animated_model()
        for frames in map(int, sys.argv[1:] or FRAMES):
            for together in (1, 4) if frames > WINDOWS.length else (1,):
                sys.stdout.write(f"| {' | '.join(map(str, row(model, frames, together)))} |\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main()
