"""The attention that ComfyUI was started with, and one for the meta device that takes as much memory."""

from typing import Any

import comfy.model_management
import torch
from comfy.ldm.modules.attention import attention_basic, optimized_attention
from torch import Tensor

USES_FUSED_KERNEL = (
    comfy.model_management.sage_attention_enabled,
    comfy.model_management.flash_attention_enabled,
    comfy.model_management.xformers_enabled,
    comfy.model_management.pytorch_attention_enabled,
)
"""Whether ComfyUI was started with a kind of attention that does not keep the products of queries and keys."""


def attention(query: Tensor, key: Tensor, value: Tensor, heads: int) -> Tensor:
    """The attention that ComfyUI was started with, (n f c) in and out.

    transformer_options are not passed on, because an attention override of another pack is meant for spatial attention.
    """
    if query.is_meta:
        return meta_attention(query, key, value, heads)
    # kernels of reduced precision gain nothing for 16 to 32 tokens
    return optimized_attention(query, key, value, heads=heads, low_precision_attention=False)


def meta_attention(query: Tensor, key: Tensor, value: Tensor, heads: int, *args: Any, **kw: Any) -> Tensor:
    """Attention on the meta device, which has none of the fused kernels, (n f c) in and out."""
    if any(is_used() for is_used in USES_FUSED_KERNEL):
        return FusedAttention.apply(query, key, value, heads)
    return attention_basic(query, key, value, heads)


class FusedAttention(torch.autograd.Function):
    """Keeps what a fused kernel keeps: its inputs, its output and one number for each query of each head."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor, heads: int) -> Tensor:
        out = torch.empty_like(query)
        sums = query.new_empty(query.shape[0], heads, query.shape[1], dtype=torch.float32)
        ctx.save_for_backward(query, key, value, out, sums)
        return out

    @staticmethod
    def backward(ctx: Any, *_gradients: Tensor) -> tuple[Tensor | None, ...]:
        query, key, value, *_ = ctx.saved_tensors
        return torch.empty_like(query), torch.empty_like(key), torch.empty_like(value), None
