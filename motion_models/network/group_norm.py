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
    """While open, each of `norms` takes its statistics over clips of `frames` frames of its input (b f) c h w."""
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
    def hook(_layer: nn.GroupNorm, inputs: tuple[Tensor]) -> Tensor:
        (x,) = inputs
        waiting.append(x)
        return probe(x, x.dtype)

    return hook


def _norm_of_clip(waiting: list[Tensor], frames: int):
    def hook(layer: nn.GroupNorm, _inputs: tuple[Tensor], probed: Tensor) -> Tensor:
        return clip_group_norm(waiting.pop(), frames, layer.num_groups, *weight_and_bias(layer, probed), layer.eps)

    return hook


def clip_norm(layer: nn.GroupNorm, x: Tensor, frames: int) -> Tensor:
    """What `layer`, one that casts its weights to its input, gives for x, (b f) c h w, if it takes its statistics over
    whole clips."""
    weight, bias = weight_and_bias(layer, layer(probe(x, torch.float32)))
    return clip_group_norm(x, frames, layer.num_groups, weight, bias, layer.eps)


def probe(x: Tensor, dtype: torch.dtype) -> Tensor:
    """A picture of two pixels, +1 and -1, with the channels of x. What a group norm makes of it tells its weight and
    bias without touching them, wherever the host keeps them and however it casts them."""
    # made on the device: a copy from the host would wait for it
    return torch.linspace(1, -1, 2, dtype=dtype, device=x.device).expand(1, x.shape[1], 1, 2)


def weight_and_bias(layer: nn.GroupNorm, probed: Tensor) -> tuple[Tensor, Tensor]:
    """Of a layer that has made `probed` of its probe, (c,) in fp32."""
    # the probe has mean 0 and variance 1, so the layer gave +-weight / sqrt(1 + eps) + bias
    above, below = probed[0, :, 0].float().unbind(-1)
    return (above - below) / 2 * (1 + layer.eps) ** 0.5, (above + below) / 2


def clip_group_norm(x: Tensor, frames: int, groups: int, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    """Group norm of x, (b f) c h w in and out, with one mean and variance for all frames of a clip.

    Reads the tensor as it lies, frames apart, so that no copy in another layout is made. weight, bias: (c,) in fp32.
    """
    if (x.device.type, x.dtype) == ("cpu", torch.float32) and not torch.is_grad_enabled():
        return _from_frames(x, frames, groups, weight, bias, eps)
    grouped = x.unflatten(1, (groups, -1)).unflatten(0, (-1, frames))  # b f g c/g h w
    # the deviation and not the variance, which would leave the range of fp16
    deviation, mean = torch.std_mean(grouped, dim=(1, 3, 4, 5), correction=0, keepdim=True)
    scale = weight.view(groups, -1, 1, 1) * (deviation.float().square() + eps).rsqrt()
    shift = bias.view(groups, -1, 1, 1) - mean.float() * scale
    return torch.addcmul(shift.to(x.dtype), grouped, scale.to(x.dtype)).flatten(0, 1).flatten(1, 2)


def _from_frames(x: Tensor, frames: int, groups: int, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    """The same by way of each frame's own norm, which torch has a fast kernel for on CPUs: there `std_mean` takes three
    times as long as all of this. The mean and deviation that kernel tells have no gradients, and are rounded to the
    precision of x."""
    count, channels, height, width = x.shape
    normed, mean, scale = torch.native_group_norm(x, None, None, count, channels, height * width, groups, eps)
    mean, scale = (part.view(-1, frames, groups, 1) for part in (mean, scale))
    distance = mean - mean.mean(1, keepdim=True)
    variance = (scale.pow(-2) - eps + distance.square()).mean(1, keepdim=True)
    clip_scale = weight.view(groups, -1) * (variance + eps).rsqrt()
    each = (count, channels, 1, 1)
    shift = (bias.view(groups, -1) + distance * clip_scale).view(each)
    return torch.addcmul(shift, normed, (clip_scale / scale).view(each), out=normed)
