"""Any MotionLoRA or adapter gives finite weights, or one MotionError: no other error, and no changed MODEL."""

import io
import json
from pathlib import Path
from typing import Any

import comfy.lora
import pytest
import torch
from animatediff_xl.motion_models.errors import MotionError
from animatediff_xl.motion_models.lora.domain_adapter import apply_domain_adapter
from animatediff_xl.motion_models.lora.motion_lora import coverage, open_motion_lora
from animatediff_xl.motion_models.network.low_rank import new_low_rank
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save as as_safetensors
from torch import Tensor

from tests.motion_models.files.test_fuzz import FREQUENT, NIGHTLY, NUMBERS, OTHERS, SHAPES, TYPES, WIDE_NAMES, fuzzed
from tests.small import SD15, random_motion, shapes_of, small_pair

WIDTH, RANK = 32, 2
MOTION = shapes_of(random_motion((WIDTH, WIDTH, WIDTH)))
ATTENTION = "transformer_blocks.0.attention_blocks.0"
MOTION_LAYERS = [f"{block}.motion_modules.0.temporal_transformer" for block in ("down_blocks.0", "up_blocks.1")]
SPATIAL_LAYERS = [f"down_blocks.0.attentions.{index}.transformer_blocks.0.attn1" for index in (0, 1)]
MOTION_NAMES = [f"{layer}.{ATTENTION}.{leaf}" for layer in MOTION_LAYERS for leaf in ("to_q", "to_v")]
SPATIAL_NAMES = [f"{layer}.{leaf}" for layer in SPATIAL_LAYERS for leaf in ("to_q", "to_v")]
ENDINGS = st.sampled_from(
    [
        ".alpha", ".dora_scale", ".reshape_weight", ".diff", ".hada_w1_a", ".lokr_w1", ".lora_mid.weight", ".lora_A",
        ".lora_B.weight", ".lora_A.weight", ".lora_up.weight", ".lora_down.weight",
    ]
)  # fmt: skip
HALF_SHAPES = SHAPES | st.sampled_from(
    [(), (0,), (WIDTH, RANK), (RANK, WIDTH), (WIDTH, 0), (0, WIDTH), (RANK, WIDTH, 1, 1), (RANK, 8, 2, 2), (1,), (2,)]
)
METADATA = st.text(max_size=20) | st.recursive(
    st.none() | st.floats() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["lora_alpha", "r"]), inner),
).map(json.dumps)


def pairs(names: list[str], key_format: str) -> dict[str, Any]:
    """Low-rank pairs of a width of 32 channels, with alphas."""
    tensors: dict[str, Any] = {}
    for name in names:
        parent, leaf = name.rsplit(".", 1)
        down, up = torch.randn(RANK, WIDTH), torch.randn(WIDTH, RANK)
        if key_format == "authors":
            stem = f"{parent}.processor.{leaf}_lora"
            tensors |= {f"{stem}.down.weight": down, f"{stem}.up.weight": up}
        elif key_format == "peft":
            tensors |= {f"{name}.lora_A.weight": down, f"{name}.lora_B.weight": up}
        else:
            stem = "lora_unet_" + name.replace(".", "_")
            alpha = torch.tensor(1.0)
            tensors |= {f"{stem}.lora_down.weight": down, f"{stem}.lora_up.weight": up, f"{stem}.alpha": alpha}
    return tensors


@st.composite
def lora_files(draw: st.DrawFn, names: list[str]) -> tuple[str, bytes]:
    """A suffix and the bytes of a LoRA with some tensors dropped, reshaped, cast, made non-finite or added."""
    tensors = pairs(names, draw(st.sampled_from(["authors", "peft", "kohya"])))
    for _ in range(draw(st.integers(0, 3))):
        key = draw(st.sampled_from(sorted(tensors) or ["x"]))
        value = tensors.pop(key, None)
        match draw(st.integers(0, 6)):
            case 0:
                tensors[draw(WIDE_NAMES)] = torch.zeros(draw(SHAPES))
            case 1:
                tensors[key] = torch.ones(draw(HALF_SHAPES))
            case 2 if isinstance(value, Tensor):
                tensors[key] = value.to(draw(TYPES))
            case 3 if isinstance(value, Tensor):
                tensors[key] = torch.full_like(value, draw(NUMBERS), dtype=torch.float32)
            case 4:
                tensors[key] = draw(OTHERS)
            case 5 if isinstance(value, Tensor):
                stem = key.rsplit(".", 2)[0] if key.endswith(".weight") else key.rsplit(".", 1)[0]
                number = draw(NUMBERS | st.just(1.0))
                tensors[key] = value
                tensors[stem + draw(ENDINGS)] = torch.full(draw(HALF_SHAPES), number)
            case 6:
                tensors[key.replace("0", draw(st.sampled_from(["9", "1", ""])))] = value
    if draw(st.booleans()):
        plain = {key: value.contiguous().clone() for key, value in tensors.items() if isinstance(value, Tensor)}
        return ".safetensors", as_safetensors(plain, metadata={"lora_adapter_metadata": draw(METADATA)})
    written = io.BytesIO()
    torch.save(tensors, written)
    return ".ckpt", written.getvalue()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


@pytest.fixture(scope="module")
def base():
    """A MODEL of 32 channels on its first level."""
    return small_pair(base=SD15).model


def check_message(error: MotionError) -> None:
    message = str(error)
    assert message.endswith(".") and message.isprintable() and len(message) < 1000


def any_motion_lora(folder: Path, file: tuple[str, bytes]) -> None:
    path = folder / f"lora{file[0]}"
    path.write_bytes(file[1])
    with torch.inference_mode():
        try:
            lora = open_motion_lora(path)
            assert lora.report()
            covered = coverage(lora, MOTION, "m.ckpt")
        except MotionError as error:
            check_message(error)
            return
        assert covered.report(path.name) and covered.unmatched >= 0
        low_rank = new_low_rank(covered.adapters, torch.float16, disable_dynamic=True).model
        for (key, adapter), up, down in zip(covered.adapters.items(), low_rank.up, low_rank.down, strict=True):
            weight = torch.zeros(MOTION[key])
            patched = adapter.calculate_weight(weight, key, 1.0, 1.0, None, lambda change: change)
            assert patched.shape == MOTION[key] and patched.isfinite().all()
            scheduled = up.weight.float() @ down.weight.float()
            assert torch.allclose(patched, scheduled, rtol=0.01, atol=0.01)


def any_adapter(base, folder: Path, file: tuple[str, bytes]) -> None:
    path = folder / f"adapter{file[0]}"
    path.write_bytes(file[1])
    with torch.inference_mode():
        try:
            adapted, report = apply_domain_adapter(base, path, 1.0)
        except MotionError as error:
            check_message(error)
        else:
            assert report and adapted.patches
            for key, patches in adapted.patches.items():
                weight = torch.zeros(comfy.utils.get_attr(base.model, key).shape)
                patched = comfy.lora.calculate_weight(patches, weight, key)
                assert patched.shape == weight.shape and patched.isfinite().all()
    assert not base.patches


@fuzzed(FREQUENT, derandomize=True)
@given(file=lora_files(MOTION_NAMES))
def test_any_motion_lora_is_finite_or_a_motion_error(folder: Path, file: tuple[str, bytes]) -> None:
    any_motion_lora(folder, file)


@fuzzed(FREQUENT, derandomize=True)
@given(file=lora_files(SPATIAL_NAMES))
def test_any_adapter_is_finite_or_a_motion_error(base, folder: Path, file: tuple[str, bytes]) -> None:
    any_adapter(base, folder, file)


@pytest.mark.nightly
@fuzzed(NIGHTLY, derandomize=False)
@given(file=lora_files(MOTION_NAMES))
def test_more_motion_loras_are_finite_or_a_motion_error(folder: Path, file: tuple[str, bytes]) -> None:
    any_motion_lora(folder, file)


@pytest.mark.nightly
@fuzzed(NIGHTLY, derandomize=False)
@given(file=lora_files(SPATIAL_NAMES))
def test_more_adapters_are_finite_or_a_motion_error(base, folder: Path, file: tuple[str, bytes]) -> None:
    any_adapter(base, folder, file)
