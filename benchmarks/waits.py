"""How often a step makes the CPU wait for the GPU, and how many kernels it launches, with and without motion.

    python -m benchmarks.waits [PIXELS]

It counts the CUDA calls in a step of SDXL at its real shape, 16 frames, fp16, with and without the prompt. Motion must
not add a `cudaStreamSynchronize` or a copy from the CPU. It needs an NVIDIA GPU.
`tests/motion_models/sampling/test_waits.py` does not need one.
"""

import sys
import tempfile
from collections import Counter
from pathlib import Path

import torch
from animatediff_xl.motion_models import host
from animatediff_xl.motion_models.files.families import FAMILIES
from animatediff_xl.motion_models.files.loading import open_motion_file
from animatediff_xl.motion_models.sampling.apply import AUTO_BETA_SCHEDULE, apply_motion_model
from torch.profiler import ProfilerActivity, profile

from benchmarks.measure import CALLS, timed_step
from benchmarks.models import SETTINGS, conditioning, image_model, motion_file
from tests.real_models import BASES

FRAMES, FAMILY = 16, "AnimateDiff SDXL beta"
EVALUATIONS = 1 + CALLS
"""Evaluations of a model in `timed_step`."""
WAITS = ("cudaStreamSynchronize", "cudaDeviceSynchronize", "cudaEventSynchronize")
LAUNCHES = ("cudaLaunchKernel", "cudaLaunchKernelExC", "cuLaunchKernel", "cuLaunchKernelEx")
COUNTED = (*WAITS, *LAUNCHES, "Memcpy HtoD (Pageable -> Device)", "Memcpy DtoH (Device -> Pageable)")


def calls_of_a_step(model: host.ModelPatcher, pixels: int) -> Counter[str]:
    """CUDA calls of a sampling run, divided by its evaluations."""
    base = BASES["SDXL"]
    inputs = torch.randn(FRAMES, 4, pixels // 8, pixels // 8), conditioning(base, 1), conditioning(base, 2)
    timed_step(model, *inputs)  # selects kernels and loads weights
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as profiled:
        timed_step(model, *inputs)
    return Counter({event.key: event.count / EVALUATIONS for event in profiled.key_averages() if event.key in COUNTED})


def main(pixels: int = 1024) -> None:
    if not torch.cuda.is_available():
        sys.exit("This benchmark counts CUDA calls, but no NVIDIA GPU was found.")
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        model = image_model(BASES["SDXL"], torch.float16)
        path = motion_file(Path(folder), FAMILIES[FAMILY], BASES["SDXL"])
        animated = apply_motion_model(model, open_motion_file(path, FAMILY), SETTINGS, AUTO_BETA_SCHEDULE)
        plain, moving = (calls_of_a_step(patcher, pixels) for patcher in (model, animated))
    sys.stdout.write(f"{torch.cuda.get_device_name()}, {pixels} x {pixels}\n\n| call | without motion | with |\n")
    sys.stdout.write("|---|---|---|\n")
    for name in COUNTED:
        if plain[name] or moving[name]:
            sys.stdout.write(f"| {name} | {plain[name]:.1f} | {moving[name]:.1f} |\n")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
