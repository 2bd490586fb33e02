"""Sampling a clip with given frames, which stay as they are."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from .. import host
from ..errors import MotionError

KEY = "animatediff_xl_pictures"
"""Key of the wrapper in a MODEL."""

OnError = Callable[[str, list[str]], None]
"""Called with the message of an error and no warnings, as MotionSettings.on_report."""


def with_given_frames(model: host.ModelPatcher, on_error: OnError) -> host.ModelPatcher:
    """A clone of MODEL that leaves latents with a noise mask of 0 as they are, and sets others free by their mask."""
    changed = host.with_differential_denoising(model)
    host.wrap(changed, {host.WrappedCall.OUTER_SAMPLE: partial(on_sampling, on_error)}, KEY)
    return changed


def on_sampling(
    on_error: OnError,
    executor: host.Executor,
    noise: Tensor,
    latent_image: Tensor,
    sampler: Any,
    sigmas: Tensor,
    denoise_mask: Tensor | None = None,
    *args: Any,
    **kw: Any,
) -> Tensor:
    """Puts the given frames back after a run to the end. Some samplers, such as uni_pc, leave noise in them.

    Raises MotionError for a run that goes on from latents with noise, because the noise would stay in the given frames.
    """
    if denoise_mask is None:
        return executor(noise, latent_image, sampler, sigmas, denoise_mask, *args, **kw)
    is_second_part = sigmas[0] > sigmas[-1] and not noise.count_nonzero()
    if is_second_part and (denoise_mask < 1).any():
        error = MotionError(SECOND_PART)
        on_error(error.report(), [])
        raise error
    ends_without_noise = bool(sigmas[-1] == 0)  # read before the run, because uni_pc writes into the sigmas
    samples = executor(noise, latent_image, sampler, sigmas, denoise_mask, *args, **kw)
    if not ends_without_noise:
        return samples
    return torch.where(denoise_mask.to(samples.device) == 0, latent_image.to(samples), samples)


SECOND_PART = (
    "A clip with given frames cannot be sampled in two parts, because the noise of the first part would stay in them: "
    "sample it in one run, with added noise."
)
