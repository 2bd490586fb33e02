"""The motion times its strength, added to the features, with the move back to their layout."""

import triton
import triton.language as tl
from torch import Tensor

from .group_norm import CHANNELS, PIXELS
from .launching import blocks, launch


@triton.jit(do_not_specialize=["columns", "strengths"])
def _add_motion(
    x,
    motion,
    strength,
    out,
    frame_stride,
    channel_stride,
    pixel_stride,
    pixels,
    frames,
    channels,
    strengths,
    strength_stride,
    row_stride,
    column_stride,
    columns,
    has_residual: tl.constexpr,
    has_map: tl.constexpr,
    pixel_tile: tl.constexpr,
    channel_tile: tl.constexpr,
):
    pixel = tl.program_id(0) * pixel_tile + tl.arange(0, pixel_tile)[:, None]
    channel = tl.program_id(1) * channel_tile + tl.arange(0, channel_tile)[None, :]
    latent = tl.program_id(2).to(tl.int64)
    clip, frame = latent // frames, latent % frames
    inside = (pixel < pixels) & (channel < channels)
    source = ((clip * pixels + pixel) * frames + frame) * channels + channel
    result = tl.load(motion + source, mask=inside, other=0.0).to(tl.float32)
    if has_map:
        place = (latent % strengths) * strength_stride
        place += (pixel // columns) * row_stride + (pixel % columns) * column_stride
        result *= tl.load(strength + place, mask=pixel < pixels, other=0.0).to(tl.float32)
    else:
        result *= strength
    target = latent * frame_stride + channel * channel_stride + pixel * pixel_stride
    if has_residual:
        result += tl.load(x + target, mask=inside, other=0.0).to(tl.float32)
    tl.store(out + target, result.to(out.dtype.element_ty), mask=inside)


def add_motion(x: Tensor | None, motion: Tensor, strength: float | Tensor, out: Tensor) -> None:
    """Write x + strength * motion to out. x and out: (b f) c h w of the same strides. motion: ((b h w) f c).

    x: None writes the motion alone. strength: a number, or (1, f or (b f)) 1 (1 or h) (1 or w).
    """
    count, channels, height, width = out.shape
    frames, pixels = motion.shape[1], height * width
    is_map = isinstance(strength, Tensor)
    strengths, strides = 1, (0, 0, 0)
    if is_map:
        strengths = len(strength)
        of_count, _, of_row, of_column = strength.expand(strengths, 1, height, width).stride()
        strides = of_count, of_row, of_column
    launch(
        _add_motion,
        (blocks(pixels, PIXELS), blocks(channels, CHANNELS), count),
        out if x is None else x,
        motion,
        strength if is_map else float(strength),
        out,
        *out.flatten(2).stride(),
        pixels,
        frames,
        channels,
        strengths,
        *strides,
        width,
        has_residual=x is not None,
        has_map=is_map,
        pixel_tile=PIXELS,
        channel_tile=CHANNELS,
        num_warps=4,
    )
