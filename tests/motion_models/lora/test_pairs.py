"""Low-rank pairs: what a damaged pair and an unsupported method give, patched and scheduled."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from animatediff_xl.motion_models import host
from animatediff_xl.motion_models.errors import MotionError
from animatediff_xl.motion_models.lora.domain_adapter import apply_domain_adapter
from animatediff_xl.motion_models.lora.motion_lora import coverage, open_motion_lora
from animatediff_xl.motion_models.lora.pairs import Pairs, pairs_in
from animatediff_xl.motion_models.network.low_rank import new_low_rank
from safetensors.torch import save_file
from torch import Tensor

from tests.small import SD15, host_model, random_motion, save, shapes_of

WIDTH, RANK = 32, 4
SHAPES = {"layer.weight": torch.Size((WIDTH, WIDTH))}
SHAPES_OF_CONVOLUTION = {"layer.weight": torch.Size((WIDTH, WIDTH, 1, 1))}
NAMES = {"layer": "layer.weight"}
DOWN, UP, ALPHA = "layer.lora_down.weight", "layer.lora_up.weight", "layer.alpha"


def good() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {
        DOWN: torch.randn(RANK, WIDTH, generator=generator),
        UP: torch.randn(WIDTH, RANK, generator=generator),
        ALPHA: torch.tensor(2.0),
    }


def found(changes: dict[str, Tensor], shapes: dict[str, torch.Size] = SHAPES) -> Pairs:
    return pairs_in(good() | changes, NAMES, shapes, "x.ckpt")


def patched(pairs: Pairs, shape: torch.Size = SHAPES["layer.weight"]) -> Tensor:
    (adapter,) = pairs.fitting.values()
    return adapter.calculate_weight(torch.zeros(shape), "layer.weight", 1.0, 1.0, None, lambda change: change)


def scheduled(pairs: Pairs) -> Tensor:
    weights = new_low_rank(pairs.fitting, torch.float32, disable_dynamic=True).model.state_dict()
    return weights["up.0.weight"] @ weights["down.0.weight"]


def as_is(tensor: Tensor) -> Tensor:
    return tensor


TAKEN: dict[str, Callable[[Tensor], Tensor]] = {
    "as matrices": as_is,
    "as convolutions": lambda half: half[:, :, None, None],
    "in fp8": lambda half: half.to(torch.float8_e4m3fn),
    "in the other fp8": lambda half: half.to(torch.float8_e5m2),
    "in float64": lambda half: half.double(),
    "in float16": lambda half: half.half(),
}


@pytest.mark.parametrize("kind", TAKEN)
def test_patched_and_scheduled_pairs_are_the_same(kind: str) -> None:
    change = {key: TAKEN[kind](good()[key]) for key in (DOWN, UP)}
    down, up = (change[key].float().flatten(1) for key in (DOWN, UP))
    pairs, expected = found(change), up @ down * 2 / RANK
    assert (pairs.used, pairs.rank) == (3, RANK)
    assert torch.allclose(patched(pairs), expected, atol=1e-5)
    assert torch.allclose(scheduled(pairs), expected, atol=1e-5)


def test_a_pair_of_matrices_changes_a_convolution() -> None:
    pairs = found({}, SHAPES_OF_CONVOLUTION)
    assert patched(pairs, SHAPES_OF_CONVOLUTION["layer.weight"]).abs().max() > 1


MATRICES, ALPHAS, NUMBERS = "is not two matrices", "is not one finite number", "has NaN, infinite or far too large"
DAMAGED = {
    "a number for down": ({DOWN: torch.tensor(1.0)}, MATRICES),
    "a number for up": ({UP: torch.tensor(1.0)}, MATRICES),
    "a vector": ({UP: torch.ones(WIDTH)}, MATRICES),
    "rank 0": ({DOWN: torch.zeros(0, WIDTH), UP: torch.zeros(WIDTH, 0)}, MATRICES),
    "two ranks": ({UP: torch.zeros(WIDTH, RANK + 1)}, MATRICES),
    "a large convolution": ({DOWN: torch.zeros(RANK, WIDTH // 4, 2, 2)}, MATRICES),
    "whole numbers": ({UP: torch.ones(WIDTH, RANK, dtype=torch.int64)}, MATRICES),
    "bytes": ({DOWN: torch.ones(RANK, WIDTH, dtype=torch.uint8)}, MATRICES),
    "complex numbers": ({UP: torch.ones(WIDTH, RANK, dtype=torch.complex64)}, MATRICES),
    "NaN": ({UP: torch.full((WIDTH, RANK), torch.nan)}, NUMBERS),
    "NaN beside zeros": ({UP: torch.full((WIDTH, RANK), torch.nan), DOWN: torch.zeros(RANK, WIDTH)}, NUMBERS),
    "NaN in fp8": ({UP: torch.full((WIDTH, RANK), torch.nan).to(torch.float8_e4m3fn)}, NUMBERS),
    "infinity": ({DOWN: torch.full((RANK, WIDTH), -torch.inf)}, NUMBERS),
    "numbers beyond float16": ({DOWN: torch.full((RANK, WIDTH), 1e30)}, NUMBERS),
    "a product beyond float16": ({key: 400 * value.sign() for key, value in good().items()}, NUMBERS),
    "two alphas": ({ALPHA: torch.ones(2)}, ALPHAS),
    "no alpha in its tensor": ({ALPHA: torch.ones(0)}, ALPHAS),
    "alpha NaN": ({ALPHA: torch.tensor(torch.nan)}, ALPHAS),
    "alpha infinite": ({ALPHA: torch.tensor(torch.inf)}, ALPHAS),
    "alpha complex": ({ALPHA: torch.tensor(1j)}, ALPHAS),
    "alpha far too large": ({ALPHA: torch.tensor(1e9)}, NUMBERS),
}  # fmt: skip


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_damaged_pair_is_refused(kind: str) -> None:
    changes, reason = DAMAGED[kind]
    with pytest.raises(MotionError, match=rf"x\.ckpt is damaged.* low-rank pair layer {reason}.*\.$"):
        found(changes)


def test_pairs_of_unknown_names_are_not_looked_at() -> None:
    assert found({"other.lora_up.weight": torch.tensor(torch.nan)}).used == 3


METHODS = {
    "LoHa": ("hada_w1_a", "LoHa"),
    "LoKr": ("lokr_w1", "LoKr"),
    "DoRA": ("dora_scale", r"DoRA \(dora_scale\)"),
    "DoRA of peft": ("lora_magnitude_vector", "DoRA"),
    "OFT": ("oft_blocks", "OFT"),
    "Tucker": ("lora_mid.weight", r"a middle matrix \(lora_mid\)"),
    "reshape": ("reshape_weight", r"reshaped weights \(reshape_weight\)"),
    "diff": ("diff", r"whole weights \(\.diff\)"),
    "diff of a bias": ("diff_b", "whole weights"),
    "weights": ("set_weight", "whole weights"),
}
MOTION_STEM = "lora_unet_down_blocks_0_motion_modules_0_temporal_transformer_proj_in"
SPATIAL_STEM = "lora_unet_down_blocks_0_attentions_0_proj_in"


@pytest.mark.parametrize("beside_pairs", [False, True])
@pytest.mark.parametrize("kind", METHODS)
def test_an_unsupported_method_is_refused_by_name(tmp_path: Path, kind: str, beside_pairs: bool) -> None:
    ending, method = METHODS[kind]
    for stem, opened in (
        (MOTION_STEM, open_motion_lora),
        (SPATIAL_STEM, lambda path: apply_domain_adapter(host_model(None, base=SD15), path, 1.0)),
    ):
        tensors = {f"{stem}.{ending}": torch.ones(4, 4)}
        if beside_pairs:
            tensors |= {f"{stem}.lora_down.weight": torch.ones(RANK, WIDTH)}
            tensors |= {f"{stem}.lora_up.weight": torch.ones(WIDTH, RANK)}
        path = save(tensors, tmp_path / "x.safetensors")
        with pytest.raises(MotionError, match=rf"x\.safetensors uses {method}.*, which this pack does not support"):
            opened(path)


PEFT = ("unet.down_blocks.0.motion_modules.0.proj_in", "down_blocks.0.motion_modules.0.temporal_transformer.proj_in")
STRANGE: dict[str, Any] = {
    "not JSON": "{",
    "empty": "",
    "a list": "[1]",
    "a number": "1",
    "null": "null",
    "deeply nested": "[" * 100_000,
    "an alpha of text": json.dumps({"lora_alpha": "x"}),
    "an alpha of a list": json.dumps({"lora_alpha": [1]}),
    "an alpha of null": json.dumps({"lora_alpha": None}),
    "an alpha beyond all numbers": '{"lora_alpha": ' + "9" * 400 + "}",
}


def peft_file(path: Path, metadata: str) -> Path:
    name, _ = PEFT
    tensors = {f"{name}.lora_A.weight": torch.ones(RANK, WIDTH), f"{name}.lora_B.weight": torch.ones(WIDTH, RANK)}
    save_file(tensors, path, metadata={"lora_adapter_metadata": metadata})
    return path


@pytest.fixture(scope="module")
def shapes() -> dict[str, torch.Size]:
    return shapes_of(random_motion((32, 32, 32)))


@pytest.mark.parametrize("kind", STRANGE)
def test_metadata_that_peft_did_not_write_is_ignored(tmp_path: Path, shapes, kind: str) -> None:
    covered = coverage(open_motion_lora(peft_file(tmp_path / "x.safetensors", STRANGE[kind])), shapes, "m.ckpt")
    assert covered.adapters[f"{PEFT[1]}.weight"].weights[2] is None


@pytest.mark.parametrize("alpha", ["NaN", "-Infinity", "1e999"])
def test_an_infinite_alpha_in_the_metadata_is_refused(tmp_path: Path, shapes, alpha: str) -> None:
    lora = open_motion_lora(peft_file(tmp_path / "x.safetensors", f'{{"lora_alpha": {alpha}}}'))
    with pytest.raises(MotionError, match="The alpha of its low-rank pair .* is not one finite number"):
        coverage(lora, shapes, "m.ckpt")


def test_a_file_is_opened_once_for_its_metadata(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = peft_file(tmp_path / "x.safetensors", json.dumps({"lora_alpha": 8}))
    both = host.read_tensors(path)

    def read_and_remove(_path: Path) -> Any:
        path.unlink()
        return both

    monkeypatch.setattr(host, "read_tensors", read_and_remove)
    assert open_motion_lora(path).tensors[f"{PEFT[0]}.alpha"].item() == 8


def test_the_report_bears_halves_of_any_shape(tmp_path: Path) -> None:
    tensors = {f"{MOTION_STEM}.lora_down.weight": torch.tensor(1.0)}
    lora = open_motion_lora(save(tensors, tmp_path / "x.safetensors"))
    assert lora.report() == "A MotionLoRA: rank 0, 1 tensors."
