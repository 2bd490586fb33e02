"""Beta schedules: how noise grows over the 1000 training steps.

The names are swapped between the projects. What diffusers and the authors call `scaled_linear` (linear in the square
root of beta) the host calls `linear`; what they call `linear` the host calls `sqrt_linear`. The table says what each
one is by its formula.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

TRAINING_STEPS = 1000


@dataclass(frozen=True)
class BetaSchedule:
    linear_in: str
    """What grows linearly: "sqrt_beta" or "beta"."""
    start: float
    end: float
    distilled_steps: int | None = None
    """How many of the training steps, evenly spread to the last, a consistency model was distilled on; None: all."""


BETA_SCHEDULES: dict[str, BetaSchedule] = {
    # guoyww/AnimateDiff, branch sdxl, configs/inference/inference.yaml; sigma_max 65.93
    "AnimateDiff SDXL": BetaSchedule("sqrt_beta", 0.00085, 0.020),
    # guoyww/AnimateDiff main, inference-v1/2/3.yaml; diffusers and DiffSynth run SDXL with it too; sigma_max 25.15
    "AnimateDiff SD1.5": BetaSchedule("beta", 0.00085, 0.012),
    # Stable Diffusion and SDXL themselves; sigma_max 14.61
    "SDXL": BetaSchedule("sqrt_beta", 0.00085, 0.012),
    # G-U-N/AnimateLCM, commit f873122: inference-t2v.yaml and LCMScheduler(original_inference_steps=100)
    "AnimateLCM": BetaSchedule("beta", 0.00085, 0.012, distilled_steps=100),
    # the same, inference-i2v.yaml; sigma_max 41.67
    "AnimateLCM-I2V": BetaSchedule("beta", 0.00085, 0.014, distilled_steps=200),
}


def alphas_cumprod(schedule: BetaSchedule) -> Tensor:
    """The signal's share of variance left after each training step, (1000,), float64."""
    if schedule.linear_in == "sqrt_beta":
        betas = torch.linspace(schedule.start**0.5, schedule.end**0.5, TRAINING_STEPS, dtype=torch.float64) ** 2
    else:
        betas = torch.linspace(schedule.start, schedule.end, TRAINING_STEPS, dtype=torch.float64)
    return torch.cumprod(1 - betas, dim=0)


def training_sigmas(schedule: BetaSchedule) -> Tensor:
    """Noise in units of the signal after each training step, (1000,), float64."""
    alphas = alphas_cumprod(schedule)
    return ((1 - alphas) / alphas) ** 0.5
