"""Gradient checkpointing: activations are computed again in the backward pass, which saves memory for time."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from .. import host
from ..network.motion_module import TemporalTransformer

Method = Callable[..., Any]

PIECES = 4
"""Pieces of a motion module. Behind its group norm, the rows of a picture are independent."""


def whole(method: Method) -> Method:
    return lambda *args, **kw: checkpoint(method, *args, use_reentrant=False, **kw)


def pieces(method: Method) -> Method:
    def in_pieces(clips: Tensor) -> Tensor:
        rows = -(-clips.shape[-2] // PIECES)
        return torch.cat([whole(method)(piece) for piece in clips.split(rows, dim=-2)], dim=-2)

    return in_pieces


Wrapped = dict[type[nn.Module], tuple[str, Callable[[Method], Method]]]
"""(method, its wrapper) by the class of a layer."""

UNET_BLOCKS: Wrapped = {block: ("forward", whole) for block in host.UNET_BLOCKS}

CHECKPOINTING: dict[str, Wrapped] = {
    "on": UNET_BLOCKS | {TemporalTransformer: ("forward", whole)},
    "on, in pieces": UNET_BLOCKS | {TemporalTransformer: ("temporal_forward", pieces)},
    "off": {},
}


@contextmanager
def recomputed(kind: str, networks: Iterable[nn.Module]) -> Iterator[None]:
    """Inside the context, layers of the networks keep only their input. kind: a key of CHECKPOINTING.

    Hooks must stay open until the last backward pass, because the layers run again in it.
    """
    with ExitStack() as stack:
        for layer in (layer for network in networks for layer in network.modules()):
            if type(layer) in CHECKPOINTING[kind]:
                name, wrapper = CHECKPOINTING[kind][type(layer)]
                setattr(layer, name, wrapper(getattr(layer, name)))
                stack.callback(delattr, layer, name)
        yield
