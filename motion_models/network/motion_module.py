"""The motion module: a temporal transformer that lets the frames of a clip see each other.

One module stands behind every spatial block of the UNet. Inside it each pixel position is a short sequence of frames:
group norm, projection in, two self-attentions over the frames, feed-forward, projection out, residual. It sees neither
the text nor the timestep.

Behind the group norm the pixel positions know nothing of each other, so some rows of the picture are worked on at a
time: the numbers are the same, the memory a fraction, and on a CPU it takes less time. With gradients all rows are one
chunk, which is the plain form of the module.

Reference: Guo et al., "AnimateDiff: Animate Your Personalized Text-to-Image Diffusion Models without Specific Tuning",
arXiv 2307.04725, and the authors' code (guoyww/AnimateDiff, branch sdxl, commit 8d19107). The names of the submodules
are those of the authors' checkpoints, so their files load unmapped.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu

from .. import host
from .group_norm import NormPolicy, clip_norm
from .layers import HoldsWeights, Operations

HEADS = 8  # every published family; the weights do not tell (authors' configs)
GROUPS = 32

CHUNK_ELEMENTS = {"cpu": 2**20}
"""Numbers of a picture's features that are worked on at a time. On a CPU so few that what becomes of them stays in its
cache, and so many that reading the weights costs little beside (figures in benchmarks/README.md)."""
LARGE_CHUNK_ELEMENTS = 2**23
"""On other devices: so many that starting the kernels costs little beside running them."""

WHOLE_TENSORS, CHUNK_TENSORS = 2, 19
"""What is alive at the peak of a module: its input and the normed input; of a chunk three of the block, and GEGLU's 8,
4 and 4 (a test counts)."""


@dataclass(frozen=True)
class MotionShape:
    """What the tensors of a checkpoint say about the model they belong to."""

    down: tuple[tuple[int, ...], ...]
    """Channels of each motion module, level by level, on the way down."""
    up: tuple[tuple[int, ...], ...]
    mid: tuple[int, ...]
    """Channels of the motion module in the middle block: one or none."""
    frame_limit: int
    """Rows of the positional encoding: the longest clip, or window of a clip, the model has positions for."""

    def channels_by_point(self) -> dict[host.InjectionPoint, int]:
        """Channels of the motion modules by the place of the UNet they stand behind: the n-th down, middle, up."""
        paths = {"input": self.down, "middle": (self.mid,), "output": self.up}
        return {
            (path, index): width
            for path, levels in paths.items()
            for index, width in enumerate(width for level in levels for width in level)
        }


def sinusoidal_positions(length: int, channels: int) -> Tensor:
    """The authors' positional encoding, (1 length channels): sine in even channels, cosine in odd ones."""
    position = torch.arange(length, dtype=torch.float32)[:, None]
    frequency = torch.exp(torch.arange(0, channels, 2) * (-math.log(10000.0) / channels))
    table = torch.empty(1, length, channels)
    table[0, :, 0::2] = torch.sin(position * frequency)
    table[0, :, 1::2] = torch.cos(position * frequency)
    return table


def rows_per_chunk(clips: torch.Size, device: torch.device) -> int:
    """Rows of features b f c h w that make a chunk."""
    return max(1, CHUNK_ELEMENTS.get(device.type, LARGE_CHUNK_ELEMENTS) * clips[-2] // clips.numel())


class PositionalEncoding(nn.Module, HoldsWeights):
    pe: Tensor

    def __init__(self, length: int, channels: int, **factory):
        super().__init__()
        self.register_buffer("pe", torch.empty(1, length, channels, **factory))

    def hold(self, x: Tensor) -> None:
        # the host does not always move buffers to the device of the weights
        self.held = host.CastWeights(host.moved(self.pe, x.device, x.dtype), None)

    def forward(self, x: Tensor) -> Tensor:
        table = self.pe.to(x) if self.held is None else self.held.weight
        return x + table[:, : x.shape[1]]


class TemporalAttention(nn.Module):
    """Self-attention over the frames of one pixel position. The positions are added to queries, keys and values."""

    def __init__(self, channels: int, frame_limit: int, operations: Operations, **factory):
        super().__init__()
        self.pos_encoder = PositionalEncoding(frame_limit, channels, **factory)
        self.to_q = operations.Linear(channels, channels, bias=False, **factory)
        self.to_k = operations.Linear(channels, channels, bias=False, **factory)
        self.to_v = operations.Linear(channels, channels, bias=False, **factory)
        self.to_out = nn.ModuleList([operations.Linear(channels, channels, **factory)])

    def forward(self, x: Tensor) -> Tensor:
        """x: (pixels, f, c)."""
        x = self.pos_encoder(x)
        return self.to_out[0](host.attention(self.to_q(x), self.to_k(x), self.to_v(x), heads=HEADS))


class GEGLU(nn.Module):
    def __init__(self, channels: int, operations: Operations, **factory):
        super().__init__()
        self.proj = operations.Linear(channels, 8 * channels, **factory)

    def forward(self, x: Tensor) -> Tensor:
        value, gate = self.proj(x).chunk(2, dim=-1)
        return value * gelu(gate)


class FeedForward(nn.Module):
    def __init__(self, channels: int, operations: Operations, **factory):
        super().__init__()
        # the empty slot is the authors' dropout: it has no weights but counts in the key names
        self.net = nn.Sequential(
            GEGLU(channels, operations, **factory), nn.Identity(), operations.Linear(4 * channels, channels, **factory)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)


class TemporalBlock(nn.Module):
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
            x = x + attention(norm(x))
        return x + self.ff(self.ff_norm(x))


class TemporalTransformer(nn.Module):
    def __init__(self, channels: int, frame_limit: int, operations: Operations, **factory):
        super().__init__()
        self.norm = operations.GroupNorm(GROUPS, channels, eps=1e-6, **factory)
        self.proj_in = operations.Linear(channels, channels, **factory)
        self.transformer_blocks = nn.ModuleList([TemporalBlock(channels, frame_limit, operations, **factory)])
        self.proj_out = operations.Linear(channels, channels, **factory)
        self.weight_holders = [layer for layer in self.modules() if isinstance(layer, HoldsWeights)]

    def forward(self, x: Tensor, frames: int, norm_over_clip: bool) -> Tensor:
        """The motion to be added to x, (b f) c h w in and out.

        norm_over_clip: the group norm takes its statistics over the whole clip instead of over each frame.
        """
        normed = clip_norm(self.norm, x, frames) if norm_over_clip else self.norm(x)
        clips = normed.unflatten(0, (-1, frames))
        if torch.is_grad_enabled():
            return self.temporal_forward(clips).flatten(0, 1)
        try:
            for layer in self.weight_holders:
                layer.hold(x)
            for rows in clips.split(rows_per_chunk(clips.shape, x.device), dim=-2):
                rows.copy_(self.temporal_forward(rows))
        finally:
            for layer in self.weight_holders:
                layer.release()
        return normed

    def temporal_forward(self, clips: Tensor) -> Tensor:
        """b f c h w in and out. What happens behind the norm, where each pixel position is by itself."""
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

    def forward(self, x: Tensor, frames: int, norm_over_clip: bool, strength: float | Tensor = 1.0) -> Tensor:
        """x: (b f) c h w, the frames of a clip behind one another; same shape out.

        strength: of the motion that is added; a number, or (1, f or (b f)) 1 (1 or h) (1 or w).
        """
        motion = self.temporal_transformer(x, frames, norm_over_clip)
        if not isinstance(strength, Tensor):
            return torch.add(x, motion, alpha=strength, out=None if torch.is_grad_enabled() else motion)
        clips = (-1, len(strength))
        return torch.addcmul(x.unflatten(0, clips), motion.unflatten(0, clips), strength).flatten(0, 1)


class MotionLevel(nn.Module):
    def __init__(self, channels: tuple[int, ...], frame_limit: int, operations: Operations, **factory):
        super().__init__()
        self.motion_modules = nn.ModuleList(
            MotionModule(width, frame_limit, operations, **factory) for width in channels
        )


class MotionModel(nn.Module):
    """All motion modules of one checkpoint. Weights are uninitialised until a state dict is loaded.

    operations: the host's layer classes (they know how to cast and to offload).
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
        """Numbers that live at once, at most, while a motion module runs on so many frames of latents.

        The peak is in the feed-forward of the first level, whose hidden layer is eight times as wide as the picture's
        features.
        """
        whole = torch.Size((frames, self.shape.down[0][0], height, width))
        rows = min(height, rows_per_chunk(whole, device))
        return WHOLE_TENSORS * whole.numel() + CHUNK_TENSORS * whole.numel() * rows // height
