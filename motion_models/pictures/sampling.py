"""Sampling a clip with given frames, which stay as they are."""

from typing import Any

import torch
from torch import Tensor

from .. import host

KEY = "animatediff_xl_pictures"
"""Key of the wrapper in a MODEL."""


def with_given_frames(model: host.ModelPatcher) -> host.ModelPatcher:
    """A clone of MODEL that leaves latents with a noise mask of 0 as they are, and sets others free by their mask."""
    changed = host.with_differential_denoising(model)
    host.wrap(changed, {host.WrappedCall.OUTER_SAMPLE: on_sampling}, KEY)
    return changed


def on_sampling(
    executor: host.Executor,
    noise: Tensor,
    latent_image: Tensor,
    sampler: Any,
    sigmas: Tensor,
    denoise_mask: Tensor | None = None,
    *args: Any,
    **kw: Any,
) -> Tensor:
    """Puts the given frames back after a run to the end. Some samplers, such as uni_pc, leave noise in them."""
    ends_without_noise = bool(sigmas[-1] == 0)  # read before the run, because uni_pc writes into the sigmas
    samples = executor(noise, latent_image, sampler, sigmas, denoise_mask, *args, **kw)
    if denoise_mask is None or not ends_without_noise:
        return samples
    return torch.where(denoise_mask.to(samples.device) == 0, latent_image.to(samples), samples)
