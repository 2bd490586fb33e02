"""Residual, layer norm and positions in one pass."""

from dataclasses import dataclass

import triton
import triton.language as tl
from torch import Tensor

from .launching import blocks, launch, padded

TILE = 4096
"""Elements of a program: 32 for each thread of four warps."""


@dataclass(frozen=True)
class LayerNormWeights:
    """Of a layer norm over c channels."""

    weight: Tensor
    bias: Tensor
    eps: float


@triton.jit(do_not_specialize=["tokens"])
def _add_norm(
    hidden,
    added,
    normed,
    weight,
    bias,
    positions,
    next_bias,
    tokens,
    eps,
    frames: tl.constexpr,
    channels: tl.constexpr,
    has_added: tl.constexpr,
    has_positions: tl.constexpr,
    has_next_bias: tl.constexpr,
    token_tile: tl.constexpr,
    channel_tile: tl.constexpr,
):
    token = tl.program_id(0).to(tl.int64) * token_tile + tl.arange(0, token_tile)[:, None]
    channel = tl.arange(0, channel_tile)[None, :]
    inside, in_row = (token < tokens) & (channel < channels), channel < channels
    place = token * channels + channel
    x = tl.load(hidden + place, mask=inside, other=0.0).to(tl.float32)
    if has_added:
        x += tl.load(added + place, mask=inside, other=0.0).to(tl.float32)
        x = x.to(hidden.dtype.element_ty).to(tl.float32)  # rounded as it is stored
    if has_added or has_next_bias:
        total = x
        if has_next_bias:
            total += tl.load(next_bias + channel, mask=in_row, other=0.0).to(tl.float32)
        tl.store(hidden + place, total.to(hidden.dtype.element_ty), mask=inside)
    mean = tl.sum(x, 1)[:, None] / channels
    centred = tl.where(inside, x - mean, 0.0)
    variance = tl.sum(centred * centred, 1)[:, None] / channels
    result = centred / tl.sqrt(variance + eps) * tl.load(weight + channel, mask=in_row, other=0.0).to(tl.float32)
    result += tl.load(bias + channel, mask=in_row, other=0.0).to(tl.float32)
    if has_positions:
        row = (token % frames) * channels + channel
        result += tl.load(positions + row, mask=inside, other=0.0).to(tl.float32)
    tl.store(normed + place, result.to(normed.dtype.element_ty), mask=inside)


def add_norm(
    hidden: Tensor,
    added: Tensor | None,
    norm: LayerNormWeights,
    positions: Tensor | None = None,
    next_bias: Tensor | None = None,
) -> Tensor:
    """The layer norm of hidden + added, plus positions. (pixels f c) in and out, contiguous.

    hidden is changed in place to hidden + added + next_bias. The norm does not see next_bias.
    positions: (f c) or more rows. next_bias: (c).
    """
    normed = hidden.new_empty(hidden.shape)
    frames, channels = hidden.shape[1:]
    rows = max(1, TILE // padded(channels))
    tokens = hidden.numel() // channels
    launch(
        _add_norm,
        (blocks(tokens, rows),),
        hidden,
        hidden if added is None else added,
        normed,
        norm.weight,
        norm.bias,
        norm.bias if positions is None else positions,
        norm.bias if next_bias is None else next_bias,
        tokens,
        norm.eps,
        frames=frames,
        channels=channels,
        has_added=added is not None,
        has_positions=positions is not None,
        has_next_bias=next_bias is not None,
        token_tile=rows,
        channel_tile=padded(channels),
        num_warps=4,
    )
    return normed
