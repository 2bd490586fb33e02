"""Which attention runs over few frames."""

from types import SimpleNamespace

import pytest
import torch
from animatediff_xl.motion_models import host
from animatediff_xl.motion_models.host import attention_kernels
from torch.nn.attention import SDPBackend

HALF, FULL = torch.float16, torch.float32
EFFICIENT = SDPBackend.EFFICIENT_ATTENTION


@pytest.mark.parametrize(
    "device, dtype, shape, expected",
    [
        ("cuda", HALF, (64, 16, 320), EFFICIENT),
        ("cuda", HALF, (64, 16, 640), None),
        ("cuda", HALF, (64, 16, 1280), EFFICIENT),
        ("cuda", HALF, (64, 33, 320), None),
        ("cuda", HALF, (2**15 + 1, 16, 320), None),
        ("cuda", FULL, (64, 16, 320), None),
        ("mps", HALF, (64, 16, 320), None),
    ],
)
def test_torchs_kernel_is_chosen_where_it_was_measured_faster(
    device: str, dtype: torch.dtype, shape: tuple[int, ...], expected: SDPBackend | None
) -> None:
    query = SimpleNamespace(device=SimpleNamespace(type=device), dtype=dtype, shape=shape)
    with torch.no_grad():
        assert attention_kernels.fastest_kernel(query, 8) == expected


def test_the_attention_that_the_user_started_with_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    query = SimpleNamespace(device=SimpleNamespace(type="cuda"), dtype=HALF, shape=(64, 16, 320))
    sage, *others = attention_kernels.USES_FUSED_KERNEL
    assert not sage()
    monkeypatch.setattr(attention_kernels, "USES_FUSED_KERNEL", (lambda: True, *others))
    with torch.no_grad():
        assert attention_kernels.fastest_kernel(query, 8) is None


def test_torchs_kernel_gives_the_same_numbers() -> None:
    query, key, value = torch.randn(3, 5, 7, 32)
    expected = host.attention(query, key, value, heads=8)
    result = attention_kernels.torch_attention(query, key, value, 8, EFFICIENT)
    assert result.shape == expected.shape
    assert torch.allclose(result, expected, atol=1e-6)
