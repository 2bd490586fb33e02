"""Decides whether the kernels run: only where they compile and agree with the plain path. It never raises an error."""

from __future__ import annotations

import functools
import logging
import os
from importlib import import_module
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ... import host

if TYPE_CHECKING:
    from ..motion_module import TemporalTransformer

log = logging.getLogger(__name__)

VARIABLE = "ANIMATEDIFF_XL_KERNELS"
"""The environment variable. `off` leaves the kernels out."""
DEVICES = ("cuda",)
DTYPES = (torch.float16, torch.bfloat16)
LEAST_CAPABILITY = (8, 0)
"""Of an NVIDIA GPU. README of triton-lang/triton: "NVIDIA GPUs (Compute Capability 8.0+)"."""


class Kernels:
    """Which kernels run in this process. A failure switches all of them off."""

    def __init__(self):
        self.failure: str | None = None
        self.has_run = False

    def motion(
        self,
        transformer: TemporalTransformer,
        x: Tensor,
        frames: int,
        norm_over_clip: bool,
        strength: float | Tensor | None = None,
    ) -> Tensor | None:
        """The result of `fused_motion`, or None where the plain path must run. x is not changed."""
        if not self.may_run(x):
            return None
        try:
            checks, fused = (import_module(f".{name}", __package__) for name in ("checks", "fused_motion"))
            heads, groups = transformer.heads, transformer.norm.num_groups
            sizes = checks.picture_like(*x.shape[-2:])
            case = checks.Case(x.device, x.dtype, transformer.channels, frames, heads, groups, norm_over_clip, *sizes)
            if not case.is_possible:
                return None
            try:
                checks.check(case)
            except torch.cuda.OutOfMemoryError:  # it can be larger than the call, and is tried again in the next one
                return None
            with transformer.held_weights(x):
                result = fused.fused_motion(transformer, x, frames, norm_over_clip, strength)
        except (torch.cuda.OutOfMemoryError, host.Interrupted):
            raise
        except Exception as error:  # a compiler can raise any error
            self.switch_off(f"{type(error).__name__}: {error}")
            return None
        self.has_run = True
        say_once(f"fast motion kernels are on ({VARIABLE}=off switches them off).")
        return result

    def may_run(self, x: Tensor) -> bool:
        if torch.compiler.is_compiling() or torch.is_grad_enabled():
            return False
        return x.device.type in DEVICES and self.failure is None and x.dtype in DTYPES and is_suitable(x.device)

    def switch_off(self, reason: str) -> None:
        self.failure = reason
        say_once(f"fast motion kernels are off, the plain path runs: {' '.join(reason.split())[:300]}")


kernels = Kernels()


@functools.cache
def is_suitable(device: torch.device) -> bool:
    """Whether a device has what the kernels need. If it does not, a log line says why."""
    reason = unsuitable(device)
    if reason:
        say_once(f"fast motion kernels are off, the plain path runs: {reason}")
    return reason is None


def unsuitable(device: torch.device) -> str | None:
    if os.environ.get(VARIABLE, "").lower() in ("off", "0"):
        return f"{VARIABLE} is set to off."
    if device.type != "cuda":
        return None
    if torch.version.hip:
        return "they were made for NVIDIA GPUs."
    if torch.cuda.get_device_capability(device) < LEAST_CAPABILITY:
        return "the GPU is too old for Triton."
    return None


@functools.cache
def say_once(text: str) -> None:
    log.info("AnimateDiff XL: %s", text)
