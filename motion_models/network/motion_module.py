"""The motion module: a temporal transformer with attention between the frames of a clip.

A motion module follows each spatial block of the UNet. It treats each pixel position as a short sequence of frames:
group norm, projection in, two self-attentions over the frames, feed-forward, projection out, residual. Its input does
not include the text or the timestep.

After the group norm, the pixel positions are independent of each other. So the module runs on chunks of rows. The
result is the same, the memory is a fraction, and it is faster on a CPU. With gradients, all rows are one chunk.

`kernels` computes the same with fewer passes over the memory, where it can. Here is the plain path.

Reference: Guo et al., "AnimateDiff: Animate Your Personalized Text-to-Image Diffusion Models without Specific Tuning",
arXiv 2307.04725, and the original code (guoyww/AnimateDiff, branch sdxl, commit 8d19107). The submodules have the names
of the original checkpoints, so original files load without renaming.
"""

import math
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, linear

from .. import host
from .chunks import CHUNK_TENSORS, in_chunks, rows_per_chunk
from .group_norm import NormPolicy, clip_norm
from .kernels.choice import kernels
from .layers import HoldsWeights, Operations, held_weights

HEADS = 8  # in the configs of every published family; the weights do not show it
GROUPS = 32

WHOLE_TENSORS = 2
"""Tensors in memory at the peak of a module, in the size of its input: the input and the normed input.

Those of a chunk come on top (`CHUNK_TENSORS`). A test counts both.
"""


@dataclass(frozen=True)
class MotionShape:
    """The size of a motion model, as its tensors show it."""

    down: tuple[tuple[int, ...], ...]
    """Channels of each motion module in the down blocks, by level."""
    up: tuple[tuple[int, ...], ...]
    """Channels of each motion module in the up blocks, by level."""
    mid: tuple[int, ...]
    """Channels of the motion module in the middle block: one or none."""
    frame_limit: int
    """Rows of the positional encoding: the most frames in a clip, or in a window of a clip."""

    def channels_by_point(self) -> dict[host.InjectionPoint, int]:
        """Channels of the motion modules by injection point: the n-th one of the down, middle and up blocks."""
        paths = {"input": self.down, "middle": (self.mid,), "output": self.up}
        return {
            (path, index): width
            for path, levels in paths.items()
            for index, width in enumerate(width for level in levels for width in level)
        }


def sinusoidal_positions(length: int, channels: int, stretch: float = 1.0) -> Tensor:
    """The original positional encoding, (1 length channels): sine in even channels, cosine in odd ones.

    stretch: 2 puts a frame between each two of the original positions.
    """
    position = torch.arange(length, dtype=torch.float32)[:, None] / stretch
    frequency = torch.exp(torch.arange(0, channels, 2) * (-math.log(10000.0) / channels))
    table = torch.empty(1, length, channels)
    table[0, :, 0::2] = torch.sin(position * frequency)
    table[0, :, 1::2] = torch.cos(position * frequency)
    return table


@dataclass(frozen=True)
class FrameWindows:
    """Windows of frames that a motion module runs on one by one, while the rest of the UNet sees the whole clip."""

    index: Tensor
    """(w l): for each window, its frames in the clip, each at most once."""
    weights: Tensor
    """(w l 1 1 1). Those of a frame add up to 1."""


class PositionalEncoding(nn.Module, HoldsWeights):
    pe: Tensor

    def __init__(self, length: int, channels: int, **factory):
        super().__init__()
        self.register_buffer("pe", torch.empty(1, length, channels, **factory))

    def hold(self, x: Tensor) -> None:
        # ComfyUI does not always move buffers to the device of the weights
        self.held = host.CastWeights(host.moved(self.pe, x.device, x.dtype), None)

    def forward(self, x: Tensor) -> Tensor:
        """x plus its positions, (pixels f c). It is written over x unless gradients are computed."""
        table = self.pe.to(x) if self.held is None else self.held.weight
        return add_to(x, table[:, : x.shape[1]])


def add_to(total: Tensor, x: Tensor) -> Tensor:
    """total + x. It is written over `total` unless gradients are computed."""
    return total + x if torch.is_grad_enabled() else total.add_(x)


SEPARATE_ON = ("cpu",)
"""Devices on which queries, keys and values are three products.

On an H200, one product takes 0.92 of their time for 1280 channels, and 1.02 for 320. It needs one launch instead of
three. On a CPU it gains nothing, and joining the weights takes up to 8 percent of the time of a small picture.
"""


class TemporalAttention(nn.Module, HoldsWeights):
    """Self-attention over the frames of one pixel position. Queries, keys and values have the positional encoding."""

    def __init__(self, channels: int, frame_limit: int, operations: Operations, **factory):
        super().__init__()
        self.pos_encoder = PositionalEncoding(frame_limit, channels, **factory)
        self.to_q = operations.Linear(channels, channels, bias=False, **factory)
        self.to_k = operations.Linear(channels, channels, bias=False, **factory)
        self.to_v = operations.Linear(channels, channels, bias=False, **factory)
        self.to_out = nn.ModuleList([operations.Linear(channels, channels, **factory)])

    def forward(self, x: Tensor) -> Tensor:
        """x: (pixels, f, c). It is overwritten unless gradients are computed."""
        return self.to_out[0](host.attention(*self.projections(self.pos_encoder(x)), heads=HEADS))

    def hold(self, x: Tensor) -> None:
        layers: tuple[Any, ...] = self.to_q, self.to_k, self.to_v
        weights = [layer.plain_weights for layer in layers]
        if x.device.type not in SEPARATE_ON and all(weights):
            self.held = host.CastWeights(torch.cat([each.weight for each in weights]), None)

    def projections(self, x: Tensor) -> tuple[Tensor, ...]:
        """Queries, keys and values, each (pixels f c), with the same strides."""
        if self.held is None:
            return self.to_q(x), self.to_k(x), self.to_v(x)
        return linear(x, self.held.weight).chunk(3, dim=-1)


class GEGLU(nn.Module):
    proj: Any

    def __init__(self, channels: int, operations: Operations, **factory):
        super().__init__()
        self.proj = operations.Linear(channels, 8 * channels, **factory)

    def forward(self, x: Tensor) -> Tensor:
        weights = self.proj.plain_weights
        if weights is None or weights.bias is None:
            value, gate = self.proj(x).chunk(2, dim=-1)
            return value * gelu(gate)
        # two products, because torch is slow on halves of rows, and their results can be overwritten
        (of_value, of_gate), (value_bias, gate_bias) = weights.weight.chunk(2), weights.bias.chunk(2)
        gate: Any = linear(x, of_gate, gate_bias)
        return linear(x, of_value, value_bias).mul_(torch.ops.aten.gelu_(gate))


class FeedForward(nn.Module):
    net: Any

    def __init__(self, channels: int, operations: Operations, **factory):
        super().__init__()
        # The Identity replaces the original dropout, which has no weights but a number in the keys.
        self.net = nn.Sequential(
            GEGLU(channels, operations, **factory), nn.Identity(), operations.Linear(4 * channels, channels, **factory)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)


class TemporalBlock(nn.Module):
    attention_blocks: Any
    norms: Any

    def __init__(self, channels: int, frame_limit: int, operations: Operations, **factory):
        super().__init__()
        self.attention_blocks = nn.ModuleList(
            TemporalAttention(channels, frame_limit, operations, **factory) for _ in range(2)
        )
        self.norms = nn.ModuleList(operations.LayerNorm(channels, **factory) for _ in range(2))
        self.ff = FeedForward(channels, operations, **factory)
        self.ff_norm = operations.LayerNorm(channels, **factory)

    def forward(self, x: Tensor) -> Tensor:
        for attention, norm in zip(self.attention_blocks, self.norms, strict=True):
            x = add_to(x, attention(norm(x)))
        return add_to(x, self.ff(self.ff_norm(x)))


class TemporalTransformer(nn.Module):
    heads = HEADS

    def __init__(self, channels: int, frame_limit: int, operations: Operations, **factory):
        super().__init__()
        self.channels = channels
        self.norm = operations.GroupNorm(GROUPS, channels, eps=1e-6, **factory)
        self.proj_in = operations.Linear(channels, channels, **factory)
        self.transformer_blocks = nn.ModuleList([TemporalBlock(channels, frame_limit, operations, **factory)])
        self.proj_out = operations.Linear(channels, channels, **factory)
        # parts first, because an attention joins the weights of its layers
        self.weight_holders = [layer for layer in self.modules() if isinstance(layer, HoldsWeights)][::-1]

    def forward(self, x: Tensor, frames: int, norm_over_clip: bool) -> Tensor:
        """The motion to add to x, (b f) c h w in and out.

        norm_over_clip: whether the group norm takes its statistics over the whole clip, not over each frame.
        """
        if torch.is_grad_enabled():
            return self.temporal_forward(self.normed(x, frames, norm_over_clip)).flatten(0, 1)
        motion = kernels.motion(self, x, frames, norm_over_clip)
        if motion is not None:
            return motion
        with self.held_weights(x):
            clips = self.normed(x, frames, norm_over_clip)

            def run(rows: slice) -> None:
                chunk = clips[..., rows, :]
                chunk.copy_(self.temporal_forward(chunk))

            in_chunks(x, frames, run)
        return clips.flatten(0, 1)

    def held_weights(self, x: Tensor) -> AbstractContextManager[None]:
        """Inside the context, all layers keep their weights on the device and in the dtype of x."""
        return held_weights(self.weight_holders, x)

    def normed(self, x: Tensor, frames: int, norm_over_clip: bool) -> Tensor:
        """x (b f) c h w -> b f c h w"""
        normed = clip_norm(self.norm, x, frames) if norm_over_clip else self.norm(x)
        return normed.unflatten(0, (-1, frames))

    def temporal_forward(self, clips: Tensor) -> Tensor:
        """The layers after the norm, which treat each pixel position separately. b f c h w in and out."""
        pixels = clips.permute(0, 3, 4, 1, 2)
        hidden = self.proj_in(pixels.flatten(0, 2))  # (b h w) f c
        for block in self.transformer_blocks:
            hidden = block(hidden)
        return self.proj_out(hidden).view(pixels.shape).permute(0, 3, 4, 1, 2)


class MotionModule(nn.Module):
    def __init__(self, channels: int, frame_limit: int, operations: Operations, **factory):
        super().__init__()
        self.channels = channels
        self.temporal_transformer = TemporalTransformer(channels, frame_limit, operations, **factory)

    def forward(
        self,
        x: Tensor,
        frames: int,
        norm_over_clip: bool,
        strength: float | Tensor = 1.0,
        windows: FrameWindows | None = None,
    ) -> Tensor:
        """x plus its motion. x: (b f) c h w, with the frames of a clip one after another.

        strength: factor of the motion. A number, or (1, f or (b f)) 1 (1 or h) (1 or w).
        """
        if windows is None:
            moved = kernels.motion(self.temporal_transformer, x, frames, norm_over_clip, strength)
            if moved is not None:
                return moved
            motion = self.temporal_transformer(x, frames, norm_over_clip)
        else:
            motion = self.windowed_motion(x.unflatten(0, (-1, frames)), norm_over_clip, windows).flatten(0, 1)
        if not isinstance(strength, Tensor):
            return torch.add(x, motion, alpha=strength, out=None if torch.is_grad_enabled() else motion)
        clips = (-1, len(strength))
        return torch.addcmul(x.unflatten(0, clips), motion.unflatten(0, clips), strength).flatten(0, 1)

    def windowed_motion(self, clips: Tensor, norm_over_clip: bool, windows: FrameWindows) -> Tensor:
        """The weighted sum of the motion of all windows. Each window is a clip of its own. b f c h w in and out."""
        gathered = clips[:, windows.index]
        each = self.temporal_transformer(gathered.flatten(0, 2), gathered.shape[2], norm_over_clip)
        weighted, total = each.view(gathered.shape) * windows.weights, torch.zeros_like(clips)
        for window, frames in enumerate(windows.index):  # index_add_ with repeated frames is not deterministic on CUDA
            total[:, frames] += weighted[:, window]
        return total


class MotionLevel(nn.Module):
    def __init__(self, channels: tuple[int, ...], frame_limit: int, operations: Operations, **factory):
        super().__init__()
        self.motion_modules = nn.ModuleList(
            MotionModule(width, frame_limit, operations, **factory) for width in channels
        )


class MotionModel(nn.Module):
    """All motion modules of one checkpoint. Weights are uninitialised until a state dict is loaded.

    operations: layer classes, such as those of ComfyUI, which cast and offload their weights.
    """

    def __init__(self, shape: MotionShape, norms: NormPolicy, operations: Operations, **factory):
        super().__init__()
        self.shape = shape
        self.norms = norms
        build = (shape.frame_limit, operations)
        self.down_blocks = nn.ModuleList(MotionLevel(level, *build, **factory) for level in shape.down)
        self.up_blocks = nn.ModuleList(MotionLevel(level, *build, **factory) for level in shape.up)
        if shape.mid:
            self.mid_block = MotionLevel(shape.mid, *build, **factory)
        levels = [*self.down_blocks, *([self.mid_block] if shape.mid else []), *self.up_blocks]
        modules = (module for level in levels for module in level.motion_modules)
        self.modules_by_point = dict(zip(shape.channels_by_point(), modules, strict=True))

    def activation_elements(self, frames: int, height: int, width: int, device: torch.device) -> int:
        """The most elements in memory at once while a motion module runs on latents of this size.

        The peak is in the feed-forward of the first level. Its hidden layer has eight times as many channels.
        """
        whole = torch.Size((frames, self.shape.down[0][0], height, width))
        rows = min(height, rows_per_chunk(whole, device))
        return WHOLE_TENSORS * whole.numel() + CHUNK_TENSORS * whole.numel() * rows // height
