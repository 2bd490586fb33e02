"""Training in plain steps: a noised clip, the noise predicted, a step of AdamW.

The recipe is the authors' (guoyww/AnimateDiff, train.py): one timestep a clip, independent noise for each frame, mean
squared error of the predicted noise, AdamW with clipped gradients. The averaged weights are ours: short trainings gain
much by them.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

Denoiser = Callable[[Tensor, Tensor], Tensor]
"""(noised (b f) c h w, timesteps (b f)) -> predicted noise (b f) c h w."""


@dataclass(frozen=True)
class TrainingSettings:
    steps: int
    learning_rate: float
    warmup_steps: int = 100
    weight_decay: float = 0.01
    gradient_norm: float = 1.0
    average_decay: float = 0.998
    """Of the exponential average of the weights, which is what a training gives."""
    lr_decay_steps: int | None = None
    """Steps in which the rate comes down to zero: all, or more in a stage that another one follows."""

    def rate(self, step: int) -> float:
        """Learning rate at a step, counted from 0: linear warm-up, then half a cosine down to zero."""
        warmup = min(1.0, (step + 1) / self.warmup_steps)
        return self.learning_rate * warmup * 0.5 * (1 + math.cos(math.pi * step / (self.lr_decay_steps or self.steps)))


def noise_loss(
    denoise: Denoiser,
    latents: Tensor,
    alphas: Tensor,
    generator: torch.Generator,
    noise_offset: float = 0.0,
    max_snr_weight: float = 1.0,
) -> Tensor:
    """Mean squared error of the predicted noise.

    latents: (b f c h w) as the UNet sees them. alphas: `alphas_cumprod` of the schedule. noise_offset: deviation of a
    shift of each frame's channels that is added to the noise; the model learns to see a wrong brightness or hue as
    noise (HotshotXL's fine_tune.py: 0.05). max_snr_weight: weight of the noisiest timesteps. At 1 all weigh the same,
    as the authors have it; above, a timestep weighs 1 / alpha up to this, which makes it the loss of the velocity
    (Salimans and Ho, arXiv 2202.00512) and lets short trainings learn where things are, which is decided in the noise.
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


class AveragedWeights:
    """Exponential average of the weights of a module, in fp32."""

    def __init__(self, module: nn.Module, decay: float):
        self.decay = decay
        self.weights = {name: value.detach().clone() for name, value in module.state_dict().items()}

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        decay = min(self.decay, (1 + step) / (10 + step))  # early weights are forgotten faster
        for name, value in module.state_dict().items():
            self.weights[name].lerp_(value, 1 - decay)


def train(
    module: nn.Module,
    losses: Iterable[Callable[[], Tensor]],
    settings: TrainingSettings,
    on_step: Callable[[int, float, AveragedWeights], None],
) -> dict[str, Tensor]:
    """Train every parameter of `module` that asks for a gradient; gives the averaged weights.

    losses: one function a step. on_step: told (steps done, loss, averaged weights), for progress, interrupts and
    checkpoints.
    """
    parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(parameters, settings.learning_rate, weight_decay=settings.weight_decay)
    average = AveragedWeights(module, settings.average_decay)
    for step, loss_of in zip(range(settings.steps), losses, strict=False):
        for group in optimizer.param_groups:
            group["lr"] = settings.rate(step)
        loss = loss_of()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, settings.gradient_norm)
        optimizer.step()
        average.update(module, step)
        on_step(step + 1, loss.item(), average)
    return average.weights
