"""ComfyUI's layers, which here can keep their cast weights while a motion module runs in chunks.

A layer of ComfyUI fetches its weights in each call. If they are offloaded, a call copies them to the device and adds
the MotionLoRAs. So a motion module fetches its weights once for all of its chunks.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from torch import Tensor, nn
from torch.nn.functional import group_norm, layer_norm, linear

from .. import host


class Operations(Protocol):
    """A module with layer classes: this one, or torch.nn."""

    @property
    def Linear(self) -> type[nn.Linear]: ...  # noqa: N802 - a class

    @property
    def LayerNorm(self) -> type[nn.LayerNorm]: ...  # noqa: N802

    @property
    def GroupNorm(self) -> type[nn.GroupNorm]: ...  # noqa: N802


class HoldsWeights:
    """A layer that can keep its cast weights between `hold` and `release`."""

    held: host.CastWeights | None = None

    def hold(self, x: Tensor) -> None:
        """Fetch the weights on the device and in the dtype of x."""
        self.held = host.cast_weights(self, x)

    def release(self) -> None:
        if self.held is not None:
            host.release_weights(self, self.held)
            self.held = None


@contextmanager
def held_weights(layers: Sequence[HoldsWeights], x: Tensor) -> Iterator[None]:
    """Inside the context, layers keep their weights on the device and in the dtype of x."""
    try:
        for layer in layers:
            layer.hold(x)
        yield
    finally:
        for layer in layers:
            layer.release()


class Linear(host.operations.Linear, HoldsWeights):
    def forward(self, x: Tensor) -> Tensor:
        if self.held is None:
            return super().forward(x)
        # as a matrix, to which torch adds the bias within the product
        return linear(x.flatten(0, -2), self.held.weight, self.held.bias).unflatten(0, x.shape[:-1])

    @property
    def plain_weights(self) -> host.CastWeights | None:
        """The weights, if the layer keeps them and nothing else changes its output, such as a LoRA."""
        return None if self._forward_hooks else self.held


class LayerNorm(host.operations.LayerNorm, HoldsWeights):
    def forward(self, x: Tensor) -> Tensor:
        if self.held is None:
            return super().forward(x)
        return layer_norm(x, self.normalized_shape, self.held.weight, self.held.bias, self.eps)


class GroupNorm(host.operations.GroupNorm, HoldsWeights):
    def forward(self, x: Tensor) -> Tensor:
        if self.held is None:
            return super().forward(x)
        return group_norm(x, self.num_groups, self.held.weight, self.held.bias, self.eps)
