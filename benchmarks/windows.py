"""What context windows cost: how often a frame is computed, and the time of windowing itself.

    python -m benchmarks.windows [FRAMES ...]

runs a small SDXL with random weights and motion modules, and prints a table for clips of 32 to 512 frames. COMFYUI_PATH
may name a ComfyUI. Windowing is the time that the handler takes beside the model's, as a share of it: cutting the
conditions, adding up the results. It is timed inside one call, so that a machine with other work does not matter.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import tests.conftest  # noqa: F401 - the host and the pack

# isort: split
import comfy.sample
import comfy.samplers
import torch
from animatediff_xl.motion_models.applied import MotionSettings
from animatediff_xl.motion_models.context import ContextHandler, add_context
from animatediff_xl.motion_models.joining import AUTO_SCHEDULE, join
from animatediff_xl.motion_models.loading import open_motion_file
from animatediff_xl.motion_models.windows import ContextSettings, plan

from tests.memory import peak_growth
from tests.small import conditioning, save, small_pair

SETTINGS = ContextSettings()
FRAMES = (32, 48, 64, 120, 256, 512)
LATENT = 16
"""Height and width of the latents: 128 pixels."""
ROUNDS = 3


def windowed_model(windows_per_batch: int) -> Any:
    pair = small_pair()
    with tempfile.TemporaryDirectory() as folder:
        motion = open_motion_file(save(pair.motion, Path(folder) / "random.safetensors"))
        animated = join(pair.model, motion, MotionSettings(1.0, 0.0, 1.0, 0), AUTO_SCHEDULE)
    return add_context(animated, ContextHandler(SETTINGS, windows_per_batch))


def timed(model: Any, frames: int) -> list[tuple[float, float]]:
    """Seconds of each call on a clip: in the model, and in windowing, which is all else that the handler does."""
    found = []

    def sampler(denoise: Callable, noise: torch.Tensor, sigmas: torch.Tensor, extra_args: dict, **_: Any) -> Any:
        handler = extra_args["model_options"]["context_handler"]
        execute = handler.execute

        def execute_timed(calculate: Callable, *arguments: Any) -> Any:
            inside = []

            def calculate_timed(*inner: Any) -> Any:
                return clocked(inside, lambda: calculate(*inner))

            whole: list[float] = []
            result = clocked(whole, lambda: execute(calculate_timed, *arguments))
            found.append((sum(inside), whole[0] - sum(inside)))
            return result

        handler.execute = execute_timed
        for _round in range(ROUNDS + 1):
            denoise(noise, sigmas[:1].expand(len(noise)), **extra_args)
        return noise

    noise = torch.randn(frames, 4, LATENT, LATENT)
    comfy.sample.sample_custom(
        model, noise, 5.0, comfy.samplers.KSAMPLER(sampler), torch.tensor([5.0, 0.0]), conditioning(1),
        conditioning(2), torch.zeros_like(noise), disable_pbar=True,
    )  # fmt: skip
    return found[1:]  # the first round warms up


def clocked(seconds: list[float], call: Callable) -> Any:
    began = time.perf_counter()
    result = call()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    seconds.append(time.perf_counter() - began)
    return result


def main() -> None:
    sizes = tuple(int(argument) for argument in sys.argv[1:]) or FRAMES
    if min(sizes) <= SETTINGS.length:
        raise SystemExit(f"Clips of {SETTINGS.length} frames need no windows: give numbers above.")
    titles = ("frames", "windows", "windows a call", "evaluations of a frame", "ms each", "windowing", "peak memory")
    sys.stdout.write(f"| {' | '.join(titles)} |\n|{'---|' * len(titles)}\n")
    with torch.inference_mode():
        for together in (1, 4):
            model = windowed_model(together)
            for frames in sizes:
                with peak_growth() as grown:
                    calls = timed(model, frames)
                made = plan(SETTINGS, frames)
                each = 1000 * median(inside for inside, _ in calls) / made.indices.size
                windowing = median(outside / inside for inside, outside in calls)
                told = (frames, len(made.indices), together, f"{made.evaluations:.2f}", f"{each:.1f}",
                        f"{windowing:.2%}", f"{grown[0] / 2**20:.0f} MB")  # fmt: skip
                sys.stdout.write(f"| {' | '.join(map(str, told))} |\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main()
