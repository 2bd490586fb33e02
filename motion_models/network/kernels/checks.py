"""Self-checks: each kernel against torch's operations, on its first use for a kind of input."""

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ..group_norm import clip_group_norm
from .add_motion import add_motion
from .add_norm import LayerNormWeights, add_norm
from .attention import MOST_FRAMES, MOST_HEAD_WIDTH, attention
from .geglu import geglu
from .group_norm import group_norm
from .group_statistics import group_statistics

LARGEST_DIFFERENCE = {torch.float16: 2e-3, torch.bfloat16: 1.6e-2, torch.float32: 2e-6}
"""Relative to the largest number of the plain result: about four roundings. An error of a kernel is far larger."""


class DisagreementError(RuntimeError):
    """A kernel and the plain path have different results."""


@dataclass(frozen=True)
class Case:
    """What the kernels are compiled for, and a small picture to check them on."""

    device: torch.device
    dtype: torch.dtype
    channels: int
    frames: int
    heads: int
    groups: int
    over_clip: bool
    height: int
    width: int
    clips: int = 2

    @property
    def is_possible(self) -> bool:
        return self.frames <= MOST_FRAMES and self.channels // self.heads <= MOST_HEAD_WIDTH


def picture_like(height: int, width: int) -> tuple[int, int]:
    """A small picture of several tiles, for which Triton compiles the same code as for that of the user.

    It compiles again for sizes that are not multiples of 16.
    """
    return (8, 16) if height * width % 16 == 0 else (9, 9)


@functools.cache
def check(case: Case) -> None:
    """Run every kernel once. Raises DisagreementError, or any error of the compiler."""
    for name, kernel, plain in comparisons(case):
        for result, expected in zip(kernel(), plain(), strict=True):
            largest = (result.float() - expected).abs().max() / expected.abs().max()
            if not largest <= LARGEST_DIFFERENCE[case.dtype]:  # NaN too
                raise DisagreementError(f"{name} differs by {largest:.1e} for {case.channels} channels")


Run = Callable[[], tuple[Tensor, ...]]


def comparisons(case: Case) -> Iterator[tuple[str, Run, Run]]:
    """Name, kernel and plain path, which computes in fp32. Random numbers of the user's generators stay as they are."""
    generator = torch.Generator().manual_seed(0)

    def random(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator).to(case.device, case.dtype)

    def tokens(times: int = 1) -> Tensor:
        return random(case.clips * case.height * case.width, case.frames, times * case.channels)

    x = random(case.clips * case.frames, case.channels, case.height, case.width)
    weight, bias, positions = random(case.channels), random(case.channels), random(case.frames, case.channels)
    yield "the group norm", *group_norms(case, x, weight, bias)
    hidden, added, norm = tokens(), tokens(), LayerNormWeights(weight, bias, 1e-5)
    for given in ((None, positions, None), (added, positions, None), (added, None, bias)):
        yield "the layer norm", *layer_norms(hidden, norm, *given)
    projections = tokens(), tokens(), tokens()
    query, key, value = (each.float() for each in projections)
    yield (
        "attention",
        lambda: (attention(*projections, case.heads),),
        lambda: (plain_attention(query, key, value, case.heads),),
    )
    inner = tokens(8)
    yield "GEGLU", lambda: (geglu(inner.clone()),), lambda: (plain_geglu(inner.float()),)
    for strength in (0.7, random(case.frames, 1, case.height, case.width)):
        yield "the residual", *residuals(case, x, hidden, strength)


def group_norms(case: Case, x: Tensor, weight: Tensor, bias: Tensor) -> tuple[Run, Run]:
    def kernel() -> tuple[Tensor, ...]:
        flat = x.flatten(2)
        statistics = group_statistics(flat, case.groups)
        return (group_norm(flat, case.frames, statistics, weight, bias, 1e-6, case.over_clip),)

    def plain() -> tuple[Tensor, ...]:
        together = case.frames if case.over_clip else 1
        normed = clip_group_norm(x.float(), together, case.groups, weight.float(), bias.float(), 1e-6)
        return (to_pixels(normed, case.frames),)

    return kernel, plain


def layer_norms(
    hidden: Tensor, norm: LayerNormWeights, added: Tensor | None, positions: Tensor | None, next_bias: Tensor | None
) -> tuple[Run, Run]:
    def kernel() -> tuple[Tensor, ...]:
        total = hidden.clone()
        return add_norm(total, added, norm, positions, next_bias), total

    def plain() -> tuple[Tensor, ...]:
        total = hidden if added is None else hidden + added  # rounded, as the kernel stores it
        weights = norm.weight.float(), norm.bias.float()
        normed = functional.layer_norm(total.float(), hidden.shape[-1:], *weights, norm.eps)
        total = total.float() if next_bias is None else total.float() + next_bias.float()
        return normed if positions is None else normed + positions.float(), total

    return kernel, plain


def residuals(case: Case, x: Tensor, motion: Tensor, strength: float | Tensor) -> tuple[Run, Run]:
    def kernel() -> tuple[Tensor, ...]:
        out = torch.empty_like(x)
        add_motion(x, motion, strength, out)
        return (out,)

    def plain() -> tuple[Tensor, ...]:
        moved = from_pixels(motion.float(), x.shape)
        factor = strength.float().repeat(case.clips, 1, 1, 1) if isinstance(strength, Tensor) else strength
        return (x.float() + factor * moved,)

    return kernel, plain


def to_pixels(x: Tensor, frames: int) -> Tensor:
    """(b f) c h w as ((b h w) f c)."""
    return x.unflatten(0, (-1, frames)).permute(0, 3, 4, 1, 2).flatten(0, 2)


def from_pixels(pixels: Tensor, shape: torch.Size) -> Tensor:
    """((b h w) f c) as (b f) c h w, of the given shape."""
    height, width = shape[-2:]
    return pixels.unflatten(0, (-1, height, width)).permute(0, 3, 4, 1, 2).flatten(0, 1)


def plain_attention(query: Tensor, key: Tensor, value: Tensor, heads: int) -> Tensor:
    q, k, v = (each.unflatten(-1, (heads, -1)).transpose(1, 2) for each in (query, key, value))
    weights = torch.softmax(q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5, -1)
    return (weights @ v).transpose(1, 2).flatten(2)


def plain_geglu(x: Tensor) -> Tensor:
    value, gate = x.chunk(2, -1)
    return value * functional.gelu(gate)
