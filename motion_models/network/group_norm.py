"""Group norms with statistics over a whole clip.

A group norm can take its statistics over one frame or over all frames of a clip. "Clip" here means the frames of one
condition in one context window. Each family was trained with one choice for each norm. In the original code the choice
is the shape of the input of a plain GroupNorm (guoyww/AnimateDiff: `InflatedGroupNorm` or not; Hotshot-XL: 5-D
ResBlocks).
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .layers import HoldsWeights


@dataclass(frozen=True)
class NormPolicy:
    """Which group norms take their statistics over the whole clip. The norms of the spatial transformers never do."""

    motion: bool
    """The norm at the entrance of each motion module."""
    unet: bool
    """The norms of the UNet's residual blocks and of its output."""


EACH_FRAME = NormPolicy(motion=False, unet=False)


@contextmanager
def over_clips(norms: Iterable[nn.GroupNorm], frames: int) -> Iterator[None]:
    """Inside the context, `norms` take their statistics over clips of `frames` frames. Inputs are (b f) c h w."""
    hooks = []
    try:
        for norm in norms:
            inputs: list[Tensor] = []
            hooks.append(norm.register_forward_pre_hook(_probe_instead(inputs)))
            hooks.append(norm.register_forward_hook(_norm_of_clip(inputs, frames)))
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _probe_instead(inputs: list[Tensor]):
    def hook(_layer: nn.GroupNorm, arguments: tuple[Tensor]) -> Tensor:
        (x,) = arguments
        inputs.append(x)
        return probe(x, x.dtype)

    return hook


def _norm_of_clip(inputs: list[Tensor], frames: int):
    def hook(layer: nn.GroupNorm, _arguments: tuple[Tensor], probed: Tensor) -> Tensor:
        return clip_group_norm(inputs.pop(), frames, layer.num_groups, *weight_and_bias(layer, probed), layer.eps)

    return hook


def clip_norm(layer: nn.GroupNorm, x: Tensor, frames: int) -> Tensor:
    """The output of `layer` for x, (b f) c h w, with statistics over whole clips. `layer` casts its weights to x."""
    held = layer.held if isinstance(layer, HoldsWeights) else None
    if held is None or held.bias is None:
        weight, bias = weight_and_bias(layer, layer(probe(x, torch.float32)))
    else:
        weight, bias = held.weight.float(), held.bias.float()
    return clip_group_norm(x, frames, layer.num_groups, weight, bias, layer.eps)


def probe(x: Tensor, dtype: torch.dtype) -> Tensor:
    """An input of two pixels, +1 and -1, with the channels of x.

    The weight and bias of a group norm follow from its output for the probe. So it does not matter where ComfyUI keeps
    them, or how it casts them.
    """
    # created on the device, because a copy from the CPU would wait for the device
    return torch.linspace(1, -1, 2, dtype=dtype, device=x.device).expand(1, x.shape[1], 1, 2)


def weight_and_bias(layer: nn.GroupNorm, probed: Tensor) -> tuple[Tensor, Tensor]:
    """Weight and bias of a layer, (c,) in fp32, from `probed`, its output for the probe."""
    # the probe has mean 0 and variance 1, so the output is +-weight / sqrt(1 + eps) + bias
    above, below = probed[0, :, 0].float().unbind(-1)
    return (above - below) / 2 * (1 + layer.eps) ** 0.5, (above + below) / 2


def clip_group_norm(x: Tensor, frames: int, groups: int, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    """Group norm of x, (b f) c h w in and out, with one mean and variance for all frames of a clip.

    It reads x in its own memory layout and makes no permuted copy. weight, bias: (c,) in fp32.
    """
    if (x.device.type, x.dtype) == ("cpu", torch.float32) and not torch.is_grad_enabled():
        return _from_frames(x, frames, groups, weight, bias, eps)
    grouped = x.unflatten(1, (groups, -1)).unflatten(0, (-1, frames))  # b f g c/g h w
    by_channel = weight.view(groups, -1, 1, 1), bias.view(groups, -1, 1, 1)
    norm = _in_full_precision if x.dtype is torch.float32 else _in_half_precision
    return norm(grouped, *by_channel, eps).flatten(0, 1).flatten(1, 2)


OF_A_CLIP = (1, 3, 4, 5)
"""Dimensions of b f g c/g h w that share a mean and variance."""


def _in_full_precision(grouped: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    variance, mean = torch.var_mean(grouped, dim=OF_A_CLIP, correction=0, keepdim=True)
    scale = weight * (variance + eps).rsqrt()
    return torch.addcmul(bias - mean * scale, grouped, scale)


def _in_half_precision(grouped: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    """Statistics, scale and shift are in fp32, because their rounding would add to that of the result.

    Half precision loses small deviations from a large mean, so the rounded mean is subtracted first.
    """
    mean = grouped.mean(OF_A_CLIP, keepdim=True, dtype=torch.float32)
    rounded = mean.to(grouped.dtype)
    centred, rest = grouped - rounded, mean - rounded
    square = torch.linalg.vector_norm(centred, dim=OF_A_CLIP, keepdim=True, dtype=torch.float32).square()
    variance = square * (mean.numel() / grouped.numel()) - rest.square()
    scale = weight * (variance + eps).rsqrt()
    shift = bias - rest * scale
    if torch.is_grad_enabled():
        return torch.addcmul(shift, centred, scale).to(grouped.dtype)
    return torch.addcmul(shift, centred, scale, out=centred)


def _from_frames(x: Tensor, frames: int, groups: int, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    """The same result, computed from the norm of each frame. For CPUs in fp32 without gradients.

    torch has a fast CPU kernel for the norm of each frame, and its `std_mean` takes three times as long as this whole
    function. The mean and deviation that the kernel returns have no gradients, and the precision of x.
    """
    count, channels, height, width = x.shape
    normed, mean, scale = torch.native_group_norm(x, None, None, count, channels, height * width, groups, eps)
    mean, scale = (part.view(-1, frames, groups, 1) for part in (mean, scale))
    distance = mean - mean.mean(1, keepdim=True)
    variance = (scale.pow(-2) - eps + distance.square()).mean(1, keepdim=True)
    clip_scale = weight.view(groups, -1) * (variance + eps).rsqrt()
    each = (count, channels, 1, 1)
    shift = (bias.view(groups, -1) + distance * clip_scale).view(each)
    return torch.addcmul(shift, normed, (clip_scale / scale).view(each), out=normed)
