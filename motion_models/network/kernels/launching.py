"""Starts a kernel on the device of its tensors."""

from typing import Any

import torch
from torch import Tensor


def launch(kernel: Any, grid: tuple[int, ...], x: Tensor, *arguments: Any, **constants: Any) -> None:
    """Start `kernel` for x and further arguments. Triton alone would use the current device."""
    with torch.cuda.device_of(x):
        kernel[grid](x, *arguments, **constants)


def padded(size: int, least: int = 1) -> int:
    """The next power of two. Tiles of a kernel have such sides."""
    return max(least, 1 << (size - 1).bit_length())


def blocks(size: int, block: int) -> int:
    """Blocks that cover `size`."""
    return -(-size // block)
