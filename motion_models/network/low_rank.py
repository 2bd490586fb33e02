"""A LoRA whose strength changes over time: its low-rank product is added to the projections, frame by frame."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from .. import host
from . import layers
from .layers import Operations

TRANSFORMER = "temporal_transformer"
"""What keeps the weights of its layers, those of a LoRA among them, while it runs in chunks."""


class LowRank(nn.Module):
    """The pairs of a LoRA as layers, so that the host loads, counts and offloads them."""

    def __init__(self, sizes: Mapping[str, tuple[int, int, int]], operations: Operations, **factory):
        """sizes: (in, rank, out) by the path of the layer that is changed."""
        super().__init__()
        self.paths = list(sizes)
        self.down = nn.ModuleList(operations.Linear(i, r, bias=False, **factory) for i, r, _ in sizes.values())
        self.up = nn.ModuleList(operations.Linear(r, o, bias=False, **factory) for _, r, o in sizes.values())

    @contextmanager
    def hooks(self, motion: nn.Module, strength: float | Tensor) -> Iterator[None]:
        """While open, each changed layer of `motion` gives out Wx + strength * up(down(x)).

        strength: a number, or for x ((b h w) f c) one for each frame of each clip, (b f); b is 1 if all have the same.
        """
        with ExitStack() as hooks:
            for path, down, up in zip(self.paths, self.down, self.up, strict=True):
                hook = motion.get_submodule(path).register_forward_hook(_added(down, up, strength))
                hooks.callback(hook.remove)
                transformer: Any = motion.get_submodule(path[: path.index(TRANSFORMER) + len(TRANSFORMER)])
                holders: list[nn.Module] = transformer.weight_holders
                holders += [down, up]
                hooks.callback(holders.remove, down)
                hooks.callback(holders.remove, up)
            yield


def _added(down: nn.Module, up: nn.Module, strength: float | Tensor):
    def hook(_layer: nn.Module, inputs: tuple[Tensor], out: Tensor) -> Tensor:
        (x,) = inputs
        if isinstance(strength, Tensor):
            clips = (len(strength), -1)
            of_clips, change = out.unflatten(0, clips), up(down(x)).unflatten(0, clips)
            return torch.addcmul(of_clips, change, strength.to(x)[:, None, :, None]).flatten(0, 1)
        return torch.add(out, up(down(x)), alpha=strength)

    return hook


def new_low_rank(
    adapters: Mapping[str, host.LoraAdapter], dtype: torch.dtype, disable_dynamic: bool = False
) -> host.ModelPatcher:
    """The pairs of a LoRA in the host's care, the alpha of each multiplied into `up`."""
    sizes, weights = {}, {}
    for index, (key, adapter) in enumerate(adapters.items()):
        up, down, alpha = adapter.weights[:3]
        rank = down.shape[0]
        sizes[key.removesuffix(".weight")] = (down.shape[1], rank, up.shape[0])
        weights[f"down.{index}.weight"] = down
        weights[f"up.{index}.weight"] = up * (1.0 if alpha is None else alpha / rank)
    module = LowRank(sizes, layers, device="meta", dtype=dtype)
    return host.new_patcher(module, weights, dtype, disable_dynamic, (new_low_rank, (adapters, dtype)))
