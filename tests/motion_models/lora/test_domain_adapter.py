"""Domain adapters: every key format changes the spatial attention, and alpha 0 changes nothing."""

from pathlib import Path

import comfy.lora
import pytest
import torch
from animatediff_xl.motion_models.errors import MotionError
from animatediff_xl.motion_models.lora.domain_adapter import apply_domain_adapter
from torch import Tensor

from tests.motion_models.lora.test_motion_lora import processor, random_pairs
from tests.sampling import sample
from tests.small import SD15, Pair, save, small_pair

RANK = 4


@pytest.fixture(scope="module")
def sd15() -> Pair:
    return small_pair(base=SD15)


def adapter(pair: Pair) -> dict[str, tuple[Tensor, Tensor]]:
    """(down, up) for q, k, v and out of every spatial attention, by diffusers' names."""
    generator = torch.Generator().manual_seed(0)
    found = {}
    for key, value in pair.oracle.state_dict().items():
        path = key.removesuffix(".weight")
        if ".attentions." in path and path.endswith(("to_q", "to_k", "to_v", "to_out.0")):
            down = torch.randn(RANK, value.shape[1], generator=generator) / RANK
            found[path] = down, 0.1 * torch.randn(value.shape[0], RANK, generator=generator)
    return found


def written(pair: Pair, key_format: str) -> dict[str, Tensor]:
    name = {
        "authors": processor,
        "diffusers": lambda path: "unet." + processor(path),
        "kohya": lambda path: "lora_unet_" + path.replace(".", "_") + ".lora_",
    }[key_format]
    separator = "" if key_format == "kohya" else "."
    return {
        f"{name(path)}{separator}{part}.weight": value
        for path, (down, up) in adapter(pair).items()
        for part, value in (("down", down), ("up", up))
    }


@pytest.mark.parametrize("key_format", ["authors", "diffusers", "kohya"])
def test_every_key_format_changes_every_spatial_attention(sd15: Pair, tmp_path: Path, key_format: str) -> None:
    path = save(written(sd15, key_format), tmp_path / "v3_sd15_adapter.ckpt")
    adapted, report = apply_domain_adapter(sd15.model, path, 0.7)
    assert report == "v3_sd15_adapter.ckpt is added to this MODEL: rank 4, 256 tensors used, 0 not."
    weights = sd15.model.model.state_dict()
    before = {key: weights[key].clone() for key in adapted.patches}
    assert len(before) == 128
    after = {key: comfy.lora.calculate_weight(adapted.patches[key], before[key].clone(), key) for key in before}
    changes = sorted((after[key] - before[key]).abs().sum().item() for key in before)
    expected = sorted((0.7 * up @ down).abs().sum().item() for down, up in adapter(sd15).values())
    assert changes == pytest.approx(expected, rel=1e-4)
    sample(adapted)
    sample(sd15.model)
    weights = sd15.model.model.state_dict()
    assert all(torch.equal(weights[key], before[key]) for key in before)


def test_alpha_zero_leaves_the_result_unchanged(sd15: Pair, tmp_path: Path) -> None:
    path = save(written(sd15, "authors"), tmp_path / "adapter.ckpt")
    plain = sample(sd15.model)
    full, none = (apply_domain_adapter(sd15.model, path, alpha)[0] for alpha in (1.0, 0.0))
    assert not torch.equal(sample(full), plain)
    assert torch.equal(sample(none), plain)
    assert torch.equal(sample(sd15.model), plain)


def test_an_adapter_for_another_base_is_refused(sd15: Pair, pair: Pair, tmp_path: Path) -> None:
    path = save(written(sd15, "authors"), tmp_path / "v3_sd15_adapter.ckpt")
    unfit = {key: torch.zeros(3, 3) for key in written(sd15, "authors")}
    with pytest.raises(MotionError, match=r"not a domain adapter for this MODEL.*\(SD15\), such as v3_sd15_adapter"):
        apply_domain_adapter(sd15.model, save(unfit, path), 1.0)


def test_an_adapter_with_half_a_pair_is_refused(sd15: Pair, tmp_path: Path) -> None:
    halves = {key: value for key, value in written(sd15, "authors").items() if ".down." not in key}
    with pytest.raises(MotionError, match="half.ckpt is damaged: it has one half of a low-rank pair without the other"):
        apply_domain_adapter(sd15.model, save(halves, tmp_path / "half.ckpt"), 1.0)


class Quantised(torch.Tensor):
    """A weight like those of ComfyUI-GGUF: its elements are bytes, and only `shape` gives the size of the weight."""

    size_of_weight: torch.Size

    @property
    def shape(self) -> torch.Size:
        return getattr(self, "size_of_weight", self.size())


def quantised(weight: Tensor) -> Quantised:
    stored = torch.zeros(weight.shape[0], weight.shape[1] // 32 * 34, dtype=torch.uint8).as_subclass(Quantised)
    stored.size_of_weight = weight.shape
    return stored


def test_an_adapter_fits_weights_that_are_quantised(tmp_path: Path) -> None:
    fresh = small_pair(base=SD15)
    path = save(written(fresh, "authors"), tmp_path / "adapter.ckpt")
    for module in fresh.model.model.modules():
        for name, weight in list(module.named_parameters(recurse=False)):
            if weight.ndim == 2:
                module._parameters[name] = quantised(weight)  # type: ignore
    adapted, report = apply_domain_adapter(fresh.model, path, 1.0)
    assert report == "adapter.ckpt is added to this MODEL: rank 4, 256 tensors used, 0 not."
    assert len(adapted.patches) == 128


def test_pairs_of_another_size_are_not_used(sd15: Pair, tmp_path: Path) -> None:
    pairs = written(sd15, "authors")
    name = next(key for key in pairs if key.endswith("to_q_lora.up.weight"))
    _, report = apply_domain_adapter(sd15.model, save(pairs | {name: pairs[name][:-1]}, tmp_path / "a.ckpt"), 1.0)
    assert report == "a.ckpt is added to this MODEL: rank 4, 254 tensors used, 2 not."


def test_pairs_of_convolutions_change_their_weights(sd15: Pair, tmp_path: Path) -> None:
    """A projection of SD1.5 is a 1x1 convolution, and a ResBlock has 3x3 ones."""
    weights = sd15.model.model.state_dict()
    generator = torch.Generator().manual_seed(0)
    pairs, expected = {}, {}
    for key, weight in weights.items():
        if weight.ndim == 4 and key.startswith("diffusion_model.input_blocks.1."):
            down = torch.randn(2, *weight.shape[1:], generator=generator)
            up = torch.randn(weight.shape[0], 2, 1, 1, generator=generator)
            name = "lora_unet_" + key.removeprefix("diffusion_model.").removesuffix(".weight").replace(".", "_")
            pairs |= {f"{name}.lora_down.weight": down, f"{name}.lora_up.weight": up}
            expected[key] = torch.einsum("or,rchw->ochw", up.flatten(1), down)
    adapted, _ = apply_domain_adapter(sd15.model, save(pairs, tmp_path / "a.ckpt"), 1.0)
    assert {weights[key].shape[-1] for key in expected} == {1, 3}
    for key, change in expected.items():
        changed = comfy.lora.calculate_weight(adapted.patches[key], torch.zeros_like(change), key)
        assert torch.allclose(changed, change, atol=1e-5)


def test_a_motion_lora_is_refused_as_domain_adapter(sd15: Pair, tmp_path: Path) -> None:
    lora = {f"{processor(path)}.down.weight": down for path, (down, _) in random_pairs(sd15.motion).items()}
    with pytest.raises(MotionError, match="is a MotionLoRA.*not a domain adapter.*Load AnimateDiff Motion LoRA"):
        apply_domain_adapter(sd15.model, save(lora, tmp_path / "pan.ckpt"), 1.0)
