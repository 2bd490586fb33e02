"""The host's layers, with weights that stay while a motion module runs in chunks.

A layer of the host asks for its weights in each call. Where they are not resident, that moves them over the bus and
adds the MotionLoRAs to them, so a module that runs in chunks asks once for all of its chunks.
"""

from typing import Protocol

from torch import Tensor, nn
from torch.nn.functional import layer_norm, linear

from .. import host


class Operations(Protocol):
    """Where classes of layers come from: this module, or torch.nn."""

    @property
    def Linear(self) -> type[nn.Linear]: ...  # noqa: N802 - a class

    @property
    def LayerNorm(self) -> type[nn.LayerNorm]: ...  # noqa: N802

    @property
    def GroupNorm(self) -> type[nn.GroupNorm]: ...  # noqa: N802


GroupNorm = host.operations.GroupNorm


class HoldsWeights:
    """A layer that can keep the weights it was given, until it is told to release them."""

    held: host.CastWeights | None = None

    def hold(self, x: Tensor) -> None:
        """Ask for the weights as they are used on x."""
        self.held = host.cast_weights(self, x)

    def release(self) -> None:
        if self.held is not None:
            host.release_weights(self, self.held)
            self.held = None


class Linear(host.operations.Linear, HoldsWeights):
    def forward(self, x: Tensor) -> Tensor:
        if self.held is None:
            return super().forward(x)
        return linear(x, self.held.weight, self.held.bias)


class LayerNorm(host.operations.LayerNorm, HoldsWeights):
    def forward(self, x: Tensor) -> Tensor:
        if self.held is None:
            return super().forward(x)
        return layer_norm(x, self.normalized_shape, self.held.weight, self.held.bias, self.eps)
