"""The stages of a training: their first weights, and files that other programs take."""

import comfy.model_management
import pytest
import torch
from animatediff_xl.motion_models.files.loading import open_motion_file
from animatediff_xl.motion_models.lora.motion_lora import ChosenLora, open_motion_lora
from animatediff_xl.motion_models.training.stages import AUTHORS, KEY_FORMATS, LAYERS, STARTS, motion_lora, motion_model

from tests.motion_models.sampling.test_parity import TOLERANCE, inputs, oracle_noise, predicted_noise
from tests.sampling import sample
from tests.small import save, small_pair


def trained_lora(motion, layers: str, key_format: str) -> dict[str, torch.Tensor]:
    """A MotionLoRA as if it were trained: its `up` is not zero."""
    modules = motion.another_patcher(torch.float32, disable_dynamic=True).model
    lora = motion_lora(modules, 4, LAYERS[layers], 0, key_format)
    generator = torch.Generator().manual_seed(1)
    weights = {
        name: 0.2 * torch.randn(weight.shape, generator=generator) if name.startswith("up.") else weight
        for name, weight in lora.module.state_dict().items()
    }
    return lora.tensors(weights)


@pytest.mark.parametrize("layers", LAYERS)
def test_diffusers_loads_a_trained_motion_lora(motion, animate, tmp_path, layers: str) -> None:
    fresh, given = small_pair(), inputs(4, 16, 16, 2)
    plain = oracle_noise(fresh, **given)
    tensors = trained_lora(motion, layers, "diffusers")
    fresh.oracle.load_lora_adapter({**tensors}, prefix="unet", adapter_name="trained")
    loaded = [key for key in fresh.oracle.state_dict() if "lora" in key]
    expected = oracle_noise(fresh, **given)
    assert len(loaded) == len(tensors) and (expected - plain).abs().max() > 0.1
    for key_format in KEY_FORMATS:
        path = save(trained_lora(motion, layers, key_format), tmp_path / f"{key_format}.safetensors")
        animated = animate(fresh.model, loras=(ChosenLora(open_motion_lora(path), 1.0),))
        comfy.model_management.load_models_gpu(animated.get_additional_models())
        assert (predicted_noise(animated, **given) - expected).abs().max() < TOLERANCE


def animatediff_evolved_key(key: str) -> str:
    """The weight that AnimateDiff-Evolved patches for a pair, by its rule (motion_lora of the legacy loader)."""
    for part in ("processor.", "_lora", "down.", "up."):
        key = key.replace(part, "")
    return key.replace("to_out.", "to_out.0.")


@pytest.mark.parametrize("layers", LAYERS)
def test_animatediff_evolved_finds_each_pair(pair, motion, layers: str) -> None:
    tensors = trained_lora(motion, layers, AUTHORS)
    downs = [key for key in tensors if ".down." in key]
    assert len(tensors) == 2 * len(downs) and all("temporal" in key for key in downs)
    for key in downs:
        product = tensors[key.replace(".down.", ".up.")] @ tensors[key]
        assert product.shape == pair.motion[animatediff_evolved_key(key)].shape


def test_a_motion_model_from_nothing_adds_no_motion_yet(pair, motion, animate, tmp_path) -> None:
    modules = motion.another_patcher(torch.float32, disable_dynamic=True).model
    state = torch.random.get_rng_state()
    from_file, from_nothing = (motion_model(modules, start, 0).tensors(modules.state_dict()) for start in STARTS)
    assert torch.equal(state, torch.random.get_rng_state())
    assert from_file.keys() == from_nothing.keys()
    opened = open_motion_file(save(from_nothing, tmp_path / "new.safetensors"))
    assert (opened.family, opened.shape, opened.unused) == (motion.family, motion.shape, 0)
    assert torch.equal(sample(animate(pair.model, opened)), sample(pair.model))
