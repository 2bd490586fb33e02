"""The start noise of a clip: how much the frames have in common, and which seed each frame has.

Every kind gives noise of unit variance. The model was trained on independent noise, so the more the frames share, the
steadier and the less moving is the clip. Noise that a sampler adds in its steps, as ancestral samplers do, stays as it
is.

Shared and progressive noise are the mixed and progressive noise of Ge et al., "Preserve Your Own Correlation",
arXiv 2305.10474.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .. import host
from ..errors import MotionError
from ..sampling.motion_config import clip_frames, log_warnings


@dataclass(frozen=True)
class ClipNoiseSettings:
    """The settings of a MODEL's start noise, as stored in its attachments."""

    kind: str
    """A key of KINDS."""
    share: float
    """Weight of the noise that frames have in common, next to a weight of 1 for their own."""
    seed_step: int
    """Added to the seed, from frame to frame or from one end of the clip to the other: 1 to 2**31.

    After 2**32 seeds, torch has the same noise again on the CPU.
    """
    on_report: Callable[[str, list[str]], None] = log_warnings
    """Called with the message of an error."""

    @property
    def is_neutral(self) -> bool:
        """Whether it leaves the noise as it is."""
        return self.kind == INDEPENDENT or (self.kind in KINDS_WITH_SHARE and not self.share)


def random_noise(seed: int, shape: tuple[int, ...]) -> Tensor:
    """The noise that ComfyUI makes for latents of a shape, on the CPU in fp32."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed % SEEDS))


SEEDS = 2**64
"""The number of seeds. The one after the last is 0."""
COMMON_SEED = 0x9E3779B97F4A7C15
"""Distance from the seed of a run to that of the common noise: large, so that no frame has that seed too."""

# Kinds of noise: (noise of the clips (n f c h w), settings, seed) -> noise of the same shape


def independent(noise: Tensor, settings: ClipNoiseSettings, seed: int) -> Tensor:
    """ComfyUI's own."""
    return noise


def shared(noise: Tensor, settings: ClipNoiseSettings, seed: int) -> Tensor:
    """All frames of a clip share a part of their noise."""
    common = random_noise(seed + COMMON_SEED, (len(noise), 1, *noise.shape[2:])).to(noise)
    return (settings.share * common + noise) / math.hypot(1, settings.share)


def progressive(noise: Tensor, settings: ClipNoiseSettings, seed: int) -> Tensor:
    """Each frame shares a part of its noise with the frame before."""
    frames = list(noise.unbind(1))
    for index in range(1, len(frames)):
        frames[index] = (settings.share * frames[index - 1] + frames[index]) / math.hypot(1, settings.share)
    return torch.stack(frames, dim=1)


def one_seed_a_frame(noise: Tensor, settings: ClipNoiseSettings, seed: int) -> Tensor:
    """Frame f has the noise of a single picture with the seed `seed + f * seed_step`. Clips count on.

    So do Stable Diffusion web UI and its AnimateDiff extension with noise from the CPU, and a step of 1.
    """
    seeds = (seed + frame * settings.seed_step for frame in range(noise.shape[0] * noise.shape[1]))
    return torch.cat([random_noise(each, (1, *noise.shape[2:])) for each in seeds]).to(noise).view(noise.shape)


def travel(noise: Tensor, settings: ClipNoiseSettings, seed: int) -> Tensor:
    """From the noise of a seed to that of `seed + seed_step`. The next clip goes on from there.

    Between two independent noises, the angle of the spherical interpolation is a right angle.
    """
    clips, frames = noise.shape[:2]
    ends = torch.cat([random_noise(seed + end * settings.seed_step, (1, *noise.shape[2:])) for end in range(clips + 1)])
    angle = torch.linspace(0, math.pi / 2, frames, dtype=torch.float64)[:, None, None, None]
    return (angle.cos() * ends[:-1, None] + angle.sin() * ends[1:, None]).to(noise)


INDEPENDENT, PROGRESSIVE = "independent", "progressive"
KINDS: dict[str, Callable[[Tensor, ClipNoiseSettings, int], Tensor]] = {
    INDEPENDENT: independent,
    "shared": shared,
    PROGRESSIVE: progressive,
    "one seed a frame": one_seed_a_frame,
    "travel": travel,
}
KINDS_WITH_SHARE = ("shared", PROGRESSIVE)
"""The kinds that use `share`."""

# In a MODEL


def set_clip_noise(model: host.ModelPatcher, settings: ClipNoiseSettings) -> host.ModelPatcher:
    """A clone of MODEL that samples clips from this noise. Raises MotionError if MODEL has such settings already."""
    if model.get_attachment(host.NOISE_KEY):
        raise MotionError(
            "This MODEL has noise from two AnimateDiff Clip Noise nodes, and only one of them can work: remove one."
        )
    changed = model.clone()
    changed.set_attachments(host.NOISE_KEY, settings)
    host.wrap(changed, WRAPPERS, host.NOISE_KEY)
    return changed


def on_sampling(executor: host.Executor, noise: Tensor, *args: Any, **kw: Any) -> Any:
    guider: Any = executor.class_obj
    settings: Any = guider.model_patcher.get_attachment(host.NOISE_KEY)
    if settings is None or settings.is_neutral:
        return executor(noise, *args, **kw)
    try:
        check_run(noise, guider.model_options)
    except MotionError as error:
        settings.on_report(error.report(), [])
        raise
    clip = clip_frames(guider.model_patcher) or len(noise)
    # a sampler that goes on from an earlier one adds no noise, and a motion model refuses incomplete clips
    if noise.any() and len(noise) % clip == 0:
        clips = noise.unflatten(0, (-1, clip))
        noise = KINDS[settings.kind](clips, settings, host.run_seed(args, kw)).flatten(0, 1)
    return executor(noise, *args, **kw)


def check_run(noise: Tensor, options: host.ModelOptions) -> None:
    """Raises MotionError for latents that are not a batch of frames, (f c h w), and beside FreeNoise."""
    if noise.ndim != 4:
        raise MotionError(
            "AnimateDiff Clip Noise needs latents with one entry for each frame, such as from Empty Latent Frames: "
            "remove it for video latents, and for video with sound."
        )
    if host.reuses_noise(options):
        raise MotionError(
            "AnimateDiff Clip Noise and freenoise of the context windows both set the noise of the frames: turn "
            "freenoise off, or remove AnimateDiff Clip Noise."
        )


WRAPPERS = {host.WrappedCall.OUTER_SAMPLE: on_sampling}
