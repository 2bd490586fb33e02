"""What is worked out once in a sampling run and then stays on its device.

A step that copies from the host, or asks the device for a number, waits until the device has done all it was given.
"""

from collections.abc import Callable, Hashable
from typing import TypeVar

from .. import host

Made = TypeVar("Made")

RUN = "animatediff_xl_run"
"""Its place in transformer_options, which end with the run."""


class SamplingRun:
    def __init__(self) -> None:
        self._made: dict[Hashable, object] = {}

    def once(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """What `make` gives the first time it is asked for."""
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]  # type: ignore[return-value]


def begin_run(model_options: host.ModelOptions) -> None:
    """model_options: those of a run, not of a MODEL."""
    model_options.setdefault("transformer_options", {})[RUN] = SamplingRun()


def sampling_step(sigma: float, options: host.TransformerOptions) -> float:
    """Which step of the run a noise level belongs to. Packs that sample in parts change the sigmas within a run."""
    sigmas = options["sample_sigmas"]
    # the tensor is kept, so that no other one gets its id
    _, listed = run_of(options).once(("sigmas", id(sigmas)), lambda: (sigmas, sigmas.tolist()))
    return host.sampling_step(sigma, listed)


def run_of(options: host.TransformerOptions) -> SamplingRun:
    """The run that a model call belongs to; one of its own for a call outside of a run."""
    return options.get(RUN) or SamplingRun()
