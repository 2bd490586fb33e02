"""One sampling run: its facts, and a cache of values that are computed once and then stay on the device.

A sampler step that copies from the CPU, or reads a number from the device, waits until the device has finished.
"""

import itertools
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TypeVar

from torch import Tensor

from .. import host

Result = TypeVar("Result")

RUN = "animatediff_xl_run"
"""Key of the run in transformer_options, which exist only during the run."""


@dataclass
class SamplingRun:
    latent_size: tuple[int, ...] | None = None
    """Height and width of the latents, or None outside of a run."""
    clip_frames: int | None = None
    """Frames of each clip of the batch. None if no context windows have planned them."""
    noise_mask: Tensor | None = None
    """Of the run, (... h w) for one or all of the latents. None: all may change, or there are no context windows."""
    reference_tokens: dict[Hashable, Tensor] = field(default_factory=dict)
    """What the windows of a prediction read from the reference frame, by layer, condition and clip."""
    has_called_model: bool = False
    """Whether a model call reached the motion modules' wrapper."""
    guiding: frozenset[Hashable] = frozenset()
    """The conditions that the guider steers away from, `host.guiding_conditions`."""
    has_negative_side: bool = False
    """Whether a model call computed one of them."""
    has_missed_motion: bool = False
    """Whether another node made a prediction that cannot reach the motion modules' wrapper."""
    has_skipped_negative: bool = False
    """Whether a prediction with scheduled guidance was made without a negative prompt."""
    step: float = 0.0
    """The sampler step of the last model call."""
    _results: dict[Hashable, object] = field(default_factory=dict)

    def once(self, key: Hashable, compute: Callable[[], Result]) -> Result:
        """The result of `compute`, which is called only the first time."""
        if key not in self._results:
            self._results[key] = compute()
        return self._results[key]  # type: ignore[return-value]

    def mask_of_frames(self, latents: Tensor) -> Tensor | None:
        """The least value of the noise mask in each frame of latents (f c h w), as (f 1 1 1). None without a mask."""
        if self.noise_mask is None:
            return None
        mask = self.noise_mask

        def least() -> Tensor:
            of_each = mask.reshape(-1, mask.shape[-2] * mask.shape[-1]).amin(1)
            of_frames = host.repeated(of_each, len(latents))[:, None, None, None]
            return host.moved(of_frames, latents.device, latents.dtype)

        return self.once(("mask of frames", len(latents), latents.device, latents.dtype), least)


_current: ContextVar[SamplingRun | None] = ContextVar("animatediff_xl_run", default=None)


@contextmanager
def sampling_run(model_options: host.ModelOptions, latent_size: Sequence[int]) -> Iterator[SamplingRun]:
    """Inside the context, model calls share a run. A run that has begun already goes on.

    model_options: those of a sampling run, not of a MODEL. latent_size: height and width of the latents.
    """
    options = model_options.setdefault("transformer_options", {})
    run = options.get(RUN)
    if run is None or run is not _current.get():
        run = options[RUN] = SamplingRun(tuple(latent_size))
    token = _current.set(run)
    try:
        yield run
    finally:
        _current.reset(token)


def is_sampling() -> bool:
    """Whether a MODEL with motion or context windows of this pack is sampling."""
    return _current.get() is not None


def run_of(options: host.TransformerOptions) -> SamplingRun:
    """The run of a model call.

    Some packs call the model with options that they copied before the run, so the options do not always have it. A call
    outside of a run gets a new one.
    """
    return options.get(RUN) or _current.get() or SamplingRun()


def sampling_step(sigma: float, options: host.TransformerOptions) -> float:
    """The sampler step of a sigma. `sample_sigmas` can change during a run, in packs that sample in several parts."""
    run, sigmas = run_of(options), options.get("sample_sigmas")
    if sigmas is None:
        return 0.0
    # the tensor is cached too, so that another tensor cannot get the same id
    _, listed = run.once(("sigmas", id(sigmas)), lambda: (sigmas, sigmas.tolist()))
    run.step = step_of(sigma, listed, run.step)
    return run.step


def step_of(sigma: float, sigmas: Sequence[float], last: float = 0.0) -> float:
    """The position of a sigma in the sigmas of a run, from 0 to the number of steps minus 1.

    Sigmas may fall, rise or repeat. Some samplers use sigmas between two steps, which give fractions. If a sigma fits
    several positions, the nearest to `last` is taken, the step of the call before.
    """
    final = max(0.0, len(sigmas) - 2.0)
    positions = [float(step) for step, listed in enumerate(sigmas[:-1]) if listed == sigma]
    if not positions:
        positions = [
            min(final, step + (sigma - first) / (second - first))
            for step, (first, second) in enumerate(itertools.pairwise(sigmas))
            if min(first, second) < sigma < max(first, second)
        ]
    if not positions:
        begins = not sigmas or abs(sigma - sigmas[0]) < abs(sigma - sigmas[-1])
        positions = [0.0 if begins else final]
    return min(positions, key=lambda position: (abs(position - last), -position))
