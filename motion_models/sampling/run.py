"""A cache of values that are computed once in a sampling run and then stay on the device.

A sampler step that copies from the CPU, or reads a number from the device, waits until the device has finished.
"""

from collections.abc import Callable, Hashable
from typing import TypeVar

from .. import host

Result = TypeVar("Result")

RUN = "animatediff_xl_run"
"""Key of the cache in transformer_options, which exist only during the run."""


class SamplingRun:
    """The cache of one sampling run."""

    def __init__(self) -> None:
        self._results: dict[Hashable, object] = {}

    def once(self, key: Hashable, compute: Callable[[], Result]) -> Result:
        """The result of `compute`, which is called only the first time."""
        if key not in self._results:
            self._results[key] = compute()
        return self._results[key]  # type: ignore[return-value]


def begin_run(model_options: host.ModelOptions) -> None:
    """Start a new cache. model_options: those of a sampling run, not of a MODEL."""
    model_options.setdefault("transformer_options", {})[RUN] = SamplingRun()


def sampling_step(sigma: float, options: host.TransformerOptions) -> float:
    """The sampler step of a sigma. `sample_sigmas` can change during a run, in packs that sample in several parts."""
    sigmas = options["sample_sigmas"]
    # the tensor is cached too, so that another tensor cannot get the same id
    _, listed = run_of(options).once(("sigmas", id(sigmas)), lambda: (sigmas, sigmas.tolist()))
    return host.sampling_step(sigma, listed)


def run_of(options: host.TransformerOptions) -> SamplingRun:
    """The cache of the run of a model call. A call outside of a run gets a new cache."""
    return options.get(RUN) or SamplingRun()
