"""A step cache: predictions that can be extrapolated from earlier ones are not computed.

A guider asks for the denoised latents of the whole clip in each step. The cache answers at this place, so a step is
skipped for all context windows and both sides of the guidance at once. ComfyUI's EasyCache compares single model calls,
which under context windows are different parts of the clip.

The denoised latents change smoothly with sigma. So a skipped prediction is the line through the last two computed ones.
Each computed prediction shows the error that the line would have had there. As in Newton's interpolation formula, the
error grows with the product of the distances to both known predictions, here in log sigma.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from .. import host
from ..errors import MotionError, sentence

KEY = "animatediff_xl_step_cache"
"""Of the settings among the attachments of a MODEL, and of the wrappers."""

LONGEST = 3.0
"""How far a line may be continued, in distances of the two predictions that define it."""


@dataclass(frozen=True)
class StepCacheSettings:
    threshold: float
    """Predictions are skipped while the estimated sum of their errors is smaller, relative to the noise."""
    start_percent: float
    """First point of the denoising that may be skipped. 0 is the noisiest step, 1 the end."""
    end_percent: float
    on_report: Callable[[str, list[str]], None]
    """Called with a report and its warnings after each run, and with the message of an error."""


@dataclass(frozen=True)
class Prediction:
    sigma: float
    denoised: Tensor


class PredictionLine:
    """The line through the last two computed predictions of a run, and an estimate of its error."""

    def __init__(self) -> None:
        self._known: list[Prediction] = []
        self._error_rate = math.nan

    def can_continue_to(self, sigma: float) -> bool:
        if len(self._known) < 2 or any(sigma == one.sigma for one in self._known):
            return False
        return abs(self._position(sigma)) <= LONGEST

    def at(self, sigma: float) -> Tensor:
        earlier, last = self._known
        return last.denoised + self._position(sigma) * (last.denoised - earlier.denoised)

    def error_at(self, sigma: float) -> float:
        """The estimated error at a sigma, relative to the noise there. NaN before the first three predictions."""
        return self._error_rate * self._distances(sigma)

    def add(self, sigma: float, denoised: Tensor) -> None:
        """Learn a computed prediction, (f c h w)."""
        if self.can_continue_to(sigma):
            error = largest_change(denoised - self.at(sigma)) / sigma
            self._error_rate = error / self._distances(sigma)
        # a copy, because samplers may change what they get
        known = [one for one in self._known if one.sigma != sigma]
        self._known = [*known[-1:], Prediction(sigma, denoised.clone())]

    def _position(self, sigma: float) -> float:
        """0 is at the last computed prediction. Positive positions continue the line beyond it."""
        earlier, last = self._known
        return (sigma - last.sigma) / (last.sigma - earlier.sigma)

    def _distances(self, sigma: float) -> float:
        return math.prod(abs(math.log(sigma / one.sigma)) for one in self._known)


def largest_change(difference: Tensor) -> float:
    """The root mean square of a difference (f c h w), of the frame with the largest."""
    return float(difference.square().flatten(1).mean(1).sqrt().max())


class StepCache:
    """The step cache of one sampling run. It wraps the guider's predictions."""

    def __init__(self, settings: StepCacheSettings, model_sampling: Any, start: float):
        """start: the first sigma of the run."""
        self._threshold, self._start = settings.threshold, start
        self._first_sigma = model_sampling.percent_to_sigma(settings.start_percent)
        self._last_sigma = model_sampling.percent_to_sigma(settings.end_percent)
        self._line, self._error = PredictionLine(), 0.0
        self.calls = self.skipped = 0
        self.needs_all = False
        """Whether the sampler reads more of a prediction than the denoised latents."""

    def on_prediction(
        self, executor: host.Executor, x: Tensor, timestep: Tensor, model_options: host.ModelOptions, *args: Any
    ) -> Tensor:
        """x: noisy latents (f c h w). Returns denoised ones. timestep: the sigma of each frame."""
        sigma = float(timestep.flatten()[0])
        guider: Any = executor.class_obj
        self.needs_all = host.reads_both_sides(model_options, guider.model_options)
        self.calls += 1
        if sigma == self._start:  # FreeInit starts several times in a run
            self._line = PredictionLine()
        if self._can_skip(sigma):
            self.skipped += 1
            return self._line.at(sigma)
        denoised = executor(x, timestep, model_options, *args)
        self._error = 0.0
        if sigma > 0:
            self._line.add(sigma, denoised)
        return denoised

    def _can_skip(self, sigma: float) -> bool:
        if self.needs_all or not self._last_sigma <= sigma <= self._first_sigma:
            return False
        if sigma <= 0 or not self._line.can_continue_to(sigma):
            return False
        self._error += self._line.error_at(sigma)
        return self._error < self._threshold

    def report(self, steps: int) -> str:
        counts = sentence(
            "Skipped {skipped} of {calls} predictions in {steps} steps.",
            skipped=self.skipped,
            calls=self.calls,
            steps=steps,
        )
        return f"{counts}\n{sentence(NONE_SKIPPED)}" if self._threshold and not self.skipped else counts


# In a MODEL


def add_step_cache(model: host.ModelPatcher, settings: StepCacheSettings) -> host.ModelPatcher:
    """A clone of MODEL with a step cache. Raises MotionError if MODEL has one already."""
    if model.get_attachment(KEY) or host.has_step_cache(model.model_options):
        raise MotionError(TWO_CACHES)
    if settings.start_percent >= settings.end_percent:
        raise MotionError(
            "start_percent is {start}, but end_percent is {end}: set end_percent to more than start_percent.",
            start=settings.start_percent,
            end=settings.end_percent,
        )
    cached = model.clone()
    cached.set_attachments(KEY, settings)
    host.wrap(cached, {host.WrappedCall.OUTER_SAMPLE: on_sampling}, KEY)
    return cached


TWO_CACHES = (
    "This MODEL has two step caches, and only one of them can work: remove one of the nodes AnimateDiff Step Cache, "
    "EasyCache and LazyCache."
)


def on_sampling(executor: host.Executor, noise: Tensor, *args: Any, **kw: Any) -> Any:
    """Sample with a cache that exists only in this run, and report what it skipped."""
    guider: Any = executor.class_obj
    settings: StepCacheSettings = guider.model_patcher.get_attachment(KEY)
    if host.in_training():
        return executor(noise, *args, **kw)
    if host.has_step_cache(guider.model_options):
        error = MotionError(TWO_CACHES)
        settings.on_report(error.report(), [])
        raise error
    sigmas = host.sampling_argument("sigmas", args, kw)
    cache = StepCache(settings, guider.model_patcher.get_model_object("model_sampling"), float(sigmas[0]))
    host.wrap_run(guider.model_options, {host.WrappedCall.PREDICT_NOISE: cache.on_prediction}, KEY)
    result = executor(noise, *args, **kw)
    settings.on_report(cache.report(len(sigmas) - 1), [sentence(NEEDS_ALL)] if cache.needs_all else [])
    return result


NONE_SKIPPED = (
    "The first three predictions are always computed. To skip some of the others, use more steps or a higher threshold."
)
NEEDS_ALL = (
    "This sampler needs both sides of the guidance in every step, so nothing can be skipped: choose a sampler without "
    "cfg_pp in its name."
)
