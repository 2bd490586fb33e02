"""Sampling small models in this process, through the host's own samplers."""

import comfy.sample
import comfy.samplers
import torch
from torch import Tensor

from tests.small import conditioning

FRAMES = 4


def start_noise(frames: int = FRAMES, seed: int = 7) -> Tensor:
    return torch.randn(frames, 4, 8, 8, generator=torch.Generator().manual_seed(seed))


def sample(model, *, cfg: float = 5.0, sampler: str = "euler", steps: int = 2, noise: Tensor | None = None,
           positive: list | None = None, negative: list | None = None, callback=None,
           noise_mask: Tensor | None = None) -> Tensor:  # fmt: skip
    """Latents (f c h w) from KSampler's own function."""
    noise = start_noise() if noise is None else noise
    return comfy.sample.sample(
        model,
        noise,
        steps,
        cfg,
        sampler,
        "normal",
        positive or conditioning(1),
        negative or conditioning(2),
        torch.zeros_like(noise),
        noise_mask=noise_mask,
        callback=callback,
        disable_pbar=True,
        seed=3,
    )


def guided(guider: comfy.samplers.CFGGuider, steps: int = 2) -> Tensor:
    """Latents from SamplerCustomAdvanced's own steps with any guider."""
    noise = start_noise()
    sampling = guider.model_patcher.get_model_object("model_sampling")
    sigmas = comfy.samplers.calculate_sigmas(sampling, "normal", steps)
    euler = comfy.samplers.sampler_object("euler")
    return guider.sample(noise, torch.zeros_like(noise), euler, sigmas, disable_pbar=True, seed=3)


def hooks_left(model) -> int:
    """Forward hooks on any layer of a MODEL."""
    return sum(len(layer._forward_hooks) + len(layer._forward_pre_hooks) for layer in model.model.modules())
