"""What a training has learnt, without sampling: the loss of the tiny model at fixed timesteps and noise."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import comfy.sd
import torch
from animatediff_xl.motion_models import host
from animatediff_xl.motion_models.files.loading import MotionFile, open_motion_file
from animatediff_xl.motion_models.lora.motion_lora import ChosenLora, MotionLora
from animatediff_xl.motion_models.sampling.apply import AUTO_BETA_SCHEDULE, apply_motion_model
from animatediff_xl.motion_models.sampling.motion_config import MotionSettings
from animatediff_xl.motion_models.training.dataset import TrainingClips, training_clips
from torch import Tensor

from tests.tiny.data import NOISE
from tests.tiny.host_pack import LATENT_SCALE
from tests.tiny.synthetic_dataset import SCENES, draw, encode_images

HERE = Path(__file__).parent

TIMESTEPS = (100, 300, 500, 700, 900)
"""Of the 1000 of a beta schedule."""


@dataclass(frozen=True)
class Tiny:
    """The committed models."""

    model: host.ModelPatcher
    clip: Any
    vae: Any
    motion: MotionFile


def tiny_models() -> Tiny:
    model, clip, vae, _ = comfy.sd.load_checkpoint_guess_config(str(HERE / "tiny_sdxl.safetensors"))
    return Tiny(model, clip, vae, open_motion_file(HERE / "tiny_motion.safetensors"))


def camera_clips(
    tiny: Tiny,
    camera: tuple[float, float, float],
    count: int,
    frames: int,
    seed: int,
    light: tuple[float, float, float] = (1.0, 1.0, 1.0),
) -> TrainingClips:
    """Clips of the synthetic dataset with the same camera, as in `scene_coordinates`: the frames around the middle.

    light: red, green and blue of a light on the scenes.
    """
    generator = torch.Generator().manual_seed(seed)
    scenes = [SCENES[int(index)] for index in torch.randint(len(SCENES), (count,), generator=generator)]
    drawn = draw(scenes, generator, torch.tensor(camera).expand(count, 3)) * torch.tensor(light)[:, None, None]
    first = (drawn.shape[1] - frames) // 2
    latents = [{"samples": encode_images(clip) / LATENT_SCALE} for clip in drawn[:, first : first + frames]]
    return training_clips(latents, encoded(tiny, [scene.caption for scene in scenes]))


def encoded(tiny: Tiny, captions: list[str]) -> list[host.Conditions]:
    return [tiny.clip.encode_from_tokens_scheduled(tiny.clip.tokenize(caption)) for caption in captions]


def backwards(clips: TrainingClips) -> TrainingClips:
    return dataclasses.replace(clips, latents=tuple(clip.flip(0) for clip in clips.latents))


def with_motion(
    tiny: Tiny,
    lora: dict[str, Tensor] | None = None,
    lora_strength: float = 1.0,
    motion: MotionFile | None = None,
    strength: float = 1.0,
) -> host.ModelPatcher:
    """The MODEL with motion. lora: tensors of a MotionLoRA file. motion: another motion model. strength: of motion."""
    loras = (ChosenLora(MotionLora(Path("trained.safetensors"), lora), lora_strength),) if lora else ()
    settings = MotionSettings(strength, start_percent=0.0, end_percent=1.0, clip_frames=0)
    return apply_motion_model(tiny.model, motion or tiny.motion, settings, AUTO_BETA_SCHEDULE, loras)


def fixed_losses(model: host.ModelPatcher, clips: TrainingClips) -> Tensor:
    """Mean squared errors of the predicted noise (clips, timesteps). The noise of a clip is the same in each call."""
    scaled = [model.model.process_latent_in(clip) for clip in clips.latents]
    losses = torch.empty(len(scaled), len(TIMESTEPS))

    def body(loaded: host.LoadedModel) -> None:
        sigmas = model.get_model_object("model_sampling").sigmas
        for clip, latents in enumerate(scaled):
            generator = torch.Generator().manual_seed(clip)
            for index, timestep in enumerate(TIMESTEPS):
                noise = torch.randn(latents.shape, generator=generator)
                noise += NOISE.offset * torch.randn(*noise.shape[:2], 1, 1, generator=generator)
                # it takes x0 + sigma * noise, and gives x0
                noised = latents + sigmas[timestep] * noise
                predicted = (noised - loaded.predict(clip, noised, sigmas[timestep])) / sigmas[timestep]
                losses[clip, index] = (predicted - noise).square().mean()

    host.with_loaded(model, clips.conditions, clips.latents[0], body)
    return losses
