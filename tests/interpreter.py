"""Triton's interpreter, which runs kernels on the CPU."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
import triton.language as tl
from animatediff_xl.motion_models.network import motion_module
from animatediff_xl.motion_models.network.kernels import checks, choice
from triton.runtime.interpreter import InterpreterBuilder


@contextmanager
def kernels_on_cpu() -> Iterator[choice.Kernels]:
    """Inside the context, motion modules run as on a GPU: with the kernels, but without self-checks, and in fp32 too.

    Yields their switch.
    """
    switch = choice.Kernels()
    with (
        patch.object(checks, "check"),
        patch.object(choice, "DEVICES", ("cpu",)),
        patch.object(choice, "DTYPES", (*choice.DTYPES, torch.float32)),
        patch.object(motion_module, "kernels", switch),
        patch.object(motion_module, "SEPARATE_ON", ()),
        products_of_bfloat16(),
    ):
        yield switch


@contextmanager
def products_of_bfloat16() -> Iterator[None]:
    """Inside the context, the interpreter multiplies bf16. Triton 3.7 multiplies the bits as if they were integers."""
    original = InterpreterBuilder.create_dot

    def create_dot(self: Any, a: Any, b: Any, *args: Any) -> Any:
        return original(self, exact(a), exact(b), *args)

    with patch.object(InterpreterBuilder, "create_dot", create_dot):
        yield


def exact(handle: Any) -> Any:
    if handle.dtype.scalar != tl.bfloat16:
        return handle
    wide = (handle.data.astype(np.uint32) << 16).view(np.float32)
    return type(handle)(wide, tl.float32)
