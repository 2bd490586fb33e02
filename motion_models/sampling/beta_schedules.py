"""Beta schedules: the noise of each of the 1000 training steps.

Projects use different names for the same formula. `scaled_linear` in diffusers and in the original code, which is
linear in the square root of beta, is `linear` in ComfyUI. Their `linear` is `sqrt_linear` in ComfyUI. So the table
below states the formula and not a name.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

TRAINING_STEPS = 1000


@dataclass(frozen=True)
class BetaSchedule:
    linear_in: str
    """The quantity that grows linearly: "sqrt_beta" or "beta"."""
    start: float
    end: float
    distilled_steps: int | None = None
    """Number of training steps, evenly spread up to the last, that a consistency model was distilled on. None: all."""


BETA_SCHEDULES: dict[str, BetaSchedule] = {
    # guoyww/AnimateDiff, branch sdxl, configs/inference/inference.yaml; sigma_max 65.93
    "AnimateDiff SDXL": BetaSchedule("sqrt_beta", 0.00085, 0.020),
    # guoyww/AnimateDiff main, inference-v1/2/3.yaml; diffusers and DiffSynth run SDXL with it too; sigma_max 25.15
    "AnimateDiff SD1.5": BetaSchedule("beta", 0.00085, 0.012),
    # Stable Diffusion and SDXL themselves; sigma_max 14.61
    "SDXL": BetaSchedule("sqrt_beta", 0.00085, 0.012),
    # G-U-N/AnimateLCM, commit f873122: inference-t2v.yaml and LCMScheduler(original_inference_steps=100)
    "AnimateLCM": BetaSchedule("beta", 0.00085, 0.012, distilled_steps=100),
    # G-U-N/AnimateLCM, commit f873122: inference-i2v.yaml; sigma_max 41.67
    "AnimateLCM-I2V": BetaSchedule("beta", 0.00085, 0.014, distilled_steps=200),
}


def alphas_cumprod(schedule: BetaSchedule) -> Tensor:
    """The signal's fraction of the variance after each training step, (1000,), float64."""
    if schedule.linear_in == "sqrt_beta":
        betas = torch.linspace(schedule.start**0.5, schedule.end**0.5, TRAINING_STEPS, dtype=torch.float64) ** 2
    else:
        betas = torch.linspace(schedule.start, schedule.end, TRAINING_STEPS, dtype=torch.float64)
    return torch.cumprod(1 - betas, dim=0)


def training_sigmas(schedule: BetaSchedule) -> Tensor:
    """Noise in units of the signal after each training step, (1000,), float64."""
    alphas = alphas_cumprod(schedule)
    return ((1 - alphas) / alphas) ** 0.5
