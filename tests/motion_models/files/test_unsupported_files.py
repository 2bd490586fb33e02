"""Unsupported and broken files: one sentence says what the file is and what to do."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from animatediff_xl.motion_models.errors import MotionError
from animatediff_xl.motion_models.files.loading import open_motion_file
from torch import Tensor

from tests.small import SD15, save, small_pair

MODULE = "down_blocks.0.motion_modules.0.temporal_transformer.transformer_blocks.0.attention_blocks.0."


def weights(*keys: str) -> dict[str, Tensor]:
    return {key: torch.zeros(4, 4) for key in keys}


# Files of other kinds, with keys of real files: (content, kind, node or pack that loads it)
KINDS: dict[str, tuple[dict[str, Tensor], str, str]] = {
    "MotionLoRA, authors": (
        weights(*(f"{MODULE}processor.to_q_lora.{part}.weight" for part in ("down", "up"))),
        "a MotionLoRA",
        "Load AnimateDiff Motion LoRA",
    ),
    "MotionLoRA, peft": (
        weights(*(f"unet.{MODULE}to_q.lora_{part}.weight" for part in "AB")),
        "a MotionLoRA",
        "Load AnimateDiff Motion LoRA",
    ),
    "MotionLoRA, kohya": (
        weights("lora_unet_down_blocks_0_motion_modules_0_to_q.lora_up.weight"),
        "a MotionLoRA",
        "Load AnimateDiff Motion LoRA",
    ),
    "domain adapter": (
        weights("down_blocks.0.attentions.0.transformer_blocks.0.attn1.processor.to_q_lora.down.weight"),
        "domain adapter",
        "Apply AnimateDiff Domain Adapter",
    ),
    "SparseCtrl": (
        weights("controlnet_cond_embedding.conv_in.weight", f"{MODULE}to_q.weight", "conv_in.weight"),
        "a SparseCtrl",
        "Advanced-ControlNet",
    ),
    "SparseCtrl, wrapped": (
        {"controlnet": weights("controlnet_cond_embedding.weight", f"{MODULE}to_q.weight")},
        "a SparseCtrl",
        "Advanced-ControlNet",
    ),
    "CameraCtrl": (
        {"pose_encoder_state_dict": weights("encoder_conv_in.weight"), "epoch": 1},
        "a CameraCtrl",
        "AnimateDiff-Evolved",
    ),
    "CameraCtrl, pruned": (
        weights("encoder_conv_in.weight", f"{MODULE}processor.qkv_merge.weight"),
        "a CameraCtrl",
        "AnimateDiff-Evolved",
    ),
    "MotionCtrl": (weights(f"module.{MODULE}cc_projection.weight"), "a MotionCtrl", "AnimateDiff-Evolved"),
    "LoRA, kohya": (
        weights(*(f"lora_unet_down_blocks_0.lora_{part}.weight" for part in ("down", "up"))),
        "a LoRA",
        "Load LoRA",
    ),
    "LoRA, peft": (
        weights("unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q.lora_A.weight"),
        "a LoRA",
        "Load LoRA",
    ),
    "LoRA, diffusers": (
        weights("unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.processor.to_q_lora.up.weight"),
        "a LoRA",
        "Load LoRA",
    ),
    "LoRA, LyCORIS": (weights("lora_unet_mid_block.hada_w1_a"), "a LoRA", "Load LoRA"),
    "ControlNet": (weights("control_model.input_blocks.0.0.weight"), "a ControlNet", "Load ControlNet Model"),
    "ControlNet, diffusers": (
        weights("controlnet_cond_embedding.conv_in.weight", "conv_in.weight", "time_embedding.linear_1.weight"),
        "a ControlNet",
        "Load ControlNet Model",
    ),
    "image checkpoint": (
        weights("model.diffusion_model.input_blocks.0.0.weight", "first_stage_model.decoder.conv_in.weight"),
        "an image checkpoint",
        "Load Checkpoint",
    ),
    "image model": (
        weights("conv_in.weight", "time_embedding.linear_1.weight"),
        "an image model",
        "Load Diffusion Model",
    ),
    "VAE": (weights("encoder.conv_in.weight", "decoder.conv_in.weight"), "a VAE", "Load VAE"),
    "text encoder": (weights("text_model.embeddings.token_embedding.weight"), "a text encoder", "Load CLIP"),
    "T5": (weights("encoder.block.0.layer.0.SelfAttention.q.weight"), "a text encoder", "Load CLIP"),
    "CLIP vision": (weights("vision_model.embeddings.class_embedding"), "a CLIP vision model", "Load CLIP Vision"),
    "IP-Adapter": (
        {"image_proj": weights("proj.weight"), "ip_adapter": weights("1.to_k_ip.weight")},
        "an IP-Adapter",
        "IPAdapter",
    ),
    "textual inversion": (
        {"string_to_token": {"*": 265}, "string_to_param": weights("*")},
        "a textual inversion",
        "models/embeddings",
    ),
    "upscale model": (weights("conv_first.weight", "conv_last.weight"), "an upscale model", "Load Upscale Model"),
    "unknown": (weights("layer.weight"), "does not contain motion modules", "choose a motion model such as"),
    "unknown motion": (
        weights("blocks.0.motion_modules.0.q.weight"),
        "contains motion modules in an unknown key format",
        "choose a motion model such as",
    ),
}  # fmt: skip


def explained(path: Path) -> str:
    with pytest.raises(MotionError) as raised:
        open_motion_file(path)
    message = str(raised.value)
    assert message.startswith(path.name) and message.endswith(".") and "\n" not in message
    return message


@pytest.mark.parametrize("kind", KINDS)
def test_an_unsupported_file_is_named_with_its_own_loader(tmp_path: Path, kind: str) -> None:
    content, what, taker = KINDS[kind]
    message = explained(save(content, tmp_path / "picked.ckpt"))
    assert what in message and taker in message
    assert "motion model such as mm_sdxl_v10_beta.ckpt (SDXL) or v3_sd15_mm.ckpt (SD1.5)" in message.replace(
        "here, such", "such"
    )


class Evil:
    def __reduce__(self):
        return os.system, ("touch evil-was-here",)


def pickled_code(path: Path, pair) -> None:
    torch.save({"state_dict": pair.motion, "extra": Evil()}, path, _use_new_zipfile_serialization=False)


def zipped_code(path: Path, pair) -> None:
    torch.save({"weights": Evil()}, path)


def truncated(path: Path, pair) -> None:
    whole = save(pair.motion, path).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def text(content: str) -> Callable:
    return lambda path, pair: path.write_text(content)


def holding(change: Callable[[dict[str, Tensor]], dict]) -> Callable:
    """A file with the tensors of a motion model, changed."""
    return lambda path, pair: save(change(dict(pair.motion)), path)


def without(part: str) -> Callable:
    return holding(lambda motion: {key: value for key, value in motion.items() if part not in key})


def with_fifth_level(motion: dict[str, Tensor]) -> dict[str, Tensor]:
    more = {key.replace("down_blocks.2", f"down_blocks.{n}"): v for key, v in motion.items() for n in (3, 4)}
    return motion | more


def as_integers(motion: dict[str, Tensor]) -> dict[str, Tensor]:
    return {key: value.int() for key, value in motion.items()}


def one_channel_short(motion: dict[str, Tensor]) -> dict[str, Tensor]:
    return {key: value[:-1] for key, value in motion.items()}


def one_number_for_all(motion: dict[str, Tensor]) -> dict[str, Tensor]:
    return motion | {f"{MODULE}to_q.weight": torch.zeros(1).expand(32, 32)}


LFS = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'4d7a2146' * 8}\nsize 949984000\n"

BROKEN = {
    "empty": ("x.ckpt", text(""), r"is empty.*download it again"),
    "a pickle with code": ("x.ckpt", pickled_code, r"would run code.*not opened"),
    "a zipped pickle with code": ("x.pt", zipped_code, r"would run code.*not opened"),
    "a truncated .ckpt": ("x.ckpt", truncated, r"cannot be read.*download it again.* has [\d.]+ MB"),
    "a truncated .safetensors": ("x.safetensors", truncated, r"cannot be read.*download it again"),
    "a web page": ("x.ckpt", text("<!DOCTYPE html><html>Access denied</html>"), r"is a web page.*download the file"),
    "a web page, later": ("x.safetensors", text("\n\n  <html><body>"), r"is a web page.*download the file"),
    "a git-LFS pointer": ("x.safetensors", text(LFS), r"git-LFS pointer.*git lfs pull"),
    "a configuration": ("x.bin", text('{"_class_name": "MotionAdapter"}'), r"text in JSON.*file with the weights"),
    "plain text": ("x.pth", text("hello"), r"cannot be read"),
    "a list": ("x.pt", lambda path, pair: torch.save([torch.zeros(1)] * 2, path), r"has no named tensors"),
    "an incomplete one": ("x.ckpt", without("ff.net.2"), r"not a complete AnimateDiff SDXL beta.* 30 of 420 tensors"),
    "one without some positions": ("x.ckpt", without(f"{MODULE}pos"), r" 1 of 420 tensors are missing"),
    "one with more in it": ("x.ckpt", holding(lambda m: m | weights(f"{MODULE}to_r.weight")), r"and 1 do not belong"),
    "one with whole numbers": ("x.ckpt", holding(as_integers), r"420 of 420 tensors are missing or of another size"),
    "one of strange width": ("x.ckpt", holding(one_channel_short), r"module of 31 channels.*multiples of 32"),
    "one of five levels": ("x.ckpt", holding(with_fifth_level), r"on 5 levels, and no known.*SD1\.5 has 4, SDXL has 3"),
    "one with an unreal tensor": ("x.ckpt", holding(one_number_for_all), r"cannot be read"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_file_is_explained(pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    name, make, sentence = BROKEN[kind]
    monkeypatch.chdir(tmp_path)
    make(tmp_path / name, pair)
    message = explained(tmp_path / name)
    assert re.search(sentence, message), message
    assert not (tmp_path / "evil-was-here").exists()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e30])
def test_weights_that_are_not_finite_are_refused(pair, animate, tmp_path, value) -> None:
    spoiled = pair.motion | {f"{MODULE}to_q.weight": torch.full((32, 32), value)}
    file = open_motion_file(save(spoiled, tmp_path / "x.safetensors"))
    with pytest.raises(MotionError, match=r"x\.safetensors is damaged.* NaN or infinite weights in torch\.float16"):
        file.patcher(torch.float16)
    if value != 1e30:  # which fp32 can hold
        with pytest.raises(MotionError, match="NaN or infinite"):
            animate(pair.model, file)
    assert not pair.model.get_additional_models()


NEEDING = {
    "PIA": ({"conv_in.weight": torch.zeros(32, 9, 3, 3)}, False),
    "AnimateLCM-I2V": ({"img_encoder.conv_in.weight": torch.zeros(32, 4, 3, 3)}, True),
}


@pytest.mark.parametrize("family", NEEDING)
def test_families_that_need_an_image_are_refused(tmp_path, family: str) -> None:
    beside, mid = NEEDING[family]
    path = save(small_pair(base=SD15, mid=mid).motion | beside, tmp_path / "x.safetensors")
    assert f"is a {family} motion model, which needs an image" in explained(path)
