"""Files: every spelling and suffix of the same weights, and a clear sentence for everything else."""

import hashlib
import os

import comfy.ops
import pytest
import torch
from animatediff_xl.motion_models.errors import MotionError
from animatediff_xl.motion_models.families import shape_of
from animatediff_xl.motion_models.keys import in_authors_spelling
from animatediff_xl.motion_models.loading import motion_tensors, open_motion_file
from animatediff_xl.motion_models.motion_module import MotionModel, MotionShape, sinusoidal_positions
from torch import Tensor

from tests.motion_models.test_motion_module import SDXL_SHAPE
from tests.small import WIDTHS, save


def key_hash(tensors: dict[str, Tensor]) -> str:
    """The digest of names and shapes by which DiffSynth-Studio recognises files (models.md, section 16)."""
    entries = []
    for key, value in tensors.items():
        entries += [key + ":" + "_".join(str(size) for size in value.shape), key]
    return hashlib.md5(",".join(sorted(entries)).encode()).hexdigest()


def test_the_official_file_is_the_model_we_build() -> None:
    """The hash that is published for mm_sdxl_v10_beta.ckpt."""
    model = MotionModel(SDXL_SHAPE, True, comfy.ops.manual_cast, device="meta")
    assert key_hash(model.state_dict()) == "72907b92caed19bdb2adb89aa4063fe2"


def test_the_hash_is_computed_as_published() -> None:
    example = {"a.weight": torch.empty(2, 3), "a.bias": torch.empty(2)}
    assert key_hash(example) == "902c1fe3dda1dbf510816c20d7520938"


def same(tensors: dict[str, Tensor], expected: dict[str, Tensor]) -> bool:
    return tensors.keys() == expected.keys() and all(torch.equal(tensors[key], expected[key]) for key in expected)


SUFFIXES = (".safetensors", ".sft", ".ckpt", ".pt", ".pth", ".bin")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_suffix_is_read(pair, tmp_path, suffix: str) -> None:
    path = tmp_path / f"motion{suffix}"
    if suffix == ".sft":
        save(pair.motion, tmp_path / "motion.safetensors").rename(path)
    else:
        save(pair.motion, path)
    tensors, _ = motion_tensors(path)
    assert same(tensors, pair.motion)


SPELLINGS = {
    "the authors'": lambda pair: pair.motion,
    "diffusers'": lambda pair: pair.adapter,
    "a training script's": lambda pair: {"module." + key: value for key, value in pair.motion.items()},
    "a pipeline export's": lambda pair: {"unet." + key: value for key, value in pair.adapter.items()},
    "in a whole UNet": lambda pair: pair.motion | {"conv_in.weight": torch.zeros(32, 4, 3, 3)},
    "wrapped": lambda pair: {"state_dict": pair.motion, "epoch": 3, "global_step": 100},
    "with a configuration": lambda pair: pair.motion | {"animatediff_config": {"use_motion_module": True}},
    "without positions": lambda pair: {k: v for k, v in pair.motion.items() if not k.endswith(".pe")},
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling_gives_the_same_weights(pair, tmp_path, spelling: str) -> None:
    assert len(pair.motion) == 420
    assert len(pair.adapter) == 405
    tensors, shape = motion_tensors(save(SPELLINGS[spelling](pair), tmp_path / "motion.ckpt"))
    assert tensors.keys() == pair.motion.keys()
    assert all(torch.allclose(tensors[key], pair.motion[key], atol=1e-6) for key in tensors)
    assert shape == MotionShape(
        tuple((width,) * 2 for width in WIDTHS), tuple((width,) * 3 for width in reversed(WIDTHS)), (), 32
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_every_precision_is_taken_into_that_of_the_base(pair, tmp_path, dtype: torch.dtype) -> None:
    weights = {key: value.to(dtype) for key, value in pair.motion.items()}
    file = open_motion_file(save(weights, tmp_path / "motion.safetensors"))
    loaded = file.patcher(torch.bfloat16).model.state_dict()
    assert all(torch.equal(loaded[key], weights[key].bfloat16()) for key in weights)


def test_the_weights_are_read_once_for_each_precision(pair, tmp_path) -> None:
    file = open_motion_file(save(pair.motion, tmp_path / "motion.safetensors"))
    first = file.patcher(torch.float32)
    assert file.patcher(torch.float32).model is first.model
    assert file.patcher(torch.float16).model is not first.model


def test_the_host_can_make_another_copy(motion) -> None:
    """As it does for a second GPU and for weight hooks under dynamic VRAM."""
    patcher = motion.patcher(torch.float32)
    make, arguments = patcher.cached_patcher_init
    copy = make(*arguments, disable_dynamic=True)
    assert copy.model is not patcher.model
    assert same(copy.model.state_dict(), patcher.model.state_dict())


def test_positions_that_a_file_lacks_are_the_sinusoid(pair, tmp_path) -> None:
    bare = {key: value for key, value in pair.motion.items() if not key.endswith(".pe")}
    tensors, _ = motion_tensors(save(bare, tmp_path / "motion.safetensors"))
    made = tensors[
        "up_blocks.0.motion_modules.2.temporal_transformer.transformer_blocks.0.attention_blocks.1.pos_encoder.pe"
    ]
    assert torch.equal(made, sinusoidal_positions(32, WIDTHS[2]))


class Evil:
    def __reduce__(self):
        return os.system, ("touch evil-was-here",)


def pickled_code(path, pair) -> None:
    torch.save({"state_dict": pair.motion, "extra": Evil()}, path, _use_new_zipfile_serialization=False)


def zipped_code(path, pair) -> None:
    torch.save({"weights": Evil()}, path)


def truncated(path, pair) -> None:
    whole = save(pair.motion, path.with_suffix(".whole")).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def truncated_safetensors(path, pair) -> None:
    whole = save(pair.motion, path.with_name("whole.safetensors")).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def page(path, pair) -> None:
    path.write_text("<!doctype html><html><body>Access denied</body></html>")


def sd15(path, pair) -> None:
    more = {}
    for key, value in pair.motion.items():
        if key.startswith("down_blocks.2"):
            more[key.replace("down_blocks.2", "down_blocks.3")] = value
        if key.startswith("up_blocks.0"):
            more[key.replace("up_blocks.0", "up_blocks.3")] = value
    save(pair.motion | more, path)


def motion_lora(path, pair) -> None:
    stem = "down_blocks.0.motion_modules.0.temporal_transformer.transformer_blocks.0.attention_blocks.0.processor."
    save({stem + f"to_q_lora.{part}.weight": torch.zeros(4, 4) for part in ("down", "up")}, path)


def lora(path, pair) -> None:
    save({f"lora_unet_down_blocks_0.lora_{part}.weight": torch.zeros(4, 4) for part in ("down", "up")}, path)


def checkpoint(path, pair) -> None:
    save({"model.diffusion_model.input_blocks.0.0.weight": torch.zeros(4, 4, 3, 3)}, path)


def incomplete(path, pair) -> None:
    save({key: value for key, value in pair.motion.items() if "ff.net.2" not in key}, path)


def hotshot(path, pair) -> None:
    save({key: value[:, :24] if key.endswith(".pe") else value for key, value in pair.motion.items()}, path)


def nothing(path, pair) -> None:
    path.write_bytes(b"")


WRONG_FILES = {
    "empty": (nothing, "x.ckpt", r"x\.ckpt is empty.*download it again"),
    "a pickle with code": (pickled_code, "x.ckpt", r"would run code.*not opened"),
    "a zipped pickle with code": (zipped_code, "x.pt", r"would run code.*not opened"),
    "a truncated .ckpt": (truncated, "x.ckpt", r"x\.ckpt \([\d.]+ MB\) cannot be read.*download it again"),
    "a truncated .safetensors": (truncated_safetensors, "x.safetensors", r"cannot be read.*download it again"),
    "a web page": (page, "x.safetensors", r"cannot be read"),
    "a web page as .ckpt": (page, "x.ckpt", r"cannot be read"),
    "an SD1.5 motion model": (sd15, "mm_sd15.ckpt", r"motion model for SD1\.5.*animates SDXL.*mm_sdxl_v10_beta"),
    "a MotionLoRA": (motion_lora, "x.safetensors", r"is a MotionLoRA.*choose a motion model"),
    "a LoRA": (lora, "x.safetensors", r"is a LoRA, not a motion model: load it with Load LoRA"),
    "an image checkpoint": (checkpoint, "x.safetensors", r"is an image checkpoint.*Load Checkpoint"),
    "an incomplete motion model": (incomplete, "x.ckpt", r"not a complete.*of 420 tensors 30 are missing"),
    "a HotshotXL motion model": (hotshot, "x.ckpt", r"is a HotshotXL motion model"),
}  # fmt: skip


@pytest.mark.parametrize("kind", WRONG_FILES)
def test_a_wrong_file_is_explained_in_a_sentence(pair, tmp_path, monkeypatch, kind: str) -> None:
    make, name, sentence = WRONG_FILES[kind]
    monkeypatch.chdir(tmp_path)
    path = tmp_path / name
    make(path, pair)
    with pytest.raises(MotionError, match=sentence) as raised:
        open_motion_file(path)
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "evil-was-here").exists()


def test_other_keys_are_not_mistaken_for_motion(pair) -> None:
    assert not in_authors_spelling({"down_blocks.0.attentions.0.attn1.to_q.weight": torch.zeros(1)})


def test_the_levels_are_told_from_the_keys(pair) -> None:
    shape = shape_of(pair.motion, frame_limit=1)
    assert [len(level) for level in shape.down] == [2, 2, 2]
    assert [len(level) for level in shape.up] == [3, 3, 3]
    assert shape.frame_limit == 32
