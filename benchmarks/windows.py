"""The cost of context windows: how often a frame is computed, and the time of windowing itself.

    python -m benchmarks.windows [FRAMES ...]

It runs an SDXL with random weights and motion modules (a narrow one on a CPU), and prints a table for clips of 16 to
512 frames. A frame evaluation is timed in windows and in plain batches of a window's length, in turn. A clip of 16
frames has no windows, so its row shows the noise of the machine.

"windowing" is the time of the handler without the model, relative to the time of the model. The handler slices the
conditions and adds up the results. Both times come from the same call, so other work on the machine matters less.
COMFYUI_PATH may name a ComfyUI.
"""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

from tests.real_models import BASES

from .measure import Measured, Run, clocked, in_turn, ratio, timed_step
from .models import SETTINGS, conditioning, image_model, motion_file, shallow

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
    """Time of the handler without the model, divided by the time of the model."""
    shares = []
    execute = ContextHandler.execute

    def timed(handler: ContextHandler, calculate: Callable, *arguments: Any) -> Any:
        inside = []

        def calculate_timed(*inner: Any) -> Any:
            seconds, result = clocked(lambda: calculate(*inner))
            inside.append(seconds)
            return result

        whole, result = clocked(lambda: execute(handler, calculate_timed, *arguments))
        shares.append((whole - sum(inside)) / sum(inside))
        return result

    with patch.object(ContextHandler, "execute", timed):  # the class, because each run has a new handler
        steps_of(model, frames)()
    return median(shares[1:])  # without the warm-up call


def row(model: host.ModelPatcher, frames: int, windows_per_batch: int) -> tuple:
    window_plan = plan(WINDOWS, frames)
    windowed = add_context(model, ContextHandler(WINDOWS, windows_per_batch))
    found = in_turn(
        {"windows": steps_of(windowed, frames), "plain": steps_of(model, WINDOWS.length, len(window_plan.indices))},
        ROUNDS,
    )

    def each(measured: Measured) -> str:
        return f"{1000 * median(measured.seconds) / window_plan.indices.size:.2f}"

    middle, low, high = ratio(found["windows"], found["plain"])
    share = f"{windowing_share(windowed, frames):.2%}" if frames > WINDOWS.length else ""
    memory = f"{found['windows'].peak / 2**20:.0f} MB"
    evaluations = f"{window_plan.indices.size / frames:.2f}"
    return (frames, len(window_plan.indices), windows_per_batch, evaluations, each(found["windows"]),
            each(found["plain"]), f"{middle:.3f} ({low:.3f} to {high:.3f})", share, memory)  # fmt: skip


def main() -> None:
    sys.stdout.write(f"| {' | '.join(TITLES)} |\n|{'---|' * len(TITLES)}\n")
    with torch.inference_mode():
        model = animated_model()
        for frames in map(int, sys.argv[1:] or FRAMES):
            for windows_per_batch in (1, 4) if frames > WINDOWS.length else (1,):
                sys.stdout.write(f"| {' | '.join(map(str, row(model, frames, windows_per_batch)))} |\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main()
