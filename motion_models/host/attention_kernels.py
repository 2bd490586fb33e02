"""The attention that ComfyUI was started with, and one for the meta device that takes as much memory."""

from typing import Any

import comfy.model_management
import torch
from comfy.ldm.modules.attention import attention_basic, optimized_attention
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention

USES_FUSED_KERNEL = (
    comfy.model_management.sage_attention_enabled,
    comfy.model_management.flash_attention_enabled,
    comfy.model_management.xformers_enabled,
    comfy.model_management.pytorch_attention_enabled,
)
"""Whether ComfyUI was started with a kind of attention that does not keep the products of queries and keys."""


MOST_FRAMES, MOST_PIXELS = 32, 2**15
"""Of the inputs that KERNELS_BY_HEAD_WIDTH is for. More pixels than 2^16 do not fit into the grid of a kernel."""

KERNELS_BY_HEAD_WIDTH = ((64, SDPBackend.EFFICIENT_ATTENTION), (128, None), (256, SDPBackend.EFFICIENT_ATTENTION))
"""Largest head width, and torch's fastest attention for few frames on NVIDIA. None: as ComfyUI chooses.

Milliseconds on an H200 for 16 frames of SDXL at 1024x1024, fp16, torch 2.11, with head widths 40, 80 and 160: efficient
2.9, 1.9 and 0.41; flash, which ComfyUI chooses, 6.0, 1.57 and 0.90; cuDNN 4.4, 1.6 and 0.66; math 4.3, 1.6 and 0.90.
"""


def attention(query: Tensor, key: Tensor, value: Tensor, heads: int) -> Tensor:
    """Attention over few frames, (n f c) in and out: that of ComfyUI, or a faster one of torch.

    transformer_options are not passed on, because an attention override of another pack is meant for spatial attention.
    """
    if query.is_meta:
        return meta_attention(query, key, value, heads)
    kernel = fastest_kernel(query, heads)
    if kernel is not None:
        return torch_attention(query, key, value, heads, kernel)
    # kernels of reduced precision gain nothing for 16 to 32 tokens
    return optimized_attention(query, key, value, heads=heads, low_precision_attention=False)


def fastest_kernel(query: Tensor, heads: int) -> SDPBackend | None:
    """A kernel that is faster than ComfyUI's choice, for (n f c). None if there is none, or if that is not known."""
    pixels, frames, channels = query.shape
    if query.device.type != "cuda" or torch.version.hip or torch.is_grad_enabled() or torch.compiler.is_compiling():
        return None
    *others, uses_torch = (is_used() for is_used in USES_FUSED_KERNEL)
    if any(others) or not uses_torch or query.dtype == torch.float32 or frames > MOST_FRAMES or pixels > MOST_PIXELS:
        return None
    return next((kernel for width, kernel in KERNELS_BY_HEAD_WIDTH if channels // heads <= width), None)


def torch_attention(query: Tensor, key: Tensor, value: Tensor, heads: int, kernel: SDPBackend) -> Tensor:
    """Attention by one of torch's kernels, or by plain products if the GPU does not have it, (n f c) in and out."""
    q, k, v = (each.unflatten(-1, (heads, -1)).transpose(1, 2) for each in (query, key, value))
    with sdpa_kernel([kernel, SDPBackend.MATH]):
        return scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)


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
