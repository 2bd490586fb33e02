"""Losses of the predicted noise.

Sources: guoyww/AnimateDiff (e92bd56), train.py; MotionDirector (Zhao et al., arXiv 2310.08465, section 4.2).
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

Denoiser = Callable[[Tensor, Tensor], Tensor]
"""(noised latents (b f) c h w, timesteps (b f)) -> predicted noise (b f) c h w."""

FrameLoss = Callable[[Tensor, torch.Generator], Tensor]
"""(error of the predicted noise (b f c h w), generator) -> loss (b f c h w)."""


def squared(error: Tensor, generator: torch.Generator) -> Tensor:
    """The loss of the original recipe."""
    return error.square()


def debiased(error: Tensor, generator: torch.Generator) -> Tensor:
    """MotionDirector's loss: the error as such, and the error relative to that of a random frame of the clip.

    A wrong look is the same in all frames, so it counts less than wrong motion. With beta 1, as in the paper.
    """
    anchor = int(torch.randint(error.shape[1], (), generator=generator))
    return error.square() + (2**0.5 * error - error[:, anchor : anchor + 1]).square()


LOSSES: dict[str, FrameLoss] = {"debiased": debiased, "noise": squared}


@dataclass(frozen=True)
class NoiseSettings:
    """How clips are noised, and what is compared."""

    loss: str = "noise"
    """A key of LOSSES."""
    offset: float = 0.0
    """Standard deviation of a random shift for each channel of each frame, added to the noise. The model then learns to
    treat a wrong brightness or hue as noise (HotshotXL's fine_tune.py: 0.05)."""
    max_snr_weight: float = 1.0
    """Upper limit of a timestep's weight, which is 1 / alpha. At 1 all timesteps have the same weight, as in the
    original recipe. Without the limit, the loss is that of the velocity (Salimans and Ho, arXiv 2202.00512). Noisy
    timesteps decide where things are, so more weight on them helps short trainings."""


def noise_loss(
    denoise: Denoiser,
    latents: Tensor,
    alphas: Tensor,
    generator: torch.Generator,
    settings: NoiseSettings = NoiseSettings(),
) -> Tensor:
    """The loss of the predicted noise, with one timestep for each clip and independent noise for each frame.

    latents: (b f c h w), scaled for the UNet. alphas: `alphas_cumprod` of the beta schedule. generator: on the CPU, so
    that all devices draw the same numbers.
    """
    clips, frames = latents.shape[:2]
    timestep = torch.randint(len(alphas), (clips,), generator=generator).repeat_interleave(frames)
    alpha = alphas[timestep].to(latents)[:, None, None, None]
    frames_first = latents.flatten(0, 1)
    noise = torch.randn(frames_first.shape, generator=generator)
    if settings.offset:
        noise += settings.offset * torch.randn(*noise.shape[:2], 1, 1, generator=generator)
    noise = noise.to(latents)
    noised = alpha.sqrt() * frames_first + (1 - alpha).sqrt() * noise
    weight = (1 / alpha).clamp(max=settings.max_snr_weight)
    error = denoise(noised, timestep.float()) - noise
    each = LOSSES[settings.loss](error.unflatten(0, (clips, frames)), generator)
    return (weight * each.flatten(0, 1)).mean()
