"""Previews: clips of a training's weights, which change nothing in the training."""

import dataclasses
from typing import Any

import comfy.model_management
import numpy as np
import pytest
import torch
from animatediff_xl.motion_models import host
from animatediff_xl.motion_models.errors import MotionError
from animatediff_xl.motion_models.files.loading import open_motion_file
from animatediff_xl.motion_models.lora.domain_adapter import apply_domain_adapter
from animatediff_xl.motion_models.lora.motion_lora import ChosenLora, open_motion_lora
from animatediff_xl.motion_models.sampling.apply import AUTO_BETA_SCHEDULE
from animatediff_xl.motion_models.training.dataset import training_clips
from animatediff_xl.motion_models.training.engine import Training, TrainingSettings
from animatediff_xl.motion_models.training.losses import NoiseSettings
from animatediff_xl.motion_models.training.monitoring.preview import Preview
from animatediff_xl.motion_models.training.session import Session, train_motion, train_stills
from animatediff_xl.motion_models.training.stages import (
    FROM_FILE,
    LAYERS,
    Trained,
    domain_adapter,
    motion_lora,
    motion_model,
)

from tests.sampling import hooks_left, sample, start_noise
from tests.small import conditioning, save

FRAMES, MORE_FRAMES, STEPS, EVERY = 4, 6, 3, 2
SAMPLER = host.SamplerSettings(steps=2, cfg=5.0, sampler_name="euler", scheduler="normal", seed=7)
SETTINGS = TrainingSettings(STEPS, 1e-2, warmup_steps=1, average_decay=None)
SESSION = Session(SETTINGS, NoiseSettings("debiased"), 5, "on")


class Decoder:
    """A VAE whose frames are the latents as colours, and which keeps the latents."""

    def __init__(self) -> None:
        self.latents: list[torch.Tensor] = []

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        self.latents.append(latents.clone())
        return latents[:, :3].movedim(1, -1).sigmoid()

    def clips(self, frames: int) -> torch.Tensor:
        """(clips f c h w)."""
        return torch.cat(self.latents).unflatten(0, (-1, frames))


@pytest.fixture
def clips():
    generator = torch.Generator().manual_seed(3)
    latents = [torch.randn(FRAMES, 4, 8, 8, generator=generator) for _ in range(2)]
    return training_clips([{"samples": clip} for clip in latents], [conditioning(seed) for seed in range(2)])


def preview_of(vae: Any, frames: int = FRAMES, sampler: host.SamplerSettings = SAMPLER) -> Preview:
    return Preview(conditioning(1), conditioning(2), vae, frames, 64, 64, sampler, EVERY)


def train_lora(model, motion, clips, session, on_step=lambda *_: None) -> tuple[Training, Trained]:
    return train_motion(
        model, motion, lambda modules: motion_lora(modules, 4, LAYERS["attention"], 0), clips, session, on_step
    )


@pytest.mark.parametrize(
    ("sampler_name", "precision"),
    [
        ("euler_ancestral", "auto"),
        pytest.param("ddim", "bf16", marks=pytest.mark.measured),
        pytest.param("dpmpp_sde", "auto", marks=pytest.mark.measured),
    ],
)
def test_a_training_with_previews_is_bit_equal(model, motion, clips, sampler_name: str, precision: str) -> None:
    quiet = dataclasses.replace(SESSION, precision=precision)
    plain, _ = train_lora(model, motion, clips, quiet)
    before = torch.get_rng_state()
    shown: list[tuple[int, np.ndarray]] = []
    sampler = dataclasses.replace(SAMPLER, sampler_name=sampler_name)
    session = dataclasses.replace(
        quiet,
        preview=preview_of(Decoder(), MORE_FRAMES, sampler),
        on_preview=lambda step, clip: shown.append((step, clip)),
    )
    watched, _ = train_lora(model, motion, clips, session)
    assert [step for step, _ in shown] == [0, 2, STEPS]
    assert all(clip.shape == (MORE_FRAMES, 8, 8, 3) and clip.dtype == np.uint8 for _, clip in shown)
    assert not np.array_equal(shown[0][1], shown[1][1])
    assert watched.losses == plain.losses
    assert all(torch.equal(value, plain.weights()[name]) for name, value in watched.weights().items())
    assert torch.equal(torch.get_rng_state(), before)
    assert hooks_left(model) == 0 and not comfy.model_management.in_training


@pytest.mark.parametrize("stage", [pytest.param("MotionLoRA", marks=pytest.mark.measured), "motion model"])
def test_a_training_is_loaded_again_after_the_vae(model, motion, clips, monkeypatch, stage: str) -> None:
    """If memory is short, ComfyUI unloads the MODEL for the VAE, and takes patches such as those of a LoRA off."""
    model = model.clone()
    key = next(key for key in model.model.state_dict() if key.endswith("attn2.to_k.weight"))
    model.add_patches({key: (0.5 * model.model.state_dict()[key],)})
    trains_all = stage == "motion model"

    def trained_of(modules) -> Trained:
        return motion_model(modules, FROM_FILE, 0) if trains_all else motion_lora(modules, 4, LAYERS["attention"], 0)

    def train(session: Session) -> Training:
        return train_motion(model, motion, trained_of, clips, session, lambda *_: None, trains_all)[0]

    plain, vae = train(SESSION), Decoder()

    def decode(latents: torch.Tensor) -> torch.Tensor:
        comfy.model_management.unload_all_models()
        return Decoder.decode(vae, latents)

    monkeypatch.setattr(vae, "decode", decode)
    watched = train(dataclasses.replace(SESSION, preview=preview_of(vae)))
    assert len(vae.latents) == 3 * FRAMES and watched.losses == plain.losses
    assert all(torch.equal(value, plain.weights()[name]) for name, value in watched.weights().items())


def distance(found: torch.Tensor, expected: torch.Tensor) -> float:
    """The largest difference, as a share of the largest value."""
    return float((found - expected).abs().max() / expected.abs().max())


@pytest.mark.parametrize(
    ("frames", "family"), [(FRAMES, "AnimateDiff SDXL beta"), (MORE_FRAMES, "HotshotXL")], ids=["same", "more frames"]
)
def test_a_preview_equals_a_clip_of_the_trained_file(model, motion, clips, animate, tmp_path, frames, family) -> None:
    """Also if the group norms see whole clips, as HotshotXL's. With the family's own beta schedule."""
    motion, vae, noise = open_motion_file(motion.path, family), Decoder(), start_noise(frames)
    session = dataclasses.replace(SESSION, preview=preview_of(vae, frames))
    training, trained = train_lora(model, motion, clips, session)
    untrained, *_, last = vae.clips(frames)
    path = save(trained.tensors(training.weights()), tmp_path / "trained.safetensors")
    lora = ChosenLora(open_motion_lora(path), 1.0)
    expected = sample(animate(model, motion, schedule=AUTO_BETA_SCHEDULE), noise=noise)
    assert distance(untrained, expected) < 1e-5
    expected = sample(animate(model, motion, schedule=AUTO_BETA_SCHEDULE, loras=(lora,)), noise=noise)
    assert distance(last, expected) < 1e-4 and distance(last, untrained) > 1e-3


def test_a_preview_of_a_domain_adapter_is_stills(model, clips, tmp_path) -> None:
    names, vae = host.adapter_names(model), Decoder()
    session = dataclasses.replace(SESSION, preview=preview_of(vae, MORE_FRAMES))
    training, trained = train_stills(
        model, lambda unet: domain_adapter(unet, names, 4, 0), clips, session, lambda *_: None
    )
    path = save(trained.tensors(training.weights()), tmp_path / "adapter.safetensors")
    adapted, _ = apply_domain_adapter(model, path, 1.0)
    expected = sample(adapted, noise=start_noise(MORE_FRAMES))
    assert distance(vae.clips(MORE_FRAMES)[-1], expected) < 1e-4


@pytest.mark.parametrize("place", ["sampler", "VAE"])
def test_an_interrupt_in_a_preview_keeps_the_last_whole_step(model, motion, clips, place: str, monkeypatch) -> None:
    """It ends the preview before its next frame."""
    whole, _ = train_lora(model, motion, clips, SESSION)
    vae, states = Decoder(), []

    def on_step(training: Training, _: Trained) -> None:
        states.append({name: value.clone() for name, value in training.state().items()})

    def interrupting(call):
        def interrupt_and_call(*args):
            if states:
                comfy.model_management.interrupt_current_processing()
            return call(*args)

        return interrupt_and_call

    if place == "VAE":
        monkeypatch.setattr(vae, "decode", interrupting(vae.decode))
    else:
        monkeypatch.setattr(host.LoadedModel, "sample", interrupting(host.LoadedModel.sample))
    session = dataclasses.replace(SESSION, preview=preview_of(vae))
    with pytest.raises(comfy.model_management.InterruptProcessingException):
        train_lora(model, motion, clips, session, on_step)
    assert len(states) == EVERY and len(vae.latents) == FRAMES + (place == "VAE")
    assert hooks_left(model) == 0 and not comfy.model_management.in_training
    resumed, _ = train_lora(model, motion, clips, dataclasses.replace(SESSION, state=states[-1]))
    assert resumed.losses == whole.losses
    assert all(torch.equal(value, whole.weights()[name]) for name, value in resumed.weights().items())


def test_a_preview_longer_than_the_motion_model_is_refused(model, motion, clips) -> None:
    session = dataclasses.replace(SESSION, preview=preview_of(Decoder(), motion.shape.frame_limit + 1))
    with pytest.raises(MotionError, match="set frames of AnimateDiff Training Preview to 16"):
        train_lora(model, motion, clips, session)
