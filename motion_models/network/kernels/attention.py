"""Self-attention over the frames of one pixel.

General attention kernels are made for thousands of tokens. Here a program holds the frames of one pixel and head, and
reads them once.
"""

import triton
import triton.language as tl
from torch import Tensor

from .launching import launch, padded

LEAST_SIDE = 16
"""Of a tile in a matrix product of Triton."""
MOST_FRAMES, MOST_HEAD_WIDTH = 64, 256
"""Both take 96 kB of shared memory. Many GPUs have 99."""
FRAMES_PER_WARP = 16


@triton.jit
def _attention(
    query,
    key,
    value,
    out,
    pixel_stride,
    frame_stride,
    scale,
    frames: tl.constexpr,
    heads: tl.constexpr,
    width: tl.constexpr,
    frame_tile: tl.constexpr,
    width_tile: tl.constexpr,
):
    program = tl.program_id(0)
    pixel, head = (program // heads).to(tl.int64), program % heads
    frame, channel = tl.arange(0, frame_tile), tl.arange(0, width_tile)
    inside = (frame[:, None] < frames) & (channel[None, :] < width)
    in_head = head * width + channel[None, :]
    source = pixel * pixel_stride + frame[:, None] * frame_stride + in_head
    q = tl.load(query + source, mask=inside, other=0.0)
    k = tl.load(key + source, mask=inside, other=0.0)
    v = tl.load(value + source, mask=inside, other=0.0)
    scores = tl.where(frame[None, :] < frames, tl.dot(q, tl.trans(k)) * scale, float("-inf"))
    weights = tl.exp(scores - tl.max(scores, 1)[:, None])
    weights = weights / tl.sum(weights, 1)[:, None]
    result = tl.dot(weights.to(v.dtype), v)
    target = (pixel * frames + frame[:, None]) * (heads * width) + in_head
    tl.store(out + target, result.to(out.dtype.element_ty), mask=inside)


def attention(query: Tensor, key: Tensor, value: Tensor, heads: int) -> Tensor:
    """Attention over the frames of each pixel, (pixels f c) in and out. The inputs have the same strides, 1 in c."""
    pixels, frames, channels = query.shape
    width, out = channels // heads, query.new_empty(query.shape)
    tile = padded(frames, LEAST_SIDE)
    launch(
        _attention,
        (pixels * heads,),
        query,
        key,
        value,
        out,
        *query.stride()[:2],
        width**-0.5,
        frames=frames,
        heads=heads,
        width=width,
        frame_tile=tile,
        width_tile=padded(width, LEAST_SIDE),
        num_warps=tile // FRAMES_PER_WARP,
    )
    return out
