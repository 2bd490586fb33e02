"""Files of a training are whole, and a state belongs to one training only."""

from pathlib import Path

import pytest
import safetensors.torch
import torch
from animatediff_xl.motion_models.errors import MotionError
from animatediff_xl.motion_models.training import states
from animatediff_xl.motion_models.training.states import fingerprint, load_state, save_state, save_whole

LATENTS = [torch.zeros(2, 4, 3, 3), torch.ones(2, 4, 3, 3)]
SETTINGS = {"steps": 5, "learning_rate": 1e-4}


def test_a_state_comes_back_for_the_same_training(tmp_path: Path) -> None:
    state = {"weights.a": torch.arange(3.0), "losses": torch.tensor([0.5], dtype=torch.float64)}
    save_state(tmp_path, state, fingerprint(SETTINGS, LATENTS))
    found = load_state(tmp_path, fingerprint(dict(reversed(SETTINGS.items())), LATENTS))
    assert found is not None and all(torch.equal(found[key], value) for key, value in state.items())
    assert load_state(tmp_path / "another", "mark") is None


@pytest.mark.parametrize(
    ("settings", "latents"), [({**SETTINGS, "steps": 6}, LATENTS), (SETTINGS, LATENTS[::-1]), (SETTINGS, LATENTS[:1])]
)
def test_other_settings_or_clips_are_refused(tmp_path: Path, settings: dict, latents: list) -> None:
    save_state(tmp_path / "pan", {"losses": torch.zeros(1)}, fingerprint(SETTINGS, LATENTS))
    with pytest.raises(MotionError, match="pan was trained with other settings or other clips"):
        load_state(tmp_path / "pan", fingerprint(settings, latents))


def test_a_failed_write_keeps_the_last_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "lora.safetensors"
    save_whole({"a": torch.ones(2)}, path, {})

    def full(tensors, target, metadata):
        Path(target).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(states, "save_file", full)
    with pytest.raises(MotionError, match="lora.safetensors cannot be written: make room .* No space left"):
        save_whole({"a": torch.zeros(2)}, path, {})
    assert torch.equal(safetensors.torch.load_file(path)["a"], torch.ones(2))
    assert [file.name for file in tmp_path.iterdir()] == ["lora.safetensors"]
