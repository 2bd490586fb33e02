"""Group norms over a clip: the same numbers as torch's own on the clip, without a copy in another layout."""

import comfy.ops
import pytest
import torch
from animatediff_xl.motion_models.network.group_norm import clip_group_norm, over_clips
from torch import Tensor, nn

from tests.counting import Writes

FRAMES, GROUPS = 4, 32


def example(dtype: torch.dtype = torch.float32, layout: torch.memory_format = torch.contiguous_format) -> Tensor:
    """Two clips whose frames differ in brightness and contrast, (b f) c h w."""
    x = torch.randn(2 * FRAMES, 64, 6, 5, generator=torch.Generator().manual_seed(0))
    x = x * (1 + torch.arange(2 * FRAMES))[:, None, None, None] + 3
    return x.to(dtype=dtype, memory_format=layout)


def random_norm() -> nn.GroupNorm:
    norm = comfy.ops.manual_cast.GroupNorm(GROUPS, 64, eps=1e-5)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        norm.weight.copy_(torch.randn(64, generator=generator))
        norm.bias.copy_(torch.randn(64, generator=generator))
    return norm


def by_torch(norm: nn.GroupNorm, x: Tensor) -> Tensor:
    clips = x.unflatten(0, (-1, FRAMES)).transpose(1, 2)
    normed = torch.nn.functional.group_norm(clips, GROUPS, norm.weight.to(x), norm.bias.to(x), norm.eps)
    return normed.transpose(1, 2).flatten(0, 1)


LAYOUTS = [torch.contiguous_format, torch.channels_last]


@pytest.mark.parametrize("gradients", [False, True], ids=["", "with gradients"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_norm_over_clips_equals_torchs_group_norm(layout: torch.memory_format, gradients: bool) -> None:
    with torch.inference_mode(not gradients):
        norm, x = random_norm(), example(layout=layout)
        alone = norm(x)
        with over_clips([norm], FRAMES):
            clips = norm(x)
        assert clips.requires_grad == gradients
        assert (clips - by_torch(norm, x)).abs().max() < 5e-6
        assert clips.is_contiguous(memory_format=layout)
        assert (clips - alone).abs().max() > 1
        assert torch.equal(norm(x), alone)


def test_gradients_of_a_norm_over_clips_equal_torchs() -> None:
    with torch.inference_mode(False):
        norm, x, weights = random_norm(), example().requires_grad_(), torch.randn(example().shape)
        with over_clips([norm], FRAMES):
            (ours,) = torch.autograd.grad((norm(x) * weights).sum(), x)
        (theirs,) = torch.autograd.grad((by_torch(norm, x) * weights).sum(), x)
    assert (ours - theirs).abs().max() < 5e-6


def test_a_uniform_frame_is_normed_like_the_others() -> None:
    norm, x = random_norm(), example()
    x[1] = 2.0
    with over_clips([norm], FRAMES):
        assert (norm(x) - by_torch(norm, x)).abs().max() < 5e-6


@pytest.mark.parametrize("ratio", [0, 3, 10])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_errors_stay_near_torchs(dtype: torch.dtype, ratio: int) -> None:
    """Torch rounds only the result. Ours also rounds the centred input. ratio: mean / standard deviation."""
    norm = random_norm()
    x = (torch.randn(2 * FRAMES, 64, 24, 24, generator=torch.Generator().manual_seed(2)) + ratio).to(dtype)
    exact = by_torch(norm, x.double())
    with over_clips([norm], FRAMES):
        ours = norm(x)
    assert ours.dtype == dtype
    error, theirs = ((part.double() - exact).square().mean().sqrt() for part in (ours, by_torch(norm, x)))
    assert error <= 1.5 * theirs


def test_large_fp16_values_do_not_overflow() -> None:
    norm, x = random_norm(), example(torch.float16) * 400  # a variance of 1e7
    with over_clips([norm], FRAMES):
        ours = norm(x)
    assert (ours.double() - by_torch(norm, x.double())).abs().max() < 0.05


@pytest.mark.parametrize(
    "dtype, writers",
    [
        (torch.float32, ["aten.native_group_norm.default", "aten.addcmul.out"]),
        (torch.float16, ["aten.sub.Tensor", "aten.addcmul.out"]),
    ],
)
def test_a_norm_over_clips_writes_only_its_result(dtype: torch.dtype, writers: list[str]) -> None:
    x = example(dtype)
    with Writes() as writes:
        clip_group_norm(x, FRAMES, GROUPS, torch.ones(64), torch.zeros(64), 1e-5)
    assert writes.of_size(x.numel()) == writers


def test_an_error_removes_the_norm_hooks() -> None:
    norm = random_norm()
    with pytest.raises(KeyError), over_clips([norm], FRAMES):
        raise KeyError
    assert not norm._forward_hooks and not norm._forward_pre_hooks
