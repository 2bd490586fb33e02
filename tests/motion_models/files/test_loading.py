"""Files: every key format, suffix and precision of the same weights."""

import pytest
import torch
from animatediff_xl.motion_models.files.checkpoints import shape_of, tensor_shapes
from animatediff_xl.motion_models.files.key_formats import motion_keys
from animatediff_xl.motion_models.files.loading import motion_tensors, open_motion_file
from animatediff_xl.motion_models.network.motion_module import MotionShape, sinusoidal_positions
from torch import Tensor

from tests.memory import peak_growth
from tests.motion_models.files.test_families import hotshot_names, key_hash
from tests.motion_models.network.test_motion_module import SDXL_SHAPE
from tests.small import WIDTHS, random_motion, save


def test_our_sdxl_model_has_the_official_key_hash() -> None:
    """The hash that is published for mm_sdxl_v10_beta.ckpt."""
    assert key_hash(tensor_shapes(SDXL_SHAPE)) == "72907b92caed19bdb2adb89aa4063fe2"


def same(tensors: dict[str, Tensor], expected: dict[str, Tensor]) -> bool:
    return tensors.keys() == expected.keys() and all(torch.equal(tensors[key], expected[key]) for key in expected)


def test_an_fp8_file_loads_in_the_models_precision(pair, tmp_path) -> None:
    small = {key: value.to(torch.float8_e4m3fn) for key, value in pair.motion.items()}
    loaded = open_motion_file(save(small, tmp_path / "m.safetensors")).patcher(torch.bfloat16).model.state_dict()
    assert same(loaded, {key: value.to(torch.bfloat16) for key, value in small.items()})


def test_a_diffusers_file_loads_without_shared_tensors(pair, tmp_path) -> None:
    """In such a file two attentions share a table of positions, and the host moves a shared buffer only once."""
    module = open_motion_file(save(pair.adapter, tmp_path / "m.safetensors")).patcher(torch.float32).model
    assert len(dict(module.named_buffers())) == len(dict(module.named_buffers(remove_duplicate=False))) == 30


SUFFIXES = (".safetensors", ".sft", ".ckpt", ".pt", ".pth", ".bin")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_suffix_is_read(pair, tmp_path, suffix: str) -> None:
    path = tmp_path / f"motion{suffix}"
    if suffix == ".sft":
        save(pair.motion, tmp_path / "motion.safetensors").rename(path)
    else:
        save(pair.motion, path)
    assert same(motion_tensors(path, open_motion_file(path).shape), pair.motion)


KEY_FORMATS = {
    "the authors'": lambda pair: pair.motion,
    "diffusers'": lambda pair: pair.adapter,
    "a training script's": lambda pair: {"module." + key: value for key, value in pair.motion.items()},
    "a pipeline export's": lambda pair: {"unet." + key: value for key, value in pair.adapter.items()},
    "in a whole UNet": lambda pair: pair.motion | {"conv_in.weight": torch.zeros(32, 4, 3, 3)},
    "wrapped": lambda pair: {"state_dict": pair.motion, "epoch": 3, "global_step": 100},
    "with a configuration": lambda pair: pair.motion | {"animatediff_config": {"use_motion_module": True}},
    "HotshotXL's": lambda pair: hotshot_names(pair.motion),
    "nested by a trainer": lambda pair: {"state_dict": {"module." + k: v for k, v in pair.motion.items()}, "epoch": 1},
    "without positions": lambda pair: {k: v for k, v in pair.motion.items() if not k.endswith(".pe")},
}


@pytest.mark.parametrize("key_format", KEY_FORMATS)
def test_every_key_format_gives_the_same_weights(pair, tmp_path, key_format: str) -> None:
    assert len(pair.motion) == 420
    assert len(pair.adapter) == 405
    path = save(KEY_FORMATS[key_format](pair), tmp_path / "motion.ckpt")
    shape = open_motion_file(path).shape
    tensors = motion_tensors(path, shape)
    assert tensors.keys() == pair.motion.keys()
    assert all(torch.allclose(tensors[key], pair.motion[key], atol=1e-6) for key in tensors)
    assert shape == MotionShape(
        tuple((width,) * 2 for width in WIDTHS), tuple((width,) * 3 for width in reversed(WIDTHS)), (), 32
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_every_file_precision_is_cast_to_the_models_precision(pair, tmp_path, dtype: torch.dtype) -> None:
    weights = {key: value.to(dtype) for key, value in pair.motion.items()}
    file = open_motion_file(save(weights, tmp_path / "motion.safetensors"))
    loaded = file.patcher(torch.bfloat16).model.state_dict()
    assert all(torch.equal(loaded[key], weights[key].bfloat16()) for key in weights)


def test_the_weights_are_read_once_for_each_precision(pair, tmp_path) -> None:
    file = open_motion_file(save(pair.motion, tmp_path / "motion.safetensors"))
    first = file.patcher(torch.float32)
    assert file.patcher(torch.float32).model is first.model
    assert file.patcher(torch.float16).model is not first.model


def test_the_host_can_copy_the_motion_model(motion) -> None:
    """The host does so for a second GPU, and for weight hooks with dynamic VRAM."""
    patcher = motion.patcher(torch.float32)
    make, arguments = patcher.cached_patcher_init
    copy = make(*arguments, disable_dynamic=True)
    assert copy.model is not patcher.model
    assert same(copy.model.state_dict(), patcher.model.state_dict())


def test_missing_positions_become_sinusoidal(pair, tmp_path) -> None:
    bare = {key: value for key, value in pair.motion.items() if not key.endswith(".pe")}
    model = open_motion_file(save(bare, tmp_path / "motion.safetensors")).patcher(torch.float32).model
    attention = model.up_blocks[0].motion_modules[2].temporal_transformer.transformer_blocks[0].attention_blocks[1]
    assert torch.equal(attention.pos_encoder.pe, sinusoidal_positions(32, WIDTHS[2]))


def test_the_report_names_family_frames_and_tensors(pair, tmp_path) -> None:
    beside = {"conv_in.weight": torch.zeros(32, 4, 3, 3), "conv_in.bias": torch.zeros(32)}
    half = {key: value.half() for key, value in pair.adapter.items()}
    file = open_motion_file(save(half | beside, tmp_path / "motion.safetensors"))
    assert file.report().split("\n") == [
        "AnimateDiff SDXL beta for SDXL.",
        "Best with 16 frames, at most 32 at once.",
        "Its authors' sampler: euler with ddim_uniform, 100 steps, cfg 8.5.",
        "float16, 405 tensors used, 2 not.",
    ]


def test_image_model_keys_are_not_motion_keys(pair) -> None:
    assert not motion_keys({"down_blocks.0.attentions.0.attn1.to_q.weight": torch.zeros(1)})


def test_the_shape_is_read_from_the_keys(pair) -> None:
    shape = shape_of(pair.motion, "motion.ckpt")
    assert [len(level) for level in shape.down] == [2, 2, 2]
    assert [len(level) for level in shape.up] == [3, 3, 3]
    assert shape.frame_limit == 32


@pytest.mark.parametrize("suffix", [".safetensors", ".ckpt"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_loading_needs_at_most_three_times_the_file_size(tmp_path, suffix: str, dtype: torch.dtype) -> None:
    weights = {key: value.to(dtype) for key, value in random_motion((128, 256, 512)).items()}
    path = save(weights, tmp_path / f"motion{suffix}")
    del weights
    with peak_growth() as grown:
        file = open_motion_file(path)
        file.patcher(torch.float32)
    assert grown[0] < 3 * path.stat().st_size + (8 << 20)
