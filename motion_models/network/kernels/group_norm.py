"""Group norm of a clip or of each frame, with the move to the layout of the temporal layers."""

import triton
import triton.language as tl
from torch import Tensor

from .launching import blocks, launch, padded

PIXELS, CHANNELS = 64, 64
"""A tile: 128 bytes of half precision along each side, because the two layouts differ in their last dimension."""


@triton.jit(do_not_specialize=["frames", "count"])
def _group_norm(
    x,
    statistics,
    weight,
    bias,
    out,
    frame_stride,
    channel_stride,
    pixel_stride,
    pixels,
    frames,
    count,
    channels,
    groups,
    eps,
    over_clip: tl.constexpr,
    frame_tile: tl.constexpr,
    pixel_tile: tl.constexpr,
    channel_tile: tl.constexpr,
):
    pixel = tl.program_id(0) * pixel_tile + tl.arange(0, pixel_tile)[:, None]
    channel = tl.program_id(1) * channel_tile + tl.arange(0, channel_tile)
    latent = tl.program_id(2).to(tl.int64)
    clip, frame = latent // frames, latent % frames
    in_row = channel < channels
    group = channel // (channels // groups)
    # the statistics of all frames of the clip, or of this one
    first = clip * frames if over_clip else latent
    member = tl.arange(0, frame_tile)[:, None]
    is_member = (member < count) & in_row[None, :]
    place = statistics + ((first + member) * groups + group[None, :]) * 2
    means = tl.load(place, mask=is_member, other=0.0)
    mean = tl.sum(means, 0) / count
    apart = tl.where(is_member, means - mean[None, :], 0.0)
    variance = tl.sum(tl.load(place + 1, mask=is_member, other=0.0) + apart * apart, 0) / count
    scale = tl.load(weight + channel, mask=in_row, other=0.0).to(tl.float32) / tl.sqrt(variance + eps)
    shift = tl.load(bias + channel, mask=in_row, other=0.0).to(tl.float32)
    inside = (pixel < pixels) & in_row[None, :]
    source = latent * frame_stride + channel[None, :] * channel_stride + pixel * pixel_stride
    value = tl.load(x + source, mask=inside, other=0.0).to(tl.float32)
    result = (value - mean[None, :]) * scale[None, :] + shift[None, :]
    target = ((clip * pixels + pixel) * frames + frame) * channels + channel[None, :]
    tl.store(out + target, result.to(out.dtype.element_ty), mask=inside)


def group_norm(
    x: Tensor, frames: int, statistics: Tensor, weight: Tensor, bias: Tensor, eps: float, over_clip: bool
) -> Tensor:
    """The norm of x, ((b f) c pixels) of any strides, as ((b pixels) f c).

    statistics: of `group_statistics`, for the whole pictures that x is a part of. weight, bias: (c).
    over_clip: whether the frames of a clip share one mean and variance.
    """
    latents, channels, pixels = x.shape
    together = frames if over_clip else 1
    out = x.new_empty(latents // frames * pixels, frames, channels)
    launch(
        _group_norm,
        (blocks(pixels, PIXELS), blocks(channels, CHANNELS), latents),
        x,
        statistics,
        weight,
        bias,
        out,
        *x.stride(),
        pixels,
        frames,
        together,
        channels,
        statistics.shape[1],
        eps,
        over_clip=over_clip,
        frame_tile=padded(together),
        pixel_tile=PIXELS,
        channel_tile=CHANNELS,
        num_warps=4,
    )
    return out
