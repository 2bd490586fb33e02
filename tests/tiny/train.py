"""Trains the tiny SDXL, its motion model and its MotionLoRAs in the order of the paper. Earlier weights are frozen.

    python -m tests.tiny.train DIR

runs every stage that has no file in DIR yet, and writes the committed files, `tiny_*.safetensors`, beside this one.
It takes about three hours on two cores. COMFYUI_PATH may name a ComfyUI. With glibc a step is a sixth faster if
MALLOC_MMAP_THRESHOLD_=33554432 and MALLOC_TRIM_THRESHOLD_=8589934592, since memory then stays with the process.
"""

import argparse
import dataclasses
import logging
from collections.abc import Callable
from pathlib import Path

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
    compute_in_bfloat16,
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
from animatediff_xl.motion_models.training.losses import Denoiser, noise_loss

log = logging.getLogger("tiny")

POOL = 4096  # clips, drawn once for all stages
FIRST_NOISY_TIMESTEP = 880  # sigma 23


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
    compute_in_bfloat16(vae.taesd_decoder)
    generator = torch.Generator().manual_seed(2)

    def loss() -> Tensor:
        index = int(torch.randint(len(SCENES), (), generator=generator))
        frames = draw([SCENES[index]], generator)[0, ::4]
        latents = encode_images(frames)
        top, left = (8 * int(torch.randint(9, (), generator=generator)) for _ in range(2))
        frames = frames[..., top : top + 64, left : left + 64]
        latents = latents[..., top // 8 : top // 8 + 8, left // 8 : left // 8 + 8]
        # latents of the UNet are never exact, so the decoder is trained with a little noise
        latents = latents + 0.05 * torch.randn(latents.shape, generator=generator)
        return l1_loss(vae.taesd_decoder(latents), frames)

    settings = TrainingSettings(steps=1800, learning_rate=1e-3, warmup_steps=50, average_decay=0.99)
    return train(vae, lambda *_: loss(), settings, progress("decoder"))


def image(work: Path) -> dict[str, Tensor]:
    """The UNet on single frames, with the beta schedule of SDXL and with that of the motion model."""
    unet = new_unet().to(memory_format=torch.channels_last)
    compute_in_bfloat16(unet)
    batches = Batches(work, clips=48, seed=3)
    schedules = (IMAGE_ALPHAS, MOTION_ALPHAS)

    def loss() -> Tensor:
        latents, context, y = batches.next()
        frame_numbers = torch.randint(latents.shape[1], (len(latents),), generator=batches.generator)
        frames = latents[torch.arange(len(latents)), frame_numbers][:, None]
        alphas = schedules[int(torch.randint(len(schedules), (), generator=batches.generator))]
        return noise_loss(lambda x, t: unet(x, t, context, y), frames, alphas, batches.generator, NOISE)

    settings = TrainingSettings(steps=5000, learning_rate=1e-3)
    return train(unet, lambda *_: loss(), settings, progress("image", work))


def motion(work: Path) -> dict[str, Tensor]:
    """The motion modules on clips: consistent frames."""
    model = new_motion_model()
    loss = clip_loss(frozen_unet(work), model, Batches(work, clips=4, seed=4))
    settings = TrainingSettings(steps=2600, learning_rate=1e-3)
    return train(model, lambda *_: loss(), settings, progress("motion", work))


def motion_direction(work: Path) -> dict[str, Tensor]:
    """The direction of travel that the prompt names.

    Sampling decides it in the noisiest timesteps. There, a prediction can show little more than the mean of all clips
    of the caption. So that mean is the target: it is far less random than a clip. After `motion` 6 of 12 clips move as
    prompted, after this 24 of 24.
    """
    model = new_motion_model()
    model.load_state_dict(load_file(work / "motion.safetensors"))
    unet, batches = frozen_unet(work), Batches(work, clips=2, seed=61)
    losses = clip_loss(unet, model, batches), mean_loss(unet, model, batches)
    settings = TrainingSettings(steps=450, learning_rate=1e-3, warmup_steps=20, average_decay=0.98)
    return train(model, lambda *_: (losses[0]() + losses[1]()) / 2, settings, progress("motion_direction", work))


def pan_left(work: Path) -> dict[str, Tensor]:
    """The MotionLoRA of a pan."""
    settings = TrainingSettings(steps=200, learning_rate=5e-3, warmup_steps=20, average_decay=0.98)
    return train_motion_lora(work, "pan_left", settings, seed=22)


def zoom_in(work: Path) -> dict[str, Tensor]:
    """A zoom takes more steps than a pan: its motion depends on the position. Trained together, both were worse."""
    settings = TrainingSettings(steps=800, learning_rate=4e-3, warmup_steps=20, average_decay=0.98)
    return train_motion_lora(work, "zoom_in", settings, seed=21)


def clip_loss(unet: nn.Module, model: MotionModel, batches: Batches) -> Callable[[], Tensor]:
    """The noise loss of clips at all timesteps."""

    def loss() -> Tensor:
        latents, context, y = batches.next()
        denoise = with_motion(unet, model, context, y)
        return noise_loss(denoise, latents, MOTION_ALPHAS, batches.generator, NOISE)

    return loss


def mean_loss(unet: nn.Module, model: MotionModel, batches: Batches) -> Callable[[], Tensor]:
    """The noise loss of the noisiest timesteps, with the mean of all clips of the caption as target."""
    clips, scenes = (batches.pool[name][::2] for name in ("clips", "scenes"))  # those with a still camera
    means = torch.stack([clips[scenes == scene].float().mean(0) for scene in range(len(SCENES))])
    means = torch.cat([means, means.mean(0, keepdim=True)])  # for the empty caption
    alphas = MOTION_ALPHAS[FIRST_NOISY_TIMESTEP:]
    noise = dataclasses.replace(NOISE, max_snr_weight=1000.0)

    def loss() -> Tensor:
        indices, captions = batches.next_captions()
        latents = batches.pool["clips"][indices].float()
        beside_mean = (latents - means[captions]).flatten(0, 1)
        denoise = with_motion(unet, model, batches.context[captions], batches.y[captions])

        def predict(x: Tensor, timestep: Tensor) -> Tensor:
            alpha = alphas[timestep.long()].float()[:, None, None, None]
            return denoise(x, timestep + FIRST_NOISY_TIMESTEP) - (alpha / (1 - alpha)).sqrt() * beside_mean

        return noise_loss(predict, latents, alphas, batches.generator, noise)

    return loss


def with_motion(unet: nn.Module, model: MotionModel, context: Tensor, y: Tensor) -> Denoiser:
    """The predicted noise of clips with the captions context (b 77 c) and y (b c)."""
    context, y = (part.repeat_interleave(FRAMES, dim=0) for part in (context, y))

    def predict(x: Tensor, timestep: Tensor) -> Tensor:
        with host.motion_hooks(unet, motion_forward(model)):
            return unet(x, timestep, context, y)

    return predict


STAGES = (text, pool, decoder, image, motion, motion_direction, camera_pool, pan_left, zoom_in)


def assemble(work: Path) -> None:
    """Write the committed files, in fp16 and in the key format of the published ones."""
    here = Path(__file__).parent
    prefixes = {
        ("text", "clip_l."): "conditioner.embedders.0.",
        ("text", "clip_g."): "conditioner.embedders.1.model.",
        ("decoder", ""): "first_stage_model.",
        ("image", ""): "model.diffusion_model.",
    }
    checkpoint = {}
    for (stage, old), new in prefixes.items():
        for name, value in stage_weights(work, stage).items():
            if name.startswith(old):
                checkpoint[new + name.removeprefix(old)] = value.contiguous()
    save_file(checkpoint, here / "tiny_sdxl.safetensors")
    save_file(stage_weights(work, "motion_direction"), here / "tiny_motion.safetensors")
    for move in MOVES:
        tensors = in_authors_format(load_file(work / f"{move}.safetensors"))
        save_file({name: value.half() for name, value in tensors.items()}, here / f"tiny_{move}.safetensors")


if __name__ == "__main__":
    main()
