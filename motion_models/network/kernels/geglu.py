"""GEGLU in one pass."""

import triton
import triton.language as tl
from torch import Tensor

from .launching import blocks, launch

TOKENS, CHANNELS = 8, 256


@triton.jit(do_not_specialize=["tokens"])
def _geglu(x, tokens, channels, token_tile: tl.constexpr, channel_tile: tl.constexpr):
    token = tl.program_id(0).to(tl.int64) * token_tile + tl.arange(0, token_tile)[:, None]
    channel = tl.program_id(1) * channel_tile + tl.arange(0, channel_tile)[None, :]
    inside = (token < tokens) & (channel < channels)
    place = x + token * (2 * channels) + channel
    value = tl.load(place, mask=inside, other=0.0).to(tl.float32)
    gate = tl.load(place + channels, mask=inside, other=0.0).to(tl.float32)
    gelu = 0.5 * gate * (1 + tl.erf(gate * 0.7071067811865476))
    tl.store(place, (value * gelu).to(x.dtype.element_ty), mask=inside)


def geglu(x: Tensor) -> Tensor:
    """value * gelu(gate) for x = [value, gate], contiguous in the last dimension 2n. A view of x, (... n).

    It is written over `value`, which saves memory.
    """
    channels = x.shape[-1] // 2
    tokens = x.numel() // (2 * channels)
    grid = blocks(tokens, TOKENS), blocks(channels, CHANNELS)
    launch(_geglu, grid, x, tokens, channels, token_tile=TOKENS, channel_tile=CHANNELS, num_warps=4)
    return x[..., :channels]
