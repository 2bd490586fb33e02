"""FreeInit: sample a clip again from its own low frequencies, so that the next clip is steadier.

Wu et al., "FreeInit: Bridging Initialization Gap in Video Diffusion Models", arXiv 2312.07537. The finished clip gets
the noise of the first round again. Its low frequencies over frames, height and width are kept, and the high ones are
those of fresh noise. From there, the next round begins.

This happens where ComfyUI calls the sampler. So the noise has already been changed by FreeNoise and other nodes, and
every sampler works.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .. import host
from ..errors import MotionError, sentence
from ..sampling.motion_config import clip_frames
from .clip_noise import random_noise

KEY = "animatediff_xl_free_init"
"""Of the settings among the attachments of a MODEL, and of the wrappers."""

ORDER = 4
"""Of the Butterworth filter, as in the paper."""


@dataclass(frozen=True)
class FreeInitSettings:
    rounds: int
    """How often the clip is sampled. 1: as without FreeInit."""
    filter: str
    """A key of FILTERS."""
    spatial: float
    """The highest frequency of the picture that is kept, as a share of the highest there is."""
    temporal: float
    """The highest frequency over frames that is kept, as a share of the highest there is."""
    coarse_to_fine: bool
    """Whether early rounds take fewer steps."""
    sigma: float
    """Of the noise that the finished clip gets. 0: the sampler's first sigma, as in the paper."""
    report: str
    """What the settings do, for the user."""
    on_report: Callable[[str, list[str]], None]
    """Called with a report and its warnings."""


def butterworth(square: Tensor, stop: float) -> Tensor:
    return 1 / (1 + (square / stop**2) ** ORDER)


def gaussian(square: Tensor, stop: float) -> Tensor:
    return torch.exp(-square / (2 * stop**2))


def ideal(square: Tensor, stop: float) -> Tensor:
    return (square <= 2 * stop).to(square)


FILTERS: dict[str, Callable[[Tensor, float], Tensor]] = {
    "butterworth": butterworth,
    "gaussian": gaussian,
    "ideal": ideal,
}
"""Low-pass filters: (squared distance from frequency 0, highest frequency) -> share that is kept."""


def low_pass(settings: FreeInitSettings, shape: tuple[int, int, int]) -> Tensor:
    """The share of each frequency that is kept, (f h w). Frequencies are in the order of torch.fft."""
    frames, height, width = (2 * torch.fft.fftfreq(length, dtype=torch.float64) for length in shape)
    over_time = (frames * settings.spatial / settings.temporal)[:, None, None]
    square = over_time**2 + height[:, None] ** 2 + width**2
    return FILTERS[settings.filter](square, settings.spatial).float()


def mixed(low: Tensor, high: Tensor, share: Tensor) -> Tensor:
    """The low frequencies of clips (... f c h w) with the high ones of others. share: of the low ones, (f h w)."""
    axes = (-4, -2, -1)
    share = share[:, None]
    frequencies = torch.fft.fftn(low, dim=axes) * share + torch.fft.fftn(high, dim=axes) * (1 - share)
    return torch.fft.ifftn(frequencies, dim=axes).real


def next_start(clips: Tensor, noise: Tensor, sigma: float, fresh: Tensor, settings: FreeInitSettings) -> Tensor:
    """The start noise of the next round, of unit variance. All tensors are (clips f c h w).

    clips: finished ones. noise: that of the first round. sigma: of the noise that the clips get again.
    """
    noisy = (clips + sigma * noise) / math.sqrt(1 + sigma**2)
    _, frames, _, height, width = clips.shape
    return mixed(noisy, fresh, low_pass(settings, (frames, height, width)))


def round_steps(steps: int, settings: FreeInitSettings) -> list[int]:
    """The sampler's steps in each round."""
    if not settings.coarse_to_fine:
        return [steps] * settings.rounds
    return [max(1, steps * number // settings.rounds) for number in range(1, settings.rounds + 1)]


def fewer_sigmas(sigmas: Tensor, steps: int) -> Tensor:
    """Sigmas of a run with fewer steps, evenly chosen, with the first and the last."""
    return sigmas[[round(index * (len(sigmas) - 1) / steps) for index in range(steps + 1)]]


# In a MODEL


def add_free_init(model: host.ModelPatcher, settings: FreeInitSettings) -> host.ModelPatcher:
    """A clone of MODEL whose sampling runs have several rounds."""
    changed = model.clone()
    changed.set_attachments(KEY, settings)
    host.wrap(changed, {host.WrappedCall.OUTER_SAMPLE: on_sampling}, KEY)
    return changed


def on_sampling(executor: host.Executor, noise: Tensor, *args: Any, **kw: Any) -> Any:
    """Wrap the sampler in this run only, so that no wrapper of another node is between the rounds and the sampler.

    Raises MotionError for latents that are not a batch of frames, (f c h w).
    """
    guider: Any = executor.class_obj
    if noise.ndim != 4:
        error = MotionError(NEEDS_FRAMES)
        guider.model_patcher.get_attachment(KEY).on_report(error.report(), [])
        raise error
    if not host.in_training():
        host.wrap_run(guider.model_options, {host.WrappedCall.SAMPLER_SAMPLE: on_sampler}, KEY)
    return executor(noise, *args, **kw)


NEEDS_FRAMES = (
    "FreeInit needs latents with one entry for each frame, such as from Empty Latent Frames: set freeinit_rounds to 1 "
    "for video latents, and for video with sound."
)


def on_sampler(
    executor: host.Executor,
    guider: Any,
    sigmas: Tensor,
    extra: dict[str, Any],
    callback: Callable[..., None] | None,
    noise: Tensor,
    latent_image: Tensor,
    *args: Any,
) -> Tensor:
    """Latents (f c h w) of the last round.

    extra: arguments for each prediction. callback: called after each step with its number, denoised latents, noisy
    latents and the number of steps. latent_image: latents that the sampler adds its noise to, often zeros.
    """
    settings: FreeInitSettings = guider.model_patcher.get_attachment(KEY)
    if not noise.any() or not sigmas[0] > sigmas[-1] == 0:
        settings.on_report(settings.report, [sentence(NEEDS_WHOLE_RUN)])
        return executor(guider, sigmas, extra, callback, noise, latent_image, *args)
    steps = round_steps(len(sigmas) - 1, settings)
    renoise, scale = settings.sigma or float(sigmas[0]), host.start_scale(executor.class_obj, guider, sigmas)
    clip = clip_frames(guider.model_patcher) or len(noise)
    first, result, seed = noise, noise, extra["seed"] or 0
    for number, count in enumerate(steps):
        if number:
            finished, earlier, fresh = (
                part.float().cpu().unflatten(0, (-1, clip))
                for part in (result, first, random_noise(seed + number, tuple(noise.shape)))
            )
            start = next_start(finished, earlier, renoise, fresh, settings).flatten(0, 1).to(noise)
            # the sampler adds scale * noise to the latents
            noise = (math.sqrt(1 + float(sigmas[0]) ** 2) * start - latent_image) / scale
        chosen = fewer_sigmas(sigmas, count)
        shown = in_round(callback, sum(steps[:number]), sum(steps))
        result = executor(guider, chosen, in_predictions(extra, chosen), shown, noise, latent_image, *args)
    return result


NEEDS_WHOLE_RUN = (
    "FreeInit samples once here, because it needs a sampler that adds noise and removes all of it: let one sampler run "
    "all steps."
)


def in_round(callback: Callable[..., None] | None, before: int, total: int) -> Callable[..., None] | None:
    """A callback that counts the steps of all rounds. before: steps of earlier rounds."""
    if callback is None:
        return None
    return lambda step, denoised, noisy, _steps: callback(before + step, denoised, noisy, total)


def in_predictions(extra: dict[str, Any], sigmas: Tensor) -> dict[str, Any]:
    """The arguments for each prediction, with the sigmas of a round."""
    options = extra["model_options"]
    own = options["transformer_options"] | {"sample_sigmas": sigmas}
    return extra | {"model_options": options | {"transformer_options": own}}
