"""Time and memory of a sampler step. Contenders take turns, so that a slower machine slows all of them."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import TypeVar

import comfy.model_management
import comfy.sample
import comfy.samplers
import torch
from animatediff_xl.motion_models import host
from torch import Tensor

from tests.memory import peak_growth

Result = TypeVar("Result")

CALLS = 2 if torch.cuda.is_available() else 1
"""Timed calls of a contender in each round, after a warm-up call."""
SIGMA = 5.0


@dataclass(frozen=True)
class Steps:
    """Seconds of the steps of one run."""

    first: float
    warm: float
    """Median of all steps after the first."""


Run = Callable[[], Steps]
"""One turn of a contender."""


@dataclass(frozen=True)
class Measured:
    """The measurements of one contender."""

    cold: float
    """Seconds of its first step in this process, which also selects kernels and allocates memory."""
    seconds: tuple[float, ...]
    """Seconds of a warm step, by round."""
    peak: int
    """Peak bytes, without the bytes in use before the step. On a GPU they include the weights of the motion model, but
    not those of the image model."""


def in_turn(contenders: dict[str, Run], rounds: int) -> dict[str, Measured]:
    """Measurements of each contender, by name. The order is reversed in every second round."""
    measured: dict[str, list[tuple[Steps, int]]] = {name: [] for name in contenders}
    names = list(contenders)
    for turn in range(rounds):
        for name in names if turn % 2 else reversed(names):
            measured[name].append(with_peak(contenders[name]))
    return {
        name: Measured(runs[0][0].first, tuple(steps.warm for steps, _ in runs), max(peak for _, peak in runs))
        for name, runs in measured.items()
    }


def with_peak(run: Run) -> tuple[Steps, int]:
    if not torch.cuda.is_available():
        with peak_growth() as grown:
            steps = run()
        return steps, grown[0]
    comfy.model_management.unload_all_models()  # so that no motion model of another contender is counted
    comfy.model_management.soft_empty_cache()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    steps = run()
    return steps, torch.cuda.max_memory_allocated() - before


def ratio(of: Measured, to: Measured) -> tuple[float, float, float]:
    """Median, smallest and largest of the ratios of `of` to `to` within each round."""
    ratios = [seconds / reference for seconds, reference in zip(of.seconds, to.seconds, strict=True)]
    return median(ratios), min(ratios), max(ratios)


def timed(call: Callable[[], object]) -> Steps:
    """Seconds of a call that runs one step."""
    first, _result = clocked(call)
    return Steps(first, median(clocked(call)[0] for _ in range(CALLS)))


def clocked(call: Callable[[], Result]) -> tuple[float, Result]:
    """Seconds and result of a call."""
    began = time.perf_counter()
    result = call()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - began, result


def timed_step(model: host.ModelPatcher, latents: Tensor, positive: list, negative: list, times: int = 1) -> Steps:
    """Seconds of `times` evaluations of a MODEL, with and without the prompt, in a sampling run of ComfyUI."""
    timings: list[Steps] = []

    def sampler(denoise: Callable, noise: Tensor, sigmas: Tensor, extra_args: dict, **_: object) -> Tensor:
        def evaluate() -> None:
            for _time in range(times):
                denoise(noise, sigmas[:1].expand(len(noise)), **extra_args)

        timings.append(timed(evaluate))
        return noise

    comfy.sample.sample_custom(
        model, latents, SIGMA, comfy.samplers.KSAMPLER(sampler), torch.tensor([SIGMA, 0.0]), positive, negative,
        torch.zeros_like(latents), disable_pbar=True, seed=0,
    )  # fmt: skip
    return timings[0]
