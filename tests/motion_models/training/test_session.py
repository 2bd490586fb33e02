"""Trainings inside ComfyUI, on small models."""

import dataclasses
from collections import UserList
from collections.abc import Callable
from pathlib import Path

import comfy.model_management
import pytest
import torch
from animatediff_xl.motion_models import host
from animatediff_xl.motion_models.errors import MotionError
from animatediff_xl.motion_models.files.checkpoints import tensor_shapes
from animatediff_xl.motion_models.lora.domain_adapter import apply_domain_adapter
from animatediff_xl.motion_models.lora.motion_lora import coverage, open_motion_lora
from animatediff_xl.motion_models.training import session as session_module
from animatediff_xl.motion_models.training.dataset import training_clips
from animatediff_xl.motion_models.training.engine import Training, TrainingSettings
from animatediff_xl.motion_models.training.job import Job, Observer, Outcome, run_job
from animatediff_xl.motion_models.training.losses import NoiseSettings
from animatediff_xl.motion_models.training.recipes import models_of
from animatediff_xl.motion_models.training.session import Session, train_motion, train_stills
from animatediff_xl.motion_models.training.stages import (
    FROM_FILE,
    LAYERS,
    Trained,
    domain_adapter,
    motion_lora,
    motion_model,
)
from comfy_extras.nodes_model_advanced import ModelSamplingDiscrete

from tests.sampling import hooks_left, sample
from tests.small import conditioning, save
from tests.windowed import windowed

FRAMES, CLIPS, STEPS = 4, 3, 3
SETTINGS = TrainingSettings(STEPS, 1e-2, average_decay=None, clips_per_step=2)
SESSION = Session(SETTINGS, NoiseSettings("debiased"), 5, "off")


@pytest.fixture(autouse=True)
def inference():
    """Nodes run in inference mode, and a training leaves it."""
    with torch.inference_mode():
        yield


@pytest.fixture
def clips():
    generator = torch.Generator().manual_seed(3)
    latents = [torch.randn(FRAMES, 4, 8, 8, generator=generator) for _ in range(CLIPS)]
    return training_clips([{"samples": clip} for clip in latents], [conditioning(seed) for seed in range(CLIPS)])


def train_lora(model, motion, clips, session=SESSION, on_step=lambda *_: None) -> tuple[Training, Trained]:
    return train_motion(
        model, motion, lambda modules: motion_lora(modules, 4, LAYERS["attention"], 0), clips, session, on_step
    )


def recorded(function: Callable, results: list, fails_at: int = 0) -> Callable:
    """The function, which also keeps its results, and runs out of memory after so many calls."""

    def call(*args):
        results.append(function(*args))
        if len(results) == fails_at:
            raise MemoryError
        return results[-1]

    return call


def fixed_loss(model, motion, clips, state=None) -> float:
    """The mean loss at the noise of the first steps, without learning."""
    still = TrainingSettings(6, learning_rate=0.0, weight_decay=0.0, average_decay=None)
    state = state and state | {"losses": torch.zeros(0)}
    training, _ = train_lora(model, motion, clips, dataclasses.replace(SESSION, training=still, state=state))
    return sum(training.losses) / len(training.losses)


def test_a_motion_lora_learns_and_leaves_everything_else(model, motion, clips) -> None:
    before = {key: value.clone() for key, value in model.model.state_dict().items()}
    picture = sample(model)
    session = dataclasses.replace(SESSION, training=dataclasses.replace(SESSION.training, steps=25, warmup_steps=5))
    training, trained = train_lora(model, motion, clips, session)
    assert fixed_loss(model, motion, clips, training.state()) < 0.97 * fixed_loss(model, motion, clips)
    assert all(torch.equal(value, before[key]) for key, value in model.model.state_dict().items())
    assert torch.equal(sample(model), picture)
    assert hooks_left(model) == 0 and not comfy.model_management.in_training
    assert torch.is_inference_mode_enabled()
    tensors = trained.tensors(training.weights())
    assert len(tensors) == 2 * 4 * 2 * 15 and not any(key.endswith("alpha") for key in tensors)


@pytest.mark.parametrize("kind", ["on", "on, in pieces"])
def test_checkpointing_gives_the_same_weights(model, motion, clips, kind: str) -> None:
    plain, _ = train_lora(model, motion, clips)
    saved, _ = train_lora(model, motion, clips, dataclasses.replace(SESSION, checkpointing=kind))
    expected, found = plain.weights(), saved.weights()
    assert max((found[name] - value).abs().max() for name, value in expected.items()) <= (0 if kind == "on" else 1e-5)


def test_an_interrupted_training_goes_on(model, motion, clips) -> None:
    whole, _ = train_lora(model, motion, clips)
    states = []

    def stop(training: Training, _: Trained) -> None:
        states.append({name: value.clone() for name, value in training.state().items()})
        if training.steps_done == 2:
            comfy.model_management.interrupt_current_processing()

    with pytest.raises(comfy.model_management.InterruptProcessingException):
        train_lora(model, motion, clips, on_step=stop)
    assert not comfy.model_management.in_training and hooks_left(model) == 0
    resumed, _ = train_lora(model, motion, clips, dataclasses.replace(SESSION, state=states[-1]))
    assert resumed.losses == whole.losses
    assert all(torch.equal(value, whole.weights()[name]) for name, value in resumed.weights().items())


@pytest.mark.parametrize("kind", ["on", "on, in pieces"])
def test_an_error_in_a_step_leaves_nothing_behind(model, motion, clips, animate, monkeypatch, kind: str) -> None:
    copies, losses = [], []
    picture = sample(animate(model))
    with monkeypatch.context() as patched, pytest.raises(MemoryError):
        patched.setattr(session_module, "copy_of", recorded(session_module.copy_of, copies))
        patched.setattr(session_module, "noise_loss", recorded(session_module.noise_loss, losses, fails_at=4))
        train_lora(model, motion, clips, dataclasses.replace(SESSION, checkpointing=kind))
    (copy,) = copies
    networks = [copy.model, *(each.model for each in host.added_models(copy, host.KEY))]
    layers = [layer for network in networks for layer in network.modules()]
    assert len(networks) == 2 and not any(layer._forward_hooks or layer._forward_pre_hooks for layer in layers)
    assert not any({"forward", "temporal_forward"} & vars(layer).keys() for layer in layers)
    assert not comfy.model_management.in_training and torch.is_inference_mode_enabled()
    assert torch.equal(sample(animate(model)), picture)


def test_a_training_in_bf16_keeps_its_weights_in_fp32(model, motion, clips) -> None:
    exact, _ = train_lora(model, motion, clips)
    half, trained = train_lora(model, motion, clips, dataclasses.replace(SESSION, precision="bf16"))
    assert half.losses != exact.losses
    assert half.losses == pytest.approx(exact.losses, rel=0.02)
    assert {weight.dtype for weight in trained.module.parameters()} == {torch.float32}


def test_captions_of_another_base_are_refused(model, motion, clips) -> None:
    narrow = [[(entry[0][..., :48], entry[1]) for entry in each] for each in clips.conditions]
    with pytest.raises(MotionError, match="encode the captions with the CLIP of this MODEL"):
        train_lora(model, motion, dataclasses.replace(clips, conditions=tuple(narrow)))


def test_clips_in_files_train_like_clips_in_memory(model, motion, clips) -> None:
    """Each is read when a step asks for it."""
    read = []

    class Files(UserList):
        def __getitem__(self, clip):
            read.append(clip)
            return super().__getitem__(clip)

    in_files = dataclasses.replace(clips, latents=Files(clips.latents), conditions=Files(clips.conditions))
    expected, found = train_lora(model, motion, clips)[0], train_lora(model, motion, in_files)[0]
    assert found.losses == expected.losses
    assert all(torch.equal(value, expected.weights()[name]) for name, value in found.weights().items())
    assert len(read) >= 2 * STEPS * SETTINGS.clips_per_step


def test_a_motion_model_is_trained_in_fp32(model, motion, clips) -> None:
    training, trained = train_motion(
        model, motion, lambda modules: motion_model(modules, FROM_FILE, 0), clips, SESSION, lambda *_: None, True
    )
    tensors = trained.tensors(training.weights())
    before = motion.another_patcher(torch.float32).model.state_dict()
    assert tensors.keys() == before.keys()
    changed = {key for key, value in tensors.items() if not torch.equal(value, before[key])}
    assert changed == {key for key in tensors if not key.endswith("pos_encoder.pe")}


def test_a_domain_adapter_is_trained_on_stills_and_loads(model, motion, clips, tmp_path) -> None:
    names = host.adapter_names(model)
    training, trained = train_stills(
        model, lambda unet: domain_adapter(unet, names, 4, 0), clips, SESSION, lambda *_: None
    )
    path = save(trained.tensors(training.weights()), tmp_path / "adapter.safetensors")
    adapted, report = apply_domain_adapter(model, path, 1.0)
    assert ", 0 not." in report
    assert not torch.equal(sample(adapted), sample(model))


def test_a_trained_motion_lora_loads(model, motion, clips, tmp_path) -> None:
    training, trained = train_lora(model, motion, clips)
    path = save(trained.tensors(training.weights()), tmp_path / "lora.safetensors")
    report = coverage(open_motion_lora(path), tensor_shapes(motion.shape), "m").report("lora")
    assert ", 0 not." in report


def train_job(model, motion, clips, folder: Path, steps: int) -> Outcome:
    job = Job("pan", folder / "results", folder, 100, {}, models_of(model, motion), resumes=True)
    session = dataclasses.replace(SESSION, training=dataclasses.replace(SETTINGS, steps=steps))
    return run_job(job, lambda *given: train_lora(model, motion, *given), session, clips, Observer(lambda _: None))


def test_a_training_with_more_steps_goes_on(model, motion, clips, tmp_path) -> None:
    first = train_job(model, motion, clips, tmp_path, 2)
    second = train_job(model, motion, clips, tmp_path, 4)
    assert second.losses[:2] == first.losses and len(second.losses) == 4


def test_other_captions_or_models_are_refused(model, motion, clips, tmp_path) -> None:
    train_job(model, motion, clips, tmp_path, 1)
    other = dataclasses.replace(clips, conditions=clips.conditions[::-1])
    with pytest.raises(MotionError, match="What changed: captions."):
        train_job(model, motion, other, tmp_path, 2)
    changed = model.clone()
    changed.add_patches({"diffusion_model.out.2.weight": (torch.ones(4, 32, 3, 3),)}, 0.5)
    with pytest.raises(MotionError, match="What changed: model."):
        train_job(changed, motion, clips, tmp_path, 2)


def test_an_adapter_trains_with_sigmas_of_another_node(model, clips) -> None:
    (other,) = ModelSamplingDiscrete().patch(model, "v_prediction", True)
    names = host.adapter_names(other)
    training, _ = train_stills(other, lambda unet: domain_adapter(unet, names, 4, 0), clips, SESSION, lambda *_: None)
    assert training.steps_done == STEPS


def bypassed(model):
    changed = model.clone()
    changed.set_injections("bypass", [])
    return changed


UNUSABLE = {"context windows": windowed, "a LoRA in bypass mode": bypassed}


@pytest.mark.parametrize("what", UNUSABLE)
def test_a_model_that_a_training_cannot_follow_is_refused(model, motion, clips, what: str) -> None:
    with pytest.raises(MotionError, match=f"This MODEL has {what}"):
        train_lora(UNUSABLE[what](model), motion, clips)


@pytest.mark.parametrize("option", ["hooks", "start_percent"])
def test_options_of_a_conditioning_that_cannot_be_used_are_refused(model, motion, clips, option: str) -> None:
    conditions = tuple([(entry[0], entry[1] | {option: 0.5}) for entry in each] for each in clips.conditions)
    with pytest.raises(MotionError, match="The conditioning"):
        train_lora(model, motion, dataclasses.replace(clips, conditions=conditions))
