"""Each stage of a training teaches the committed small models what its clips show."""

from collections.abc import Callable
from pathlib import Path

import comfy.model_management
import comfy.sample
import comfy.sd
import comfy.utils
import pytest
import torch
from animatediff_xl.motion_models import host
from animatediff_xl.motion_models.files.loading import open_motion_file
from animatediff_xl.motion_models.lora.domain_adapter import apply_domain_adapter
from animatediff_xl.motion_models.measures.camera import CameraMotion
from animatediff_xl.motion_models.network.motion_module import MotionModel
from animatediff_xl.motion_models.training.dataset import TrainingClips
from animatediff_xl.motion_models.training.engine import Training, TrainingSettings
from animatediff_xl.motion_models.training.losses import NoiseSettings
from animatediff_xl.motion_models.training.session import Session, train_motion, train_stills
from animatediff_xl.motion_models.training.stages import (
    FROM_NOTHING,
    LAYERS,
    Trained,
    domain_adapter,
    motion_lora,
    motion_model,
)
from animatediff_xl.motion_models.training.states import digest_of

from tests.small import save
from tests.tiny.camera import MOVES
from tests.tiny.clips import CFG, SAMPLER, STEPS
from tests.tiny.data import NOISE
from tests.tiny.evaluation import Tiny, backwards, camera_clips, encoded, fixed_losses, with_motion
from tests.tiny.measure import camera_motion
from tests.tiny.synthetic_dataset import FRAMES, SIZE, scene_of

ORIGINAL = NoiseSettings(offset=NOISE.offset)
DEBIASED = NoiseSettings("debiased", NOISE.offset, max_snr_weight=100.0)
Result = tuple[Training, Trained]

PAN_LEFT = MOVES["pan_left"]
STILL = (0.0, 0.0, 0.0)
ORANGE = (1.0, 0.7, 0.4)


def session(steps: int, learning_rate: float, noise: NoiseSettings = ORIGINAL, clips_per_step: int = 1) -> Session:
    settings = TrainingSettings(
        steps, learning_rate, max(1, steps // 10), average_decay=None, clips_per_step=clips_per_step
    )
    return Session(settings, noise, seed=0, checkpointing="off")


def train_lora(tiny: Tiny, clips: TrainingClips, session: Session) -> Result:
    layers = LAYERS["attention and feed-forward"]
    return train_motion(
        tiny.model, tiny.motion, lambda motion: motion_lora(motion, 16, layers, 0), clips, session, lambda *_: None
    )


def train_new_motion_model(tiny: Tiny, clips: TrainingClips, session: Session) -> Result:
    def new(motion: MotionModel) -> Trained:
        return motion_model(motion, FROM_NOTHING, 0)

    return train_motion(tiny.model, tiny.motion, new, clips, session, lambda *_: None, trains_all=True)


def train_adapter(tiny: Tiny, clips: TrainingClips, session: Session) -> Result:
    names = host.adapter_names(tiny.model)
    return train_stills(tiny.model, lambda unet: domain_adapter(unet, names, 8, 0), clips, session, lambda *_: None)


STAGES = {"MotionLoRA": train_lora, "motion model": train_new_motion_model, "domain adapter": train_adapter}


def tensors_of(tiny: Tiny, clips: TrainingClips) -> list[torch.Tensor]:
    """Everything that a graph has before a training, and its nodes go on using."""
    networks = (tiny.model.model, tiny.clip.cond_stage_model, tiny.vae.first_stage_model)
    motion = tiny.motion.patcher(torch.float32).model
    weights = [value for network in (*networks, motion) for value in network.state_dict().values()]
    conditions = [part for each in clips.conditions for entry in each for part in (entry[0], entry[1]["pooled_output"])]
    return [*weights, *clips.latents, *conditions]


@pytest.mark.parametrize("stage", STAGES)
def test_a_training_leaves_the_graph_as_it_was(tiny: Tiny, stage: str) -> None:
    clips = camera_clips(tiny, STILL, 2, 4, 0)
    before = digest_of(tensors_of(tiny, clips))  # of bytes, because a weight that the file lacks may be NaN
    training, _ = STAGES[stage](tiny, clips, session(3, 1e-2))
    assert training.steps_done == 3
    assert digest_of(tensors_of(tiny, clips)) == before
    assert not any(value.requires_grad for value in tensors_of(tiny, clips))
    assert not comfy.model_management.in_training and torch.is_inference_mode_enabled()


def changes(tiny: Tiny, lora: dict[str, torch.Tensor], frames: int) -> tuple[float, float]:
    """Factors of the loss of held-out pans, forwards and backwards, with a MotionLoRA against without."""
    held_out = camera_clips(tiny, PAN_LEFT, 3, frames, 1)
    before, after = with_motion(tiny), with_motion(tiny, lora)
    forwards, reverse = (
        float(fixed_losses(after, clips).mean() / fixed_losses(before, clips).mean())
        for clips in (held_out, backwards(held_out))
    )
    return forwards, reverse


@pytest.mark.measured
def test_a_motion_lora_learns_a_pan(tiny: Tiny) -> None:
    """Pans to the other side gain less. They gain at first, because the committed model is used to still cameras."""
    training, trained = train_lora(tiny, camera_clips(tiny, PAN_LEFT, 24, 12, 0), session(90, 5e-3, DEBIASED))
    forwards, reverse = changes(tiny, trained.tensors(training.weights()), 12)
    assert forwards < 0.97
    assert reverse > forwards + 0.03


def filmed(tiny: Tiny, model: host.ModelPatcher, seed: int) -> CameraMotion:
    """The camera of a clip that the MODEL makes, with the settings of the tiny example workflow."""
    positive, negative = encoded(tiny, [scene_of(seed).caption, ""])
    empty = torch.zeros(FRAMES, 4, SIZE // 8, SIZE // 8)
    noise = comfy.sample.prepare_noise(empty, seed)
    latents = comfy.sample.sample(
        model, noise, STEPS, CFG, *SAMPLER, positive, negative, empty, disable_pbar=True, seed=seed
    )
    return camera_motion(tiny.vae.decode(latents).numpy())


@pytest.mark.nightly
def test_a_longer_training_moves_the_picture_one_way(tiny: Tiny) -> None:
    """When the camera pans to the left, the picture moves to the right."""
    training, trained = train_lora(tiny, camera_clips(tiny, PAN_LEFT, 24, FRAMES, 0), session(220, 4e-3, DEBIASED))
    lora = trained.tensors(training.weights())
    forwards, reverse = changes(tiny, lora, FRAMES)
    assert forwards < 0.97 and reverse > 1
    models = with_motion(tiny, lora, lora_strength=2.0), with_motion(tiny)
    moved = [filmed(tiny, models[0], seed).right - filmed(tiny, models[1], seed).right for seed in range(5)]
    assert sum(each > 0.3 for each in moved) >= 4, moved


@pytest.mark.measured
def test_a_motion_model_from_nothing_learns_clips(tiny: Tiny, report: Callable, tmp_path: Path) -> None:
    clips, held_out = (camera_clips(tiny, STILL, count, FRAMES, count) for count in (24, 2))
    training, trained = STAGES["motion model"](tiny, clips, session(100, 2e-3))
    new = open_motion_file(save(trained.tensors(training.weights()), tmp_path / "new.safetensors"))
    assert (new.family, new.shape, new.unused) == (tiny.motion.family, tiny.motion.shape, 0)
    still = fixed_losses(with_motion(tiny, strength=0.0), held_out).mean()
    change = float(fixed_losses(with_motion(tiny, motion=new), held_out).mean() / still - 1)
    report(f"motion model from nothing: loss {change:+.1%}")
    assert change < -0.15


@pytest.mark.measured
def test_a_domain_adapter_takes_up_a_tint(tiny: Tiny, tmp_path: Path) -> None:
    stills, held_out = (camera_clips(tiny, STILL, 24, 1, seed, light=ORANGE) for seed in (0, 1))
    training, trained = STAGES["domain adapter"](tiny, stills, session(30, 1e-2, clips_per_step=4))
    path = save(trained.tensors(training.weights()), tmp_path / "adapter.safetensors")
    plain = fixed_losses(tiny.model, held_out)
    adapted = fixed_losses(apply_domain_adapter(tiny.model, path, 1.0)[0], held_out)
    assert adapted.mean() < 0.9 * plain.mean()
    assert torch.equal(fixed_losses(apply_domain_adapter(tiny.model, path, 0.0)[0], held_out), plain)
    loaded, _ = comfy.sd.load_lora_for_models(tiny.model, None, comfy.utils.load_torch_file(str(path)), 1.0, 0.0)
    assert torch.equal(fixed_losses(loaded, held_out), adapted)
