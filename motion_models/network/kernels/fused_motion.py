"""The forward pass of a temporal transformer with kernels between its matrix products."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..chunks import in_chunks
from .add_motion import add_motion
from .add_norm import LayerNormWeights, add_norm
from .attention import attention
from .geglu import geglu
from .group_norm import group_norm
from .group_statistics import group_statistics

if TYPE_CHECKING:
    from ..motion_module import TemporalTransformer


def fused_motion(
    transformer: TemporalTransformer, x: Tensor, frames: int, norm_over_clip: bool, strength: float | Tensor | None
) -> Tensor:
    """x plus its motion, (b f) c h w in and out, or the motion alone if strength is None.

    strength: a number, or (1, f or (b f)) 1 (1 or h) (1 or w). The layers of `transformer` hold their weights.
    """
    if not is_dense(x):
        x = x.contiguous()
    norm, out = transformer.norm, torch.empty_like(x)
    weights: Any = norm.held
    statistics = group_statistics(x.flatten(2), norm.num_groups)

    def run(rows: slice) -> None:
        part = x[:, :, rows]
        hidden = group_norm(part.flatten(2), frames, statistics, weights.weight, weights.bias, norm.eps, norm_over_clip)
        hidden = transformer.proj_in(hidden)
        for block in transformer.transformer_blocks:
            hidden = fused_block(block, hidden, transformer.heads)
        motion = transformer.proj_out(hidden)
        residual, factor = (None, 1.0) if strength is None else (part, of_rows(strength, rows))
        add_motion(residual, motion, factor, out[:, :, rows])

    in_chunks(x, frames, run)
    return out


def is_dense(x: Tensor) -> bool:
    """Whether the rows of x, b c h w, follow one another in memory, so that h and w are one dimension."""
    return x.is_contiguous() or x.is_contiguous(memory_format=torch.channels_last)


def of_rows(strength: float | Tensor, rows: slice) -> float | Tensor:
    """The part of a strength for some rows of the picture."""
    return strength[:, :, rows] if isinstance(strength, Tensor) and strength.shape[2] > 1 else strength


def fused_block(block: Any, hidden: Tensor, heads: int) -> Tensor:
    """A TemporalBlock, (pixels f c) in and out. `hidden` is overwritten."""
    first, _dropout, last = block.ff.net
    weights = last.plain_weights
    inner = geglu(first.proj(attended(block, hidden, heads, weights and weights.bias)))
    return hidden.add_(last(inner)) if weights is None else product_added(hidden, inner, weights.weight)


def attended(block: Any, hidden: Tensor, heads: int, next_bias: Tensor | None) -> Tensor:
    """The input of the feed-forward. Both attentions and next_bias are added to `hidden`, (pixels f c)."""
    added = None
    for layer, norm in zip(block.attention_blocks, block.norms, strict=True):
        normed = add_norm(hidden, added, of_layer(norm), layer.pos_encoder.held.weight[0])
        added = layer.to_out[0](attention(*layer.projections(normed), heads))
    return add_norm(hidden, added, of_layer(block.ff_norm), next_bias=next_bias)


def product_added(total: Tensor, x: Tensor, weight: Tensor) -> Tensor:
    """total + x W, (... c), written over `total`."""
    total.view(-1, total.shape[-1]).addmm_(x.flatten(0, -2), weight.t())
    return total


def of_layer(norm: Any) -> LayerNormWeights:
    return LayerNormWeights(norm.held.weight, norm.held.bias, norm.eps)
