"""What motion costs on a GPU, in about four minutes: send us the tables if you have one.

    python -m benchmarks.gpu [--evolved CHECKOUT] [--minutes 4]

1. One motion module at each level of SDXL, two clips of 16 frames at 1024x1024. It runs with the kernels and on the
   plain path in chunks. Beside them stands a prototype of the kernels on an NVIDIA H200.
2. A sampler step without motion, with kernels, without them, and in AnimateDiff-Evolved if --evolved names a checkout.
3. A clip of 64 frames in context windows, relative to plain batches.

Tables are printed as they are measured. When the minutes are over, it says what is left out. Without a GPU everything
is small, which only shows that the script works. COMFYUI_PATH may name a ComfyUI.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from unittest.mock import patch

from tests.real_models import BASES

from .measure import Run, in_turn, ratio, timed_step
from .models import SETTINGS, conditioning, image_model, motion_file, randomise, shallow
from .peers import evolved
from .run import Case, machine, say, working
from .windows import TITLES, animated_model, row

# isort: split
import comfy.model_management
import torch
from animatediff_xl.motion_models.files.families import FAMILIES
from animatediff_xl.motion_models.files.loading import open_motion_file
from animatediff_xl.motion_models.network import chunks, layers
from animatediff_xl.motion_models.network.kernels.choice import VARIABLE, kernels
from animatediff_xl.motion_models.network.motion_module import MotionModule
from animatediff_xl.motion_models.sampling.apply import AUTO_BETA_SCHEDULE, apply_motion_model
from torch import Tensor

ON_GPU = torch.cuda.is_available()
FRAMES, CLIPS = (16, 2) if ON_GPU else (2, 1)
DTYPE = torch.float16 if ON_GPU else torch.float32
ROUNDS = 3

LEVELS = ((320, 128, 9.4), (640, 64, 5.7), (1280, 32, 4.3)) if ON_GPU else ((320, 8, None),)
"""Channels, height and width of a motion module, and the milliseconds of the prototype behind the norm on an H200."""
CHUNKS = (2**23, 2**24, 2**25)

STEPS = (
    (Case("SDXL", 512, 16, torch.float16), "AnimateDiff SDXL beta", 1.20),
    (Case("SDXL", 1024, 16, torch.float16), "AnimateDiff SDXL beta", 1.18),
    (Case("SD1.5", 512, 16, torch.float16), "AnimateDiff v3", 1.20),
    (Case("SDXL", 1024, 8, torch.float16), "HotshotXL", 1.20),
) if ON_GPU else ((Case("SD1.5", 64, 2, torch.float32), "AnimateDiff v3", None),)  # fmt: skip
"""Case, family, and the target: the step of an H200, relative to the step without motion."""

PLAIN = "without motion"


@contextmanager
def kernels_off() -> Iterator[None]:
    with patch.object(kernels, "failure", "switched off for a comparison"):
        yield


# One motion module


def milliseconds(call: Callable[[], object]) -> float:
    """Median of five calls, after one to warm up."""
    call()
    seconds = []
    for _ in range(5):
        synchronise()
        began = time.perf_counter()
        call()
        synchronise()
        seconds.append(time.perf_counter() - began)
    return 1e3 * median(seconds)


def synchronise() -> None:
    if ON_GPU:
        torch.cuda.synchronize()


def random_module(channels: int, size: int) -> tuple[MotionModule, Tensor]:
    device = comfy.model_management.get_torch_device()
    module = MotionModule(channels, 32, layers)
    randomise(module)
    for name, table in module.named_buffers():
        if name.endswith("pe"):
            table.normal_()
    x = torch.randn(CLIPS * FRAMES, channels, size, size)
    return module.to(device, DTYPE), x.to(device, DTYPE)


def module_row(channels: int, size: int, prototype: float | None) -> str:
    module, x = random_module(channels, size)

    def run() -> Tensor:
        return module(x, FRAMES, True)

    began = time.perf_counter()
    fused = run()
    synchronise()
    first = time.perf_counter() - began
    cells = [f"{milliseconds(run):.1f}", f"{first:.1f} s", f"{prototype} behind the norm" if prototype else ""]
    with kernels_off():
        plain = run()
        error = ((fused - plain).float().norm() / (plain - x).float().norm()).item()
        for elements in CHUNKS:
            with patch.object(chunks, "CHUNK_ELEMENTS", (elements,)):
                cells.append(f"{milliseconds(run):.1f}")
    return f"| {channels} at {size}x{size} | {' | '.join(cells)} | {error:.1e} |"


def module_table() -> None:
    """Prints rows as they come."""
    say("\n**One motion module, milliseconds**\n")
    say("| channels | kernels | their first call | prototype on an H200 | plain, 2^23 | 2^24 | 2^25 | difference |")
    say("|---|---|---|---|---|---|---|---|")
    for level in LEVELS:
        say(module_row(*level))
    say(f"\nKernels: {'on' if kernels.has_run else kernels.failure or f'off ({VARIABLE}, or no NVIDIA GPU)'}.")


# One step


def contenders(case: Case, family: str, folder: Path, checkout: Path | None) -> dict[str, Run]:
    base = BASES[case.base] if ON_GPU else shallow(BASES[case.base])
    model = image_model(base, case.dtype)
    latents = torch.randn(case.frames, 4, case.pixels // 8, case.pixels // 8)
    conditions = conditioning(base, 1), conditioning(base, 2)
    path = motion_file(folder, FAMILIES[family], base)
    animated = apply_motion_model(model, open_motion_file(path, family), SETTINGS, AUTO_BETA_SCHEDULE)

    def without_kernels():
        with kernels_off():
            return timed_step(animated, latents, *conditions)

    runs: dict[str, Run] = {
        PLAIN: lambda: timed_step(model, latents, *conditions),
        family: lambda: timed_step(animated, latents, *conditions),
        f"{family}, plain path": without_kernels,
    }
    if checkout:
        other = evolved(checkout, model, path)
        runs[f"{family}, AnimateDiff-Evolved"] = lambda: timed_step(other, latents, *conditions)
    return runs


def step_table(case: Case, family: str, target: float | None, folder: Path, checkout: Path | None) -> None:
    measured = in_turn(working(contenders(case, family, folder, checkout)), ROUNDS)
    say(f"\n**{case}** (target on an H200: {target})\n")
    say("| step | milliseconds | relative to the step without motion | memory |\n|---|---|---|---|")
    for name, one in measured.items():
        middle, low, high = ratio(one, measured[PLAIN])
        time_, memory = 1e3 * median(one.seconds), one.peak / 2**20
        say(f"| {name} | {time_:.1f} | {middle:.3f} ({low:.3f} to {high:.3f}) | {memory:.0f} MB |")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--evolved", type=Path, help="a checkout of ComfyUI-AnimateDiff-Evolved")
    arguments.add_argument("--minutes", type=float, default=4, help="no table is begun after that time")
    given = arguments.parse_args()
    say(machine())
    end = time.monotonic() + 60 * given.minutes
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        module_table()
        for case, family, target in STEPS:
            if time.monotonic() > end:
                say(f"\n{case} is left out: the time is over.")
                continue
            step_table(case, family, target, Path(folder), given.evolved)
            comfy.model_management.unload_all_models()
            comfy.model_management.soft_empty_cache()
        if time.monotonic() > end:
            say("\nContext windows are left out: the time is over.")
        elif ON_GPU:
            say(f"\n**Context windows**\n\n| {' | '.join(TITLES)} |\n|{'---|' * len(TITLES)}")
            model = animated_model()
            for windows_per_batch in (1, 4):
                say(f"| {' | '.join(map(str, row(model, 64, windows_per_batch)))} |")


if __name__ == "__main__":
    main()
