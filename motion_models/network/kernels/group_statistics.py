"""Mean and variance of each group of channels in each frame, for a group norm."""

import torch
import triton
import triton.language as tl
from torch import Tensor

from .launching import launch, padded

TILE = 4096
MOST_PIXELS = 1024
"""Pixels that a program reads at once."""


@triton.jit
def _group_statistics(
    x,
    out,
    pixels,
    frame_stride,
    channel_stride,
    pixel_stride,
    groups,
    width,
    width_tile: tl.constexpr,
    pixel_tile: tl.constexpr,
):
    program = tl.program_id(0)
    frame, group = (program // groups).to(tl.int64), program % groups
    channel, pixel = tl.arange(0, width_tile)[:, None], tl.arange(0, pixel_tile)[None, :]
    start = x + frame * frame_stride + (group * width + channel) * channel_stride
    # Welford's method for each lane, so that a large mean loses no digits of the variance
    mean = tl.zeros((width_tile, pixel_tile), tl.float32)
    squares = tl.zeros((width_tile, pixel_tile), tl.float32)
    count = tl.zeros((width_tile, pixel_tile), tl.float32)
    for first in range(0, pixels, pixel_tile):
        inside = (first + pixel < pixels) & (channel < width)
        value = tl.load(start + (first + pixel) * pixel_stride, mask=inside, other=0.0).to(tl.float32)
        count += inside.to(tl.float32)
        distance = tl.where(inside, value - mean, 0.0)
        mean += distance / tl.maximum(count, 1.0)
        squares += distance * (value - mean)
    size = width * pixels
    whole = tl.sum(tl.sum(mean * count, 1), 0) / size
    apart = mean - whole
    variance = tl.sum(tl.sum(squares + apart * apart * count, 1), 0) / size
    tl.store(out + 2 * program, whole)
    tl.store(out + 2 * program + 1, variance)


def group_statistics(x: Tensor, groups: int) -> Tensor:
    """Mean and variance (n groups 2), in fp32, of x, (n c pixels) of any strides."""
    count, channels, pixels = x.shape
    width = channels // groups
    out = torch.empty(count, groups, 2, device=x.device, dtype=torch.float32)
    at_once = min(padded(pixels), MOST_PIXELS, max(1, TILE // padded(width)))
    launch(
        _group_statistics,
        (count * groups,),
        x,
        out,
        pixels,
        *x.stride(),
        groups,
        width,
        width_tile=padded(width),
        pixel_tile=at_once,
        num_warps=4,
    )
    return out
