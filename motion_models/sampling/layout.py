"""The layout of a model call's batch: which latents are the frames of the same clip."""

from dataclasses import dataclass

import torch
from torch import Tensor

from .. import host
from .run import run_of


@dataclass(frozen=True)
class ClipLayout:
    """A batch of latents, ordered as [tile][condition][clip or window][frame].

    The frames of a clip, or of a window of it, see each other. Everything else is computed separately.
    """

    frames: int
    """Frames of a clip, or of a window of it."""
    frame_indices: tuple[int, ...]
    """The frame of the clip for each latent of a condition. One clip's frames, if all clips have the same."""
    conditions: int
    tiles: int
    """Parts of the picture. Other packs put them into the batch to save memory."""

    @property
    def all_frame_indices(self) -> tuple[int, ...]:
        """`frame_indices` for all latents of the batch, or for one clip if all clips have the same."""
        repeats = self.conditions * self.tiles if len(self.frame_indices) > self.frames else 1
        return self.frame_indices * repeats


def clip_layout(batch: int, options: host.TransformerOptions, clip_frames: int) -> ClipLayout:
    """The layout of a batch in a model call.

    options: the call's transformer_options. ComfyUI sets "sigmas" to one value for each latent of a condition, so the
    number of frames does not depend on what other packs put into the batch.
    clip_frames: frames of a clip, if the batch has several. 0: it has one.
    """
    conditions = max(1, len(options.get("cond_or_uncond", ())))
    sigmas = options.get("sigmas")
    latents = batch // conditions  # of one condition
    if sigmas is not None and len(sigmas) > 1 and latents % len(sigmas) == 0:
        latents = len(sigmas)
    tiles = batch // (conditions * latents)
    window = host.window_frames(options)
    if window is None:
        frames = clip_frames if clip_frames and latents % clip_frames == 0 else latents
        return ClipLayout(frames, tuple(range(frames)), conditions, tiles)
    indices = tuple(index % clip_frames if clip_frames else index for index in window)
    return ClipLayout(latents // host.windows_in(options), indices, conditions, tiles)


def side_factor(
    negative_strength: float, layout: ClipLayout, x: Tensor, options: host.TransformerOptions, dtype: torch.dtype
) -> float | Tensor:
    """The factor of the strength in a model call on latents x: one number, or (b f).

    It is `negative_strength` in the negative side of CFG and 1 elsewhere, times the factor of the call.
    """
    run, factor = run_of(options), options.get(host.MOTION_FACTOR, 1.0)
    negative = host.negative_entries(options, run.guiding)
    if negative_strength == 1 or not any(negative):
        return factor
    if all(negative):
        return factor * negative_strength

    def by_latent() -> Tensor:
        factors = torch.tensor([negative_strength if each else 1.0 for each in negative])
        latents = x.shape[0] // (layout.tiles * layout.conditions)
        return host.moved(factors.repeat_interleave(latents).repeat(layout.tiles), x.device, dtype)

    factors = run.once(("side", negative_strength, negative, layout.tiles, len(x), x.device, dtype), by_latent)
    return factor * factors.unflatten(0, (-1, layout.frames))
