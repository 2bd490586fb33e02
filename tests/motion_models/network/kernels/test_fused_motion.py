"""Motion modules with kernels, in Triton's interpreter, against the plain path."""

import pytest
import torch
from animatediff_xl.motion_models.files.loading import MotionFile
from animatediff_xl.motion_models.network import layers, motion_module
from animatediff_xl.motion_models.network.chunks import rows_per_chunk
from animatediff_xl.motion_models.network.kernels import (
    add_motion,
    add_norm,
    attention,
    geglu,
    group_norm,
    group_statistics,
)
from animatediff_xl.motion_models.network.low_rank import LowRank
from animatediff_xl.motion_models.network.motion_module import FrameWindows, MotionModule
from animatediff_xl.motion_models.network.temporal_options import positions_set, sharpened
from animatediff_xl.motion_models.sampling.apply import AUTO_BETA_SCHEDULE, apply_motion_model
from torch import Tensor

from tests.counting import PeakBytes
from tests.interpreter import kernels_on_cpu
from tests.motion_models.conftest import SETTINGS
from tests.sampling import sample
from tests.small import Pair, random_vectors

CHANNELS = 32


def small_module(frame_limit: int = 8) -> MotionModule:
    torch.manual_seed(0)
    source = MotionModule(CHANNELS, frame_limit, torch.nn)
    for tensor in (*source.parameters(), *source.buffers()):
        torch.nn.init.normal_(tensor, std=0.2)
    random_vectors(source)
    module = MotionModule(CHANNELS, frame_limit, layers)
    module.load_state_dict(source.state_dict())
    return module


def features(frames: int, height: int = 1, width: int = 3, clips: int = 2) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(clips * frames, CHANNELS, height, width, generator=generator)


def assert_kernels_equal_plain(module: MotionModule, x: Tensor, *args, largest: float = 2e-6) -> None:
    with torch.no_grad():
        plain = module(x, *args)
        with kernels_on_cpu() as switch:
            fused = module(x, *args)
    assert switch.failure is None and switch.has_run
    assert fused.stride() == x.stride()
    assert (fused - plain).abs().max() <= largest * plain.abs().max()


STRENGTHS = {
    "number": -0.7,
    "each frame": torch.rand(4, 1, 1, 1),
    "mask": torch.rand(1, 1, 2, 3),
    "masks of all clips": torch.rand(8, 1, 2, 3),
}


@pytest.mark.parametrize("strength", STRENGTHS.values(), ids=STRENGTHS)
def test_a_module_with_kernels_equals_the_plain_path(strength: float | Tensor) -> None:
    assert_kernels_equal_plain(small_module(), features(4, 2), 4, True, strength)


@pytest.mark.parametrize("layout", ["channels last", "transposed", "part of a batch"])
def test_kernels_read_features_of_any_layout(layout: str) -> None:
    x = features(2, 2, 3)
    if layout == "channels last":
        x = x.to(memory_format=torch.channels_last)
    elif layout == "transposed":
        x = x.transpose(2, 3)
    else:
        x = torch.cat([x, x], 1)[:, :CHANNELS]
    module = small_module()
    with torch.no_grad(), kernels_on_cpu():
        fused = module(x, 2, False)
    with torch.no_grad():
        plain = module(x.contiguous(), 2, False)
    assert (fused - plain).abs().max() <= 2e-6 * plain.abs().max()


def test_kernels_in_chunks_equal_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    module, x = small_module(), features(2, 5, 3)
    monkeypatch.setattr("animatediff_xl.motion_models.network.chunks.CPU_CHUNK_ELEMENTS", 2 * CHANNELS * 2 * 3 * 2)
    assert rows_per_chunk(torch.Size((2, 2, *x.shape[1:])), x.device) == 2
    assert_kernels_equal_plain(module, x, 2, True, torch.rand(1, 1, 5, 3))


@pytest.mark.parametrize(
    "path", ["attention_blocks.0.to_q", "attention_blocks.1.to_out.0", "ff.net.0.proj", "ff.net.2"]
)
def test_kernels_run_with_a_scheduled_lora(path: str) -> None:
    """Its layers change the output of a projection. Each frame has its own strength."""
    module, x = small_module(), features(2)
    path = f"temporal_transformer.transformer_blocks.0.{path}"
    layer = module.get_submodule(path)
    low_rank = LowRank({path: (layer.in_features, 4, layer.out_features)}, layers)
    sizes = {"down.0.weight": (4, layer.in_features), "up.0.weight": (layer.out_features, 4)}
    low_rank.load_state_dict({key: torch.randn(size) for key, size in sizes.items()})
    with torch.no_grad():
        without = module(x, 2, True)
    with low_rank.hooks(module, torch.rand(1, 2)):
        assert_kernels_equal_plain(module, x, 2, True)
        with torch.no_grad():
            assert not torch.allclose(module(x, 2, True), without, atol=1e-3)


def test_kernels_run_with_options_of_the_attention() -> None:
    module, x = small_module(), features(2)
    with torch.no_grad():
        without = module(x, 2, True)
    with positions_set(module, {CHANNELS: torch.randn(1, 2, CHANNELS)}), sharpened(module, 3.0):
        assert_kernels_equal_plain(module, x, 2, True)
        with torch.no_grad():
            assert not torch.allclose(module(x, 2, True), without, atol=1e-3)


def test_kernels_run_in_windows_of_the_motion_modules() -> None:
    index = torch.tensor([[0, 1], [1, 2]])
    windows = FrameWindows(index, torch.tensor([[1, 0.5], [0.5, 1]])[:, :, None, None, None])
    assert_kernels_equal_plain(small_module(), features(3, clips=1), 3, True, 1.0, windows)


@pytest.mark.parametrize("dtype, factor", [(torch.float16, 1.15), (torch.bfloat16, 3)], ids=["fp16", "bf16"])
def test_kernels_in_half_precision_round_as_the_plain_path(dtype: torch.dtype, factor: float) -> None:
    """The weights of the attention are rounded too. The interpreter cuts the digits of bf16 off."""
    module, x = small_module(), features(7)
    with torch.no_grad():
        exact = module(x, 7, True)
        module, x = module.to(dtype), x.to(dtype)
        plain = (module(x, 7, True) - exact).norm()
        with kernels_on_cpu() as switch:
            fused = (module(x, 7, True) - exact).norm()
    assert switch.has_run
    assert fused <= factor * plain


def test_kernels_need_no_more_memory_than_the_plain_path(monkeypatch: pytest.MonkeyPatch) -> None:
    for kernel in (add_motion, add_norm, attention, geglu, group_norm, group_statistics):
        monkeypatch.setattr(kernel, "launch", lambda *args, **kw: None)  # the interpreter copies tensors
    monkeypatch.setattr(motion_module, "SEPARATE_ON", ())
    module, x = small_module(), features(2, 2)
    with torch.inference_mode():
        with PeakBytes() as plain:
            module(x, 2, False)
        with kernels_on_cpu(), PeakBytes() as fused:
            module(x, 2, False)
    statistics = 2 * len(x) * 32 * 4
    assert fused.peak <= plain.peak + statistics


def test_a_sampled_clip_is_the_same_with_kernels(pair: Pair, motion: MotionFile) -> None:
    model = apply_motion_model(pair.model, motion, SETTINGS, AUTO_BETA_SCHEDULE)
    noise = torch.randn(2, 4, 4, 4)
    plain = sample(model, cfg=1.0, steps=1, noise=noise)
    with kernels_on_cpu() as switch:
        fused = sample(model, cfg=1.0, steps=1, noise=noise)
    assert switch.has_run
    assert (fused - plain).abs().max() <= 1e-5 * plain.abs().max()
    assert (sample(pair.model, cfg=1.0, steps=1, noise=noise) - plain).abs().max() > 1e-2
