"""Group norms that see a whole clip.

Each family was trained with another choice of which group norms take their statistics over one frame and which over
all frames of a clip: one condition, one context window. The authors' code decides it by the shape that reaches a plain
GroupNorm (guoyww/AnimateDiff: `InflatedGroupNorm` or not; Hotshot-XL: 5-D ResBlocks).
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class NormPolicy:
    """Which group norms see the whole clip at once. The norms of the spatial transformers never do."""

    motion: bool
    """The norm at the entrance of each motion module."""
    unet: bool
    """The norms of the UNet's residual blocks and of its output."""


EACH_FRAME = NormPolicy(motion=False, unet=False)


@contextmanager
def over_clips(norms: Iterable[nn.GroupNorm], frames: int) -> Iterator[None]:
    """While open, each of `norms` takes its statistics over clips of `frames` frames of its input (b f) c h w.

    By forward hooks: the layer itself only ever sees a probe of two pixels, which tells its weight and bias without
    touching them, wherever the host keeps them and however it casts them.
    """
    hooks = []
    try:
        for norm in norms:
            waiting: list[Tensor] = []
            hooks.append(norm.register_forward_pre_hook(_probe_instead(waiting)))
            hooks.append(norm.register_forward_hook(_norm_of_clip(waiting, frames)))
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _probe_instead(waiting: list[Tensor]):
    def hook(layer: nn.GroupNorm, inputs: tuple[Tensor]) -> Tensor:
        (x,) = inputs
        waiting.append(x)
        return torch.tensor([1.0, -1.0], dtype=x.dtype, device=x.device).expand(1, x.shape[1], 1, 2)

    return hook


def _norm_of_clip(waiting: list[Tensor], frames: int):
    def hook(layer: nn.GroupNorm, _inputs: tuple[Tensor], probed: Tensor) -> Tensor:
        # the probe has mean 0 and variance 1, so the layer gave +-weight / sqrt(1 + eps) + bias
        above, below = probed[0, :, 0].float().unbind(-1)
        weight, bias = (above - below) / 2 * (1 + layer.eps) ** 0.5, (above + below) / 2
        return clip_group_norm(waiting.pop(), frames, layer.num_groups, weight, bias, layer.eps)

    return hook


def clip_group_norm(x: Tensor, frames: int, groups: int, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    """Group norm of x, (b f) c h w in and out, with one mean and variance for all frames of a clip.

    Reads the tensor as it lies, frames apart, so that no copy in another layout is made. weight, bias: (c,).
    """
    grouped = x.unflatten(1, (groups, -1)).unflatten(0, (-1, frames))  # b f g c/g h w
    # the deviation and not the variance, which would leave the range of fp16
    deviation, mean = torch.std_mean(grouped, dim=(1, 3, 4, 5), correction=0, keepdim=True)
    scale = weight.view(groups, -1, 1, 1) * (deviation.float().square() + eps).rsqrt()
    shift = bias.view(groups, -1, 1, 1) - mean.float() * scale
    return torch.addcmul(shift.to(x.dtype), grouped, scale.to(x.dtype)).flatten(0, 1).flatten(1, 2)
