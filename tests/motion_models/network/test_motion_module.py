"""One motion module at SDXL's real widths, against diffusers' and against the equations written out."""

import math
from collections import Counter

import comfy.ops
import pytest
import torch
from animatediff_xl.motion_models.files.checkpoints import POSITIONS, tensor_shapes
from animatediff_xl.motion_models.network import chunks, layers, motion_module
from animatediff_xl.motion_models.network.chunks import rows_per_chunk
from animatediff_xl.motion_models.network.group_norm import EACH_FRAME
from animatediff_xl.motion_models.network.layers import HoldsWeights
from animatediff_xl.motion_models.network.low_rank import LowRank
from animatediff_xl.motion_models.network.motion_module import (
    MotionModel,
    MotionModule,
    MotionShape,
    sinusoidal_positions,
)
from diffusers.models.unets.unet_motion_model import AnimateDiffTransformer3D
from einops import rearrange
from torch import Tensor, nn

from tests.counting import PeakBytes, Writes
from tests.small import in_original_format, random_vectors

SDXL_SHAPE = MotionShape(
    down=((320,) * 2, (640,) * 2, (1280,) * 2),
    up=((1280,) * 3, (640,) * 3, (320,) * 3),
    mid=(),
    frame_limit=32,
)


def diffusers_transformer(channels: int) -> AnimateDiffTransformer3D:
    torch.manual_seed(channels)
    transformer = AnimateDiffTransformer3D(
        num_attention_heads=8,
        attention_head_dim=channels // 8,
        in_channels=channels,
        norm_num_groups=32,
        positional_embeddings="sinusoidal",
        num_positional_embeddings=32,
        activation_fn="geglu",
        attention_bias=False,
        cross_attention_dim=None,
    )
    random_vectors(transformer)
    return transformer.eval()


def ours(transformer: AnimateDiffTransformer3D) -> MotionModule:
    prefix = "down_blocks.0.motion_modules.0."
    weights = in_original_format({prefix + key: value for key, value in transformer.state_dict().items()})
    channels = transformer.proj_in.out_features
    module = MotionModule(channels, 32, layers)
    module.load_state_dict({key.removeprefix(prefix): value for key, value in weights.items()})
    return module


def by_the_equations(weights: dict[str, Tensor], x: Tensor, frames: int, joint: bool) -> Tensor:
    """The motion module by its equations, without layer classes or fused attention. x: (b f) c h w, float64."""
    w = {key.removeprefix("temporal_transformer."): value.double() for key, value in weights.items()}
    batch, _, height, width = len(x) // frames, *x.shape[1:]

    def linear(z: Tensor, name: str) -> Tensor:
        return z @ w[f"{name}.weight"].T + w.get(f"{name}.bias", 0)

    def layer_norm(z: Tensor, name: str) -> Tensor:
        centred = z - z.mean(-1, keepdim=True)
        scaled = centred / (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt()
        return scaled * w[f"{name}.weight"] + w[f"{name}.bias"]

    groups = rearrange(x, "(b f) (g c) h w -> b f g c h w", f=frames, g=32)
    over = (1, 3, 4, 5) if joint else (3, 4, 5)
    centred = groups - groups.mean(over, keepdim=True)
    normed = centred / (centred.square().mean(over, keepdim=True) + 1e-6).sqrt()
    y = rearrange(normed, "b f g c h w -> (b h w) f (g c)") * w["norm.weight"] + w["norm.bias"]

    y = linear(y, "proj_in")
    block = "transformer_blocks.0"
    for i in range(2):
        attention = f"{block}.attention_blocks.{i}"
        z = layer_norm(y, f"{block}.norms.{i}") + w[f"{attention}.pos_encoder.pe"][:, :frames]
        q, k, v = (rearrange(linear(z, f"{attention}.to_{n}"), "p f (h d) -> p h f d", h=8) for n in "qkv")
        scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
        seen = torch.softmax(scores, -1) @ v
        y = y + linear(rearrange(seen, "p h f d -> p f (h d)"), f"{attention}.to_out.0")
    value, gate = linear(layer_norm(y, f"{block}.ff_norm"), f"{block}.ff.net.0.proj").chunk(2, -1)
    y = y + linear(value * 0.5 * gate * (1 + torch.erf(gate / math.sqrt(2))), f"{block}.ff.net.2")
    return x + rearrange(linear(y, "proj_out"), "(b h w) f c -> (b f) c h w", b=batch, h=height, w=width)


def clips(channels: int, frames: int) -> Tensor:
    x = torch.randn(2 * frames, channels, 6, 5, generator=torch.Generator().manual_seed(1))
    return x * (1 + 0.3 * torch.arange(frames)).repeat(2)[:, None, None, None]


@pytest.mark.parametrize("channels", [320, 640, 1280])
def test_a_module_of_real_width_equals_diffusers(channels: int) -> None:
    transformer = diffusers_transformer(channels)
    x = clips(channels, 16)
    assert (ours(transformer)(x, 16, norm_over_clip=True) - transformer(x, num_frames=16)).abs().max() < 1e-5


@pytest.mark.parametrize("joint", [True, False], ids=["joint norm", "norm per frame"])
@pytest.mark.parametrize("channels", [320, 640, 1280])
def test_a_module_of_real_width_equals_the_equations(channels: int, joint: bool) -> None:
    module = ours(diffusers_transformer(channels))
    x = clips(channels, 8)
    expected = by_the_equations(module.state_dict(), x.double(), 8, joint)
    assert (module(x, 8, joint) - expected).abs().max() < 1e-5
    assert (module(x, 8, not joint) - expected).abs().max() > 0.1


@pytest.mark.parametrize("offset", [0, 10])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("channels", [320, 640, 1280])
def test_half_precision_errors_equal_those_of_diffusers(channels: int, dtype: torch.dtype, offset: int) -> None:
    """Both against the equations. offset: added to all channels, where a mean in half precision would cancel."""
    transformer = diffusers_transformer(channels)
    module, x = ours(transformer), (clips(channels, 16)[..., :3] + offset).to(dtype)
    exact = by_the_equations(module.state_dict(), x.double(), 16, True)
    results = module.to(dtype)(x, 16, norm_over_clip=True), transformer.to(dtype)(x, num_frames=16)
    error, theirs = ((result.double() - exact).square().mean().sqrt() for result in results)
    assert error <= 1.02 * theirs


def test_strength_scales_the_added_motion() -> None:
    module = ours(diffusers_transformer(320))
    x = clips(320, 4)
    full, half = module(x, 4, True), module(x, 4, True, strength=0.5)
    assert torch.allclose(half - x, (full - x) / 2, atol=1e-5)


def test_positions_equal_the_published_sinusoid() -> None:
    table = sinusoidal_positions(32, 320)
    assert table.shape == (1, 32, 320)
    for p, k in ((0, 0), (5, 3), (31, 159)):
        angle = p * math.exp(-2 * k * math.log(10000) / 320)
        assert table[0, p, 2 * k] == pytest.approx(math.sin(angle), abs=1e-6)
        assert table[0, p, 2 * k + 1] == pytest.approx(math.cos(angle), abs=1e-6)


def test_the_real_model_has_the_published_size() -> None:
    """236,779,200 parameters and 716,800 positions in 420 tensors."""
    shapes = tensor_shapes(SDXL_SHAPE)
    assert len(shapes) == 420
    assert sum(shape.numel() for shape in shapes.values()) == 237_496_000
    assert sum(shape.numel() for key, shape in shapes.items() if not key.endswith(POSITIONS)) == 236_779_200


@pytest.mark.parametrize("size", [8, 32], ids=["one chunk", "pieces"])
def test_the_memory_estimate_equals_the_peak_of_a_module(size: int) -> None:
    module = ours(diffusers_transformer(320))
    model = MotionModel(SDXL_SHAPE, EACH_FRAME, layers, device="meta")
    x = torch.randn(16, 320, size, size)
    with torch.inference_mode(), PeakBytes() as counted:
        module(x, 16, norm_over_clip=False)
    peak = counted.peak / x.itemsize + x.numel()
    assert peak == pytest.approx(model.activation_elements(16, size, size, x.device), rel=0.01)


@pytest.mark.parametrize("joint", [True, False], ids=["joint norm", "norm per frame"])
@pytest.mark.parametrize("shape", [(32, 320, 10, 6), (32, 640, 9, 4), (16, 1280, 3, 2), (32, 320, 1, 88)])
def test_chunks_give_the_same_numbers_as_the_whole(monkeypatch, shape: tuple[int, ...], joint: bool) -> None:
    """With gradients a module does not run in chunks."""
    monkeypatch.setattr(chunks, "CPU_CHUNK_ELEMENTS", 2**17)
    with torch.inference_mode(False):
        module, x = ours(diffusers_transformer(shape[1])), torch.randn(shape, requires_grad=True)
        whole = module(x, 16, joint)
    assert whole.requires_grad
    assert (module(x.detach(), 16, joint) - whole).abs().max() < 2e-6


def test_each_layer_casts_its_weights_once_for_all_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each cast copies weights that are not on the device, and adds the MotionLoRAs to them."""
    module, x = ours(diffusers_transformer(320)), torch.randn(32, 320, 32, 8)
    assert rows_per_chunk(torch.Size((2, 16, *x.shape[1:])), x.device) < x.shape[-2]
    low_rank = LowRank({"temporal_transformer.transformer_blocks.0.ff.net.2": (1280, 4, 320)}, layers)
    low_rank.load_state_dict({"down.0.weight": torch.rand(4, 1280), "up.0.weight": torch.rand(320, 4)})
    expected = module(x, 16, False)
    asked, cast = Counter(), comfy.ops.cast_bias_weight

    def counted(layer: nn.Module, *args, **kw):
        asked[layer] += 1
        return cast(layer, *args, **kw)

    monkeypatch.setattr(comfy.ops, "cast_bias_weight", counted)
    with low_rank.hooks(module, 0.0):
        assert torch.equal(module(x, 16, False), expected)
    holders = [layer for whole in (module, low_rank) for layer in whole.modules() if hasattr(layer, "weight")]
    assert asked == dict.fromkeys(holders, 1)
    held = [layer.held for layer in holders if hasattr(layer, "held")]
    assert held and all(weights is None for weights in held)


@pytest.mark.parametrize("joint, kernels, new", [(True, 30, 26.3), (False, 29, 26)], ids=["joint", "per frame"])
def test_a_module_writes_a_limited_number_of_tensors(joint: bool, kernels: int, new: float) -> None:
    """Of the size of its input. AnimateDiff-Evolved: 33 kernels, 46 tensors, 6 of them copies into another layout.

    15 or 16 more are written over another one, and need no memory.
    """
    module, x = ours(diffusers_transformer(320)), torch.randn(16, 320, 4, 4)
    assert rows_per_chunk(torch.Size((1, *x.shape)), x.device) >= 4  # one chunk, or each would be counted
    with torch.no_grad(), Writes() as writes:
        module(x, 16, joint)
    large = writes.of_size(x.numel())
    assert len(large) <= kernels
    assert sum(write.elements for write in writes.seen if write.is_new) <= new * x.numel()
    assert sum(write.elements for write in writes.seen if not write.is_new) <= 16 * x.numel()
    assert len([name for name in large if "copy" in name or "flatten" in name]) <= 2


def test_one_product_for_queries_keys_and_values_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    module, x = ours(diffusers_transformer(320)), torch.randn(16, 320, 4, 4)
    with torch.no_grad(), Writes() as separate:
        expected = module(x, 16, False)
    monkeypatch.setattr(motion_module, "SEPARATE_ON", ())
    with torch.no_grad(), Writes() as joined:
        assert torch.equal(module(x, 16, False), expected)
    products = [sum("linear" in write.operation for write in writes.seen) for writes in (separate, joined)]
    assert products == [13, 9]
    assert not any(isinstance(layer, HoldsWeights) and layer.held for layer in module.modules())
