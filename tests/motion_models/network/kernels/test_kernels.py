"""Each kernel in Triton's interpreter against torch's operations."""

from collections.abc import Iterator

import pytest
import torch
from animatediff_xl.motion_models.network.kernels import checks

from tests.interpreter import products_of_bfloat16

FRAMES = (1, 2, 7, 8, 16, 24, 32, 64)
CPU = torch.device("cpu")
ROUNDING = {torch.float16: 2**-11, torch.bfloat16: 2**-8}


@pytest.fixture(autouse=True)
def interpreter() -> Iterator[None]:
    with products_of_bfloat16():
        yield


@pytest.mark.parametrize("frames", FRAMES)
@pytest.mark.parametrize(
    "dtype, over_clip",
    [(torch.float32, True), (torch.float32, False), (torch.float16, True), (torch.bfloat16, False)],
    ids=["fp32 clip", "fp32 frame", "fp16 clip", "bf16 frame"],
)
def test_every_kernel_equals_the_plain_path(frames: int, dtype: torch.dtype, over_clip: bool) -> None:
    """Of odd sizes. In half precision as exact as its rounding allows."""
    checks.check.__wrapped__(checks.Case(CPU, dtype, 12, frames, 2, 2, over_clip, 1, 3))
