"""A LoRA whose strength changes over frames or sampler steps. Its output is added to that of the projections."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from .. import host
from . import layers
from .layers import Operations

TRANSFORMER = "temporal_transformer"
"""The submodule that holds the weights of its layers while it runs in chunks, including those of a LoRA."""


class LowRank(nn.Module):
    """The pairs of a LoRA as layers, so that ComfyUI loads, counts and offloads them."""

    def __init__(self, sizes: Mapping[str, tuple[int, int, int]], operations: Operations, **factory):
        """sizes: (in, rank, out) of each pair, by the path of the layer that it changes."""
        super().__init__()
        self.paths = list(sizes)
        self.down = nn.ModuleList(operations.Linear(i, r, bias=False, **factory) for i, r, _ in sizes.values())
        self.up = nn.ModuleList(operations.Linear(r, o, bias=False, **factory) for _, r, o in sizes.values())

    @contextmanager
    def hooks(self, network: nn.Module, strength: float | Tensor) -> Iterator[None]:
        """Inside the context, each changed layer of `network` returns Wx + strength * up(down(x)).

        strength: a number, or (b f) with one for each frame of each clip, for x of ((b h w) f c). b is 1 if all clips
        have the same strengths.
        """
        with ExitStack() as hooks:
            for path, down, up in zip(self.paths, self.down, self.up, strict=True):
                hook = network.get_submodule(path).register_forward_hook(_added(down, up, strength))
                hooks.callback(hook.remove)
                if TRANSFORMER not in path:  # a layer of the UNet
                    continue
                transformer: Any = network.get_submodule(path[: path.index(TRANSFORMER) + len(TRANSFORMER)])
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
    """The pairs of a LoRA as a ModelPatcher. The alpha of each pair is multiplied into its `up`."""
    sizes, weights = {}, {}
    for index, (key, adapter) in enumerate(adapters.items()):
        up, down, alpha = adapter.weights[:3]
        rank = down.shape[0]
        sizes[key.removesuffix(".weight")] = (down.shape[1], rank, up.shape[0])
        weights[f"down.{index}.weight"] = down
        weights[f"up.{index}.weight"] = up * (1.0 if alpha is None else alpha / rank)
    module = LowRank(sizes, layers, device="meta", dtype=dtype)
    return host.new_patcher(module, weights, dtype, disable_dynamic, (new_low_rank, (adapters, dtype)))
