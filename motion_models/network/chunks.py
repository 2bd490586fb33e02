"""Chunks of rows of a picture, on which a motion module runs one after another."""

from collections.abc import Callable

import torch
from torch import Tensor

from .. import host

CPU_CHUNK_ELEMENTS = 2**20
"""Elements of a chunk of features on a CPU.

Its activations must stay in the cache. It must be large enough that reading the weights costs little in comparison.
benchmarks/README.md has the measurements.
"""
CHUNK_ELEMENTS = (2**25, 2**24, 2**23)
"""Elements of a chunk on other devices: the first that takes at most SHARE of the memory.

Launching the kernels must cost little in comparison. On an H200, 2^25 are as fast as the whole, and a module at 64x64
takes half of the time that it takes with 2^23.
"""
SHARE = 1 / 16
CHUNK_TENSORS = 10
"""Tensors of a chunk in memory at the peak: two of the block, and the eight of GEGLU. A test counts them."""
LARGEST_ITEM = 2
"""Bytes of a number in the half precision that GPUs use."""


def chunk_elements(device: torch.device) -> int:
    """Elements of a chunk on a device."""
    if device.type == "cpu":
        return CPU_CHUNK_ELEMENTS
    most = SHARE * host.total_memory() / CHUNK_TENSORS / LARGEST_ITEM
    return next((elements for elements in CHUNK_ELEMENTS if elements <= most), CHUNK_ELEMENTS[-1])


def rows_per_chunk(clips: torch.Size, device: torch.device) -> int:
    """Rows of a chunk, for features of the size b f c h w. The chunks of a picture are about equal."""
    elements, height = clips.numel(), clips[-2]
    chunks = -(-elements // chunk_elements(device))
    return max(1, -(-height // chunks))


def in_chunks(x: Tensor, frames: int, run: Callable[[slice], None]) -> None:
    """Call `run` for chunks of the rows of x, (b f) c h w.

    If a chunk does not fit in the memory, it is tried again in halves. `run` must not change its input before it
    succeeds.
    """
    height, start = x.shape[-2], 0
    rows = rows_per_chunk(torch.Size((len(x) // frames, frames, *x.shape[1:])), x.device)
    while start < height:
        try:
            run(slice(start, min(height, start + rows)))
            start += rows
        except torch.cuda.OutOfMemoryError:
            if rows == 1:
                raise
            rows = -(-rows // 2)
