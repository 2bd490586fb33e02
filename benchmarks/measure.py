"""Times and memory of a sampling step, contenders taken in turn so that a machine that drifts slows all of them."""

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
"""Timed calls of a contender in each round, after one that warms up."""
SIGMA = 5.0


@dataclass(frozen=True)
class Steps:
    """Seconds of the steps of one run."""

    first: float
    warm: float
    """Median of the others."""


Run = Callable[[], Steps]
"""What a contender does in its turn."""


@dataclass(frozen=True)
class Measured:
    """One contender."""

    cold: float
    """Seconds of its first step in this process: kernels are chosen, memory is asked for."""
    seconds: tuple[float, ...]
    """Of a warm step, by round."""
    peak: int
    """Bytes above what was in use before the step; a motion model's weights are part of them on a GPU, the image
    model's are not."""


def in_turn(contenders: dict[str, Run], rounds: int) -> dict[str, Measured]:
    """What each contender's runs took, by name."""
    found: dict[str, list[tuple[Steps, int]]] = {name: [] for name in contenders}
    names = list(contenders)
    for turn in range(rounds):
        for name in names if turn % 2 else reversed(names):
            found[name].append(with_peak(contenders[name]))
    return {
        name: Measured(runs[0][0].first, tuple(steps.warm for steps, _ in runs), max(peak for _, peak in runs))
        for name, runs in found.items()
    }


def with_peak(run: Run) -> tuple[Steps, int]:
    if not torch.cuda.is_available():
        with peak_growth() as grown:
            steps = run()
        return steps, grown[0]
    comfy.model_management.unload_all_models()  # another contender's motion model
    comfy.model_management.soft_empty_cache()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    steps = run()
    return steps, torch.cuda.max_memory_allocated() - before


def ratio(of: Measured, to: Measured) -> tuple[float, float, float]:
    """Median, smallest and largest of the ratios within each round."""
    ratios = [mine / theirs for mine, theirs in zip(of.seconds, to.seconds, strict=True)]
    return median(ratios), min(ratios), max(ratios)


def timed(call: Callable[[], object]) -> Steps:
    """Of a call that is a step."""
    first, _result = clocked(call)
    return Steps(first, median(clocked(call)[0] for _ in range(CALLS)))


def clocked(call: Callable[[], Result]) -> tuple[float, Result]:
    """Seconds of a call, and what it gives."""
    began = time.perf_counter()
    result = call()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - began, result


def timed_step(model: host.ModelPatcher, latents: Tensor, positive: list, negative: list, times: int = 1) -> Steps:
    """Of `times` evaluations of a MODEL, with and without the prompt, inside a sampling run of the host."""
    found: list[Steps] = []

    def sampler(denoise: Callable, noise: Tensor, sigmas: Tensor, extra_args: dict, **_: object) -> Tensor:
        def evaluate() -> None:
            for _time in range(times):
                denoise(noise, sigmas[:1].expand(len(noise)), **extra_args)

        found.append(timed(evaluate))
        return noise

    comfy.sample.sample_custom(
        model, latents, SIGMA, comfy.samplers.KSAMPLER(sampler), torch.tensor([SIGMA, 0.0]), positive, negative,
        torch.zeros_like(latents), disable_pbar=True, seed=0,
    )  # fmt: skip
    return found[0]
