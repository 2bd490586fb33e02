"""The training loop: add noise to a clip, predict the noise, take a step of AdamW.

The recipe is the original one (guoyww/AnimateDiff, train.py): one timestep for each clip, independent noise for each
frame, mean squared error of the predicted noise, AdamW with clipped gradients. Averaged weights are an addition,
because they improve short trainings.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR
from torch.optim.swa_utils import AveragedModel

Denoiser = Callable[[Tensor, Tensor], Tensor]
"""(noised latents (b f) c h w, timesteps (b f)) -> predicted noise (b f) c h w."""


@dataclass(frozen=True)
class TrainingSettings:
    steps: int
    learning_rate: float
    warmup_steps: int = 100
    weight_decay: float = 0.01
    gradient_norm: float = 1.0
    average_decay: float = 0.998
    """Decay of the exponential average of the weights. `train` returns that average."""
    lr_decay_steps: int | None = None
    """Steps until the learning rate is zero. None: all steps. Use more in a stage that another stage follows."""

    def rate_factor(self, step: int) -> float:
        """Share of the learning rate at a step, counted from 0: a linear warm-up times a half cosine down to zero."""
        warmup = min(1.0, (step + 1) / self.warmup_steps)
        return warmup * 0.5 * (1 + math.cos(math.pi * step / (self.lr_decay_steps or self.steps)))


def noise_loss(
    denoise: Denoiser,
    latents: Tensor,
    alphas: Tensor,
    generator: torch.Generator,
    noise_offset: float = 0.0,
    max_snr_weight: float = 1.0,
) -> Tensor:
    """Mean squared error of the predicted noise.

    latents: (b f c h w), scaled for the UNet. alphas: `alphas_cumprod` of the beta schedule.
    noise_offset: standard deviation of a random shift for each channel of each frame, added to the noise. The model
    then learns to treat a wrong brightness or hue as noise (HotshotXL's fine_tune.py: 0.05).
    max_snr_weight: upper limit of a timestep's weight, which is 1 / alpha. At 1 all timesteps have the same weight, as
    in the original recipe. Without the limit, this is the loss of the velocity (Salimans and Ho, arXiv 2202.00512).
    Noisy timesteps decide where things are, so more weight on them helps short trainings.
    """
    clips, frames = latents.shape[:2]
    timestep = torch.randint(len(alphas), (clips,), generator=generator).repeat_interleave(frames)
    alpha = alphas[timestep].to(latents.dtype)[:, None, None, None]
    frames_first = latents.flatten(0, 1)
    noise = torch.randn(frames_first.shape, generator=generator)
    if noise_offset:
        noise += noise_offset * torch.randn(*noise.shape[:2], 1, 1, generator=generator)
    noised = alpha.sqrt() * frames_first + (1 - alpha).sqrt() * noise
    weight = (1 / alpha).clamp(max=max_snr_weight)
    return (weight * (denoise(noised, timestep.float()) - noise).square()).mean()


def averaged(module: nn.Module, decay: float) -> AveragedModel:
    """An exponential average of the weights of a module, in fp32, because half precision rounds small changes away."""

    def average_fn(average: Tensor, weight: Tensor, count: Tensor | int) -> Tensor:
        early = (1 + int(count)) / (10 + int(count))  # so that the first weights fade faster
        return average.lerp(weight.to(average), 1 - min(decay, early))

    return AveragedModel(module, avg_fn=average_fn).float()


def train(
    module: nn.Module,
    losses: Iterable[Callable[[], Tensor]],
    settings: TrainingSettings,
    on_step: Callable[[int, float, AveragedModel], None],
) -> dict[str, Tensor]:
    """Train every parameter of `module` that requires a gradient, and return the averaged weights.

    losses: one function for each step. on_step: called after each step with (steps done, loss, average), for
    progress, interrupts and checkpoints.
    """
    parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(parameters, settings.learning_rate, weight_decay=settings.weight_decay)
    schedule = LambdaLR(optimizer, settings.rate_factor)
    average = averaged(module, settings.average_decay)
    for step, loss_of in zip(range(settings.steps), losses, strict=False):
        loss = loss_of()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, settings.gradient_norm)
        optimizer.step()
        schedule.step()
        average.update_parameters(module)
        on_step(step + 1, loss.item(), average)
    return average.module.state_dict()
