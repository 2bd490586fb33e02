"""Options of the temporal attention in one model call: stretched positions, and sharper or softer attention."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor, nn

from .. import host
from .motion_module import MotionModel, PositionalEncoding, TemporalAttention, sinusoidal_positions

LARGEST_ROUNDING = 0.01
"""Of a positional encoding in bf16, in which a file may store it."""


def has_sinusoidal_positions(motion: MotionModel) -> bool:
    """Whether the positional encodings of a motion model are the original ones, which exist between whole numbers."""
    tables = [layer.pe for layer in motion.modules() if isinstance(layer, PositionalEncoding)]
    widths = {table.shape[-1]: sinusoidal_positions(table.shape[1], table.shape[-1]) for table in tables}
    return all((table.float().cpu() - widths[table.shape[-1]]).abs().max() < LARGEST_ROUNDING for table in tables)


def stretched_positions(
    motion: MotionModel, frames: int, stretch: float, device: torch.device, dtype: torch.dtype
) -> dict[int, Tensor]:
    """The positional encoding of a clip, (1 f c), for each width of a motion model."""
    widths = set(motion.shape.channels_by_point().values())
    return {width: host.moved(sinusoidal_positions(frames, width, stretch), device, dtype) for width in widths}


@contextmanager
def positions_set(motion: MotionModel, tables: Mapping[int, Tensor]) -> Iterator[None]:
    """Inside the context, a motion model uses the positional encoding (1 f c) of each width in `tables`."""
    with ExitStack() as restored:
        for layer in motion.modules():
            if isinstance(layer, PositionalEncoding) and tables:
                restored.callback(setattr, layer, "pe", layer.pe)
                layer.pe = tables[layer.pe.shape[-1]]
        yield


@contextmanager
def sharpened(motion: MotionModel, sharpness: float) -> Iterator[None]:
    """Inside the context, the temporal attention is softmax(sharpness * q k / sqrt(d)) v."""

    def scaled(_layer: nn.Module, _inputs: tuple[Tensor, ...], query: Tensor) -> Tensor:
        return query * sharpness

    with ExitStack() as hooks:
        for layer in motion.modules():
            if isinstance(layer, TemporalAttention) and sharpness != 1:
                hooks.callback(layer.to_q.register_forward_hook(scaled).remove)
        yield
