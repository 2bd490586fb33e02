"""Files of a training are whole, and a state belongs to one training only."""

from pathlib import Path

import pytest
import safetensors.torch
import torch
from animatediff_xl.motion_models.errors import MotionError
from animatediff_xl.motion_models.training import states
from animatediff_xl.motion_models.training.states import STATE, digest_of, load_state, save_state, save_whole

LATENTS = [torch.zeros(2, 4, 3, 3), torch.ones(2, 4, 3, 3)]
FACTS = {"learning_rate": "0.0001", "clips": digest_of(LATENTS)}


def test_a_state_comes_back_for_the_same_training(tmp_path: Path) -> None:
    state = {"weights.a": torch.arange(3.0), "losses": torch.tensor([0.5], dtype=torch.float64)}
    save_state(tmp_path, state, FACTS)
    found = load_state(tmp_path, dict(reversed(FACTS.items())))
    assert found is not None and all(torch.equal(found[key], value) for key, value in state.items())
    assert load_state(tmp_path / "another", FACTS) is None


CHANGES = {
    "learning_rate": FACTS | {"learning_rate": "0.0002"},
    "clips": FACTS | {"clips": digest_of(LATENTS[::-1])},
    "rank": FACTS | {"rank": "4"},
}


@pytest.mark.parametrize("changed", CHANGES)
def test_a_change_is_refused_by_its_name(tmp_path: Path, changed: str) -> None:
    save_state(tmp_path / "pan", {"losses": torch.zeros(1)}, FACTS)
    with pytest.raises(MotionError, match=f"pan was trained with other settings .* What changed: {changed}."):
        load_state(tmp_path / "pan", CHANGES[changed])


@pytest.mark.parametrize("kept", [0, 5, 60])
def test_a_state_that_is_cut_short_is_refused(tmp_path: Path, kept: int) -> None:
    save_state(tmp_path, {"losses": torch.zeros(100)}, FACTS)
    (tmp_path / STATE).write_bytes((tmp_path / STATE).read_bytes()[:kept])
    with pytest.raises(MotionError, match="is damaged: choose another name"):
        load_state(tmp_path, FACTS)


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
