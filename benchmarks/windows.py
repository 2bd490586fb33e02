"""What context windows cost: how often a frame is computed, and the time of windowing itself.

    python -m benchmarks.windows [FRAMES ...]

runs a small SDXL with random weights and motion modules, and prints a table for clips of 16 to 512 frames. COMFYUI_PATH
may name a ComfyUI. A call of the model on a clip is timed in turn with one on its first 16 frames, which need no
window, so that both meet the same machine; the overhead is the ratio of their times for a frame evaluation.
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
FRAMES = (16, 32, 48, 64, 120, 256, 512)
LATENT = 16
"""Height and width of the latents: 128 pixels."""
ROUNDS = 5


def windowed_model(windows_per_batch: int) -> Any:
    pair = small_pair()
    with tempfile.TemporaryDirectory() as folder:
        motion = open_motion_file(save(pair.motion, Path(folder) / "random.safetensors"))
        animated = join(pair.model, motion, MotionSettings(1.0, 0.0, 1.0, 0), AUTO_SCHEDULE)
    return add_context(animated, ContextHandler(SETTINGS, windows_per_batch))


def in_turn(model: Any, frames: int) -> tuple[list[float], list[float]]:
    """Seconds of calls on a clip, and of calls on its first window's length, taken in turn inside one sampling run."""
    clip, window = [], []

    def sampler(denoise: Callable, noise: torch.Tensor, sigmas: torch.Tensor, extra_args: dict, **_: Any) -> Any:
        for _round in range(ROUNDS + 1):
            for seconds, latents in ((clip, noise), (window, noise[: SETTINGS.length])):
                began = time.perf_counter()
                denoise(latents, sigmas[:1].expand(len(latents)), **extra_args)
                if latents.is_cuda:
                    torch.cuda.synchronize()
                seconds.append(time.perf_counter() - began)
        return noise

    noise = torch.randn(frames, 4, LATENT, LATENT)
    comfy.sample.sample_custom(
        model, noise, 5.0, comfy.samplers.KSAMPLER(sampler), torch.tensor([5.0, 0.0]), conditioning(1),
        conditioning(2), torch.zeros_like(noise), disable_pbar=True,
    )  # fmt: skip
    return clip[1:], window[1:]  # the first round warms up


def main() -> None:
    sizes = tuple(int(argument) for argument in sys.argv[1:]) or FRAMES
    titles = ("frames", "windows", "windows a call", "evaluations of a frame", "overhead", "peak memory")
    sys.stdout.write(f"| {' | '.join(titles)} |\n|{'---|' * len(titles)}\n")
    with torch.inference_mode():
        for together in (1, 4):
            model = windowed_model(together)
            for frames in sizes:
                with peak_growth() as grown:
                    clip, window = in_turn(model, frames)
                made = plan(SETTINGS, frames)
                ratios = [c / made.indices.size / (w / SETTINGS.length) for c, w in zip(clip, window, strict=True)]
                overhead = f"{median(ratios) - 1:+.1%} ({min(ratios) - 1:+.1%} to {max(ratios) - 1:+.1%})"
                told = (
                    frames,
                    len(made.indices),
                    together,
                    f"{made.evaluations:.2f}",
                    overhead,
                    f"{grown[0] / 2**20:.0f} MB",
                )
                sys.stdout.write(f"| {' | '.join(map(str, told))} |\n")


if __name__ == "__main__":
    main()
