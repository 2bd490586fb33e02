"""Trains the tiny SDXL, its motion model and its MotionLoRAs in the order of the paper. Earlier weights are frozen.

    python -m tests.tiny.train DIR

runs every stage that has no file in DIR yet, and writes the committed files, `tiny_*.safetensors`, beside this one.
It takes about four hours on two cores. COMFYUI_PATH may name a ComfyUI.

The committed weights were not trained in one run. Up to `motion_last` the dataset had no lamps and no moving cameras.
In the first 700 steps of `image_longer` and 900 of `motion_moving_camera` the lamps lit the flat background and the
objects, but not the bumps. `pan_left`, `zoom_first` and `zoom_second` were trained on `motion_moving_camera`.
"""

import argparse
import dataclasses
import logging
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.functional import l1_loss

from tests.tiny.camera import MOVES, random_cameras
from tests.tiny.data import (
    IMAGE_ALPHAS,
    MOTION_ALPHAS,
    NOISE,
    Batches,
    frozen_unet,
    motion_forward,
    new_motion_model,
    progress,
    stage_weights,
)
from tests.tiny.models import new_clip, new_unet, new_vae
from tests.tiny.motion_loras import camera_pool, in_authors_format, train_motion_lora
from tests.tiny.synthetic_dataset import FRAMES, SCENES, draw, encode_images

# isort: split
from animatediff_xl.motion_models import host
from animatediff_xl.motion_models.network.motion_module import MotionModel
from animatediff_xl.motion_models.training.engine import TrainingSettings, train
from animatediff_xl.motion_models.training.losses import NoiseSettings, noise_loss

log = logging.getLogger("tiny")

MOVE_SETTINGS = TrainingSettings(steps=150, learning_rate=4e-3, warmup_steps=20, average_decay=0.98)
POOL = 4096  # clips, drawn once for all stages


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("work", type=Path, help="folder for the files of the stages")
    work = arguments.parse_args().work
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", force=True)  # the host has set up its own
    work.mkdir(parents=True, exist_ok=True)
    for stage in STAGES:
        path = work / f"{stage.__name__}.safetensors"
        if not path.exists():
            log.info("stage %s", stage.__name__)
            torch.manual_seed(0)
            save_file({name: value.contiguous() for name, value in stage(work).items()}, path)
    assemble(work)


def text(work: Path) -> dict[str, Tensor]:
    """Two random text encoders, in the precision of the committed file."""
    return {name: value.half() for name, value in new_clip().state_dict().items()}


def pool(work: Path) -> dict[str, Tensor]:
    """`POOL` clips as latents (b f 4 h w) with their scenes. Every second clip has a moving camera."""
    generator = torch.Generator().manual_seed(1)
    scenes = torch.randint(len(SCENES), (POOL,), generator=generator)
    cameras = random_cameras(POOL, generator)
    clips = [
        encode_images(draw([SCENES[index] for index in batch], generator, batch_cameras).flatten(0, 1)).half()
        for batch, batch_cameras in zip(scenes.split(16), cameras.split(16), strict=True)
    ]
    return {"clips": torch.cat(clips).unflatten(0, (POOL, FRAMES)), "scenes": scenes}


def decoder(work: Path) -> dict[str, Tensor]:
    """The VAE: its decoder is trained to invert `encode_images` on 64x64 crops."""
    vae = new_vae()
    vae.taesd_encoder.requires_grad_(False)
    vae.vae_scale.requires_grad_(False)
    vae.vae_shift.requires_grad_(False)
    vae.to(memory_format=torch.channels_last)
    generator = torch.Generator().manual_seed(2)

    def loss() -> Tensor:
        indices = torch.randint(len(SCENES), (2,), generator=generator)
        frames = draw([SCENES[index] for index in indices], generator)[:, ::4].flatten(0, 1)
        latents = encode_images(frames)
        top, left = (8 * int(torch.randint(9, (), generator=generator)) for _ in range(2))
        frames = frames[..., top : top + 64, left : left + 64]
        latents = latents[..., top // 8 : top // 8 + 8, left // 8 : left // 8 + 8]
        # latents of the UNet are never exact, so the decoder is trained with a little noise
        latents = latents + 0.05 * torch.randn(latents.shape, generator=generator)
        return l1_loss(vae.taesd_decoder(latents), frames)

    settings = TrainingSettings(steps=900, learning_rate=1e-3, warmup_steps=50, average_decay=0.99)
    return train(vae, lambda *_: loss(), settings, progress("decoder"))


def image(work: Path) -> dict[str, Tensor]:
    """The UNet on single frames, with the beta schedule of SDXL and with that of the motion model."""
    return train_on_frames(new_unet(), work, TrainingSettings(steps=2400, learning_rate=1e-3), seed=3)


def image_longer(work: Path) -> dict[str, Tensor]:
    """More steps, since the lamps are faint."""
    unet = new_unet()
    unet.load_state_dict(load_file(work / "image.safetensors"))
    settings = TrainingSettings(steps=1150, learning_rate=7e-4, warmup_steps=50, average_decay=0.995)
    return train_on_frames(unet, work, settings, seed=13)


def motion(work: Path) -> dict[str, Tensor]:
    """The motion modules on clips: consistent frames, and the direction of travel that the prompt names."""
    return train_on_clips(new_motion_model(), work, TrainingSettings(steps=1200, learning_rate=1e-3), seed=4)


def motion_longer(work: Path) -> dict[str, Tensor]:
    """More steps: after `motion` the direction is right in 33 of 40 clips."""
    return continue_on_clips(work, "motion", TrainingSettings(steps=700, learning_rate=7e-4), seed=6)


def motion_last(work: Path) -> dict[str, Tensor]:
    """More steps at a lower rate: after `motion_longer` the direction is right in 36 of 40 clips, after this in 38."""
    return continue_on_clips(work, "motion_longer", TrainingSettings(steps=400, learning_rate=5e-4), seed=8)


def motion_moving_camera(work: Path) -> dict[str, Tensor]:
    """Clips with moving cameras, for the MotionLoRAs."""
    settings = TrainingSettings(steps=1250, learning_rate=7e-4, warmup_steps=50, average_decay=0.995)
    return continue_on_clips(work, "motion_last", settings, seed=14)


def motion_high_noise(work: Path) -> dict[str, Tensor]:
    """The noisy timesteps, which decide the direction: after `motion_moving_camera` it is right in 33 of 40 clips."""
    settings = TrainingSettings(steps=110, learning_rate=6e-4, warmup_steps=10, average_decay=0.97)
    noise = dataclasses.replace(NOISE, max_snr_weight=400.0)
    return continue_on_clips(work, "motion_moving_camera", settings, seed=41, first_timestep=500, noise=noise)


def pan_left(work: Path) -> dict[str, Tensor]:
    """The MotionLoRA of a pan."""
    settings = dataclasses.replace(MOVE_SETTINGS, learning_rate=5e-3, lr_decay_steps=220)
    return train_motion_lora(work, "pan_left", settings, seed=22)


def zoom_first(work: Path) -> dict[str, Tensor]:
    """A zoom takes more steps than a pan: its motion depends on the position."""
    return train_motion_lora(
        work, "zoom_in", dataclasses.replace(MOVE_SETTINGS, steps=350, lr_decay_steps=500), seed=21
    )


def zoom_second(work: Path) -> dict[str, Tensor]:
    return train_motion_lora(
        work, "zoom_in", dataclasses.replace(MOVE_SETTINGS, steps=400), seed=31, start="zoom_first"
    )


def zoom_in(work: Path) -> dict[str, Tensor]:
    """More steps at a lower rate: after `zoom_second` it zooms by 0.9 percent a frame, after this by 1.3.

    Training it together with a pan made both worse.
    """
    settings = dataclasses.replace(MOVE_SETTINGS, steps=400, learning_rate=3e-3)
    return train_motion_lora(work, "zoom_in", settings, seed=51, start="zoom_second")


def train_on_frames(unet: nn.Module, work: Path, settings: TrainingSettings, seed: int) -> dict[str, Tensor]:
    """Train a UNet on single frames."""
    unet.to(memory_format=torch.channels_last)
    batches = Batches(work, clips=48, seed=seed)
    schedules = (IMAGE_ALPHAS, MOTION_ALPHAS)

    def loss() -> Tensor:
        latents, context, y = batches.next()
        frame_numbers = torch.randint(latents.shape[1], (len(latents),), generator=batches.generator)
        frames = latents[torch.arange(len(latents)), frame_numbers][:, None]
        alphas = schedules[int(torch.randint(len(schedules), (), generator=batches.generator))]
        return noise_loss(lambda x, t: unet(x, t, context, y), frames, alphas, batches.generator, NOISE)

    return train(unet, lambda *_: loss(), settings, progress("image", work))


def continue_on_clips(
    work: Path, stage: str, settings: TrainingSettings, seed: int, **noising: Any
) -> dict[str, Tensor]:
    """Continue training the motion modules of a stage."""
    model = new_motion_model()
    model.load_state_dict(load_file(work / f"{stage}.safetensors"))
    return train_on_clips(model, work, settings, seed, **noising)


def train_on_clips(
    model: MotionModel,
    work: Path,
    settings: TrainingSettings,
    seed: int,
    first_timestep: int = 0,
    noise: NoiseSettings = NOISE,
) -> dict[str, Tensor]:
    """Train motion modules on clips. The UNet is frozen, in the precision of the committed file."""
    unet = frozen_unet(work)
    batches = Batches(work, clips=4, seed=seed)
    alphas = MOTION_ALPHAS[first_timestep:]

    def loss() -> Tensor:
        latents, context, y = batches.next()
        context, y = (part.repeat_interleave(FRAMES, dim=0) for part in (context, y))
        with host.motion_hooks(unet, motion_forward(model)):
            return noise_loss(
                lambda x, t: unet(x, t + first_timestep, context, y),
                latents,
                alphas,
                batches.generator,
                noise,
            )

    return train(model, lambda *_: loss(), settings, progress("motion", work))


STAGES = (
    text, pool, decoder, image, image_longer, motion, motion_longer, motion_last, motion_moving_camera,
    motion_high_noise, camera_pool, pan_left, zoom_first, zoom_second, zoom_in,
)  # fmt: skip


def assemble(work: Path) -> None:
    """Write the committed files, in fp16 and in the key format of the published ones."""
    here = Path(__file__).parent
    prefixes = {
        ("text", "clip_l."): "conditioner.embedders.0.",
        ("text", "clip_g."): "conditioner.embedders.1.model.",
        ("decoder", ""): "first_stage_model.",
        ("image_longer", ""): "model.diffusion_model.",
    }
    checkpoint = {}
    for (stage, old), new in prefixes.items():
        for name, value in stage_weights(work, stage).items():
            if name.startswith(old):
                checkpoint[new + name.removeprefix(old)] = value.contiguous()
    save_file(checkpoint, here / "tiny_sdxl.safetensors")
    save_file(stage_weights(work, "motion_high_noise"), here / "tiny_motion.safetensors")
    for move in MOVES:
        tensors = in_authors_format(load_file(work / f"{move}.safetensors"))
        save_file({name: value.half() for name, value in tensors.items()}, here / f"tiny_{move}.safetensors")


if __name__ == "__main__":
    main()
