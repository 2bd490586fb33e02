"""Trains the tiny SDXL, its motion model and its MotionLoRAs by the paper's order, each with what came before frozen.

    python -m tests.tiny.train DIR

runs every stage that has not left its file in DIR yet, and writes the committed files, `tiny_*.safetensors`, beside
this one. About four hours on two cores. COMFYUI_PATH may name a ComfyUI.

The committed weights were not made in one go: up to `motion_last` they learned the world before it had lamps, from
cameras that stand still, and the first 700 steps of `image_lit` and 900 of `motion_filmed` saw lamps that lit the level
ground and the objects, and no bumps; `pan_left`, `zoom_begun` and `zoom_longer` learned on `motion_filmed`.
"""

import argparse
import dataclasses
import logging
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.functional import l1_loss

from tests.tiny import world
from tests.tiny.camera import MOVES, any_cameras
from tests.tiny.lessons import (
    HEAVIEST,
    IMAGE_ALPHAS,
    MOTION_ALPHAS,
    NOISE_OFFSET,
    Batches,
    forever,
    frozen_unet,
    learned,
    motion_forward,
    new_motion_model,
    progress,
)
from tests.tiny.moves import as_file, learn_move, moves
from tests.tiny.parts import new_clip, new_unet, new_vae

# isort: split
from animatediff_xl.motion_models import host
from animatediff_xl.motion_models.network.motion_module import MotionModel
from animatediff_xl.motion_models.training.engine import TrainingSettings, noise_loss, train

log = logging.getLogger("tiny")

MOVE_SETTINGS = TrainingSettings(steps=150, learning_rate=4e-3, warmup_steps=20, average_decay=0.98)
POOL = 4096  # clips drawn once; every stage learns from them


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("work", type=Path, help="where the stages leave their files")
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
    """Two random text encoders, rounded as they will be stored."""
    return {name: value.half() for name, value in new_clip().state_dict().items()}


def pool(work: Path) -> dict[str, Tensor]:
    """`POOL` clips as latents (b f 4 h w), every second filmed by a moving camera, with their scenes."""
    generator = torch.Generator().manual_seed(1)
    scenes = torch.randint(len(world.SCENES), (POOL,), generator=generator)
    cameras = any_cameras(POOL, generator)
    clips = [
        world.measure(world.draw([world.SCENES[index] for index in few], generator, filmed).flatten(0, 1)).half()
        for few, filmed in zip(scenes.split(16), cameras.split(16), strict=True)
    ]
    return {"clips": torch.cat(clips).unflatten(0, (POOL, world.FRAMES)), "scenes": scenes}


def decoder(work: Path) -> dict[str, Tensor]:
    """The VAE: its decoder learns to undo `world.measure` on 64x64 crops."""
    vae = new_vae()
    vae.taesd_encoder.requires_grad_(False)
    vae.vae_scale.requires_grad_(False)
    vae.vae_shift.requires_grad_(False)
    vae.to(memory_format=torch.channels_last)
    generator = torch.Generator().manual_seed(2)

    def loss() -> Tensor:
        picks = torch.randint(len(world.SCENES), (2,), generator=generator)
        frames = world.draw([world.SCENES[index] for index in picks], generator)[:, ::4].flatten(0, 1)
        latents = world.measure(frames)
        top, left = (8 * int(torch.randint(9, (), generator=generator)) for _ in range(2))
        frames = frames[..., top : top + 64, left : left + 64]
        latents = latents[..., top // 8 : top // 8 + 8, left // 8 : left // 8 + 8]
        # what the UNet gives is never exact, so the decoder meets a little noise as well
        latents = latents + 0.05 * torch.randn(latents.shape, generator=generator)
        return l1_loss(vae.taesd_decoder(latents), frames)

    settings = TrainingSettings(steps=900, learning_rate=1e-3, warmup_steps=50, average_decay=0.99)
    return train(vae, forever(loss), settings, progress("decoder"))


def image(work: Path) -> dict[str, Tensor]:
    """The UNet learns single frames, with the noise of its own schedule and of the one it will meet with motion."""
    return learn_frames(new_unet(), work, TrainingSettings(steps=2400, learning_rate=1e-3), seed=3)


def image_lit(work: Path) -> dict[str, Tensor]:
    """The same again, since the lamps are faint."""
    unet = new_unet()
    unet.load_state_dict(load_file(work / "image.safetensors"))
    settings = TrainingSettings(steps=1150, learning_rate=7e-4, warmup_steps=50, average_decay=0.995)
    return learn_frames(unet, work, settings, seed=13)


def motion(work: Path) -> dict[str, Tensor]:
    """The motion modules learn that the frames of a clip belong together, and where the prompt sends the object."""
    return learn_clips(new_motion_model(), work, TrainingSettings(steps=1200, learning_rate=1e-3), seed=4)


def motion_longer(work: Path) -> dict[str, Tensor]:
    """The same again: after `motion` the object goes where the prompt says in 33 of 40 clips."""
    return learn_on(work, "motion", TrainingSettings(steps=700, learning_rate=7e-4), seed=6)


def motion_last(work: Path) -> dict[str, Tensor]:
    """And again, gently: after `motion_longer` it is 36 of 40, after this 38."""
    return learn_on(work, "motion_longer", TrainingSettings(steps=400, learning_rate=5e-4), seed=8)


def motion_filmed(work: Path) -> dict[str, Tensor]:
    """The same with cameras that move, which the MotionLoRAs build on."""
    settings = TrainingSettings(steps=1250, learning_rate=7e-4, warmup_steps=50, average_decay=0.995)
    return learn_on(work, "motion_last", settings, seed=14)


def motion_sent(work: Path) -> dict[str, Tensor]:
    """And where the prompt sends the object, which is decided in much noise: after `motion_filmed` it is 33 of 40."""
    settings = TrainingSettings(steps=110, learning_rate=6e-4, warmup_steps=10, average_decay=0.97)
    return learn_on(work, "motion_filmed", settings, seed=41, first_timestep=500, max_snr_weight=400.0)


def pan_left(work: Path) -> dict[str, Tensor]:
    """A MotionLoRA learns a camera move."""
    settings = dataclasses.replace(MOVE_SETTINGS, learning_rate=5e-3, lr_decay_steps=220)
    return learn_move(work, "pan_left", settings, seed=22)


def zoom_begun(work: Path) -> dict[str, Tensor]:
    """A zoom takes longer: what moves where depends on the place."""
    return learn_move(work, "zoom_in", dataclasses.replace(MOVE_SETTINGS, steps=350, lr_decay_steps=500), seed=21)


def zoom_longer(work: Path) -> dict[str, Tensor]:
    return learn_move(work, "zoom_in", dataclasses.replace(MOVE_SETTINGS, steps=400), seed=31, start="zoom_begun")


def zoom_in(work: Path) -> dict[str, Tensor]:
    """And again, gently: after `zoom_longer` it zooms by 0.9 percent a frame, after this by 1.3.

    Learning it beside a pan made both worse.
    """
    settings = dataclasses.replace(MOVE_SETTINGS, steps=400, learning_rate=3e-3)
    return learn_move(work, "zoom_in", settings, seed=51, start="zoom_longer")


def learn_frames(unet: nn.Module, work: Path, settings: TrainingSettings, seed: int) -> dict[str, Tensor]:
    """Train a UNet on single frames."""
    unet.to(memory_format=torch.channels_last)
    batches = Batches(work, clips=48, seed=seed)
    schedules = (IMAGE_ALPHAS, MOTION_ALPHAS)

    def loss() -> Tensor:
        latents, context, y = batches.next()
        moments = torch.randint(latents.shape[1], (len(latents),), generator=batches.generator)
        frames = latents[torch.arange(len(latents)), moments][:, None]
        alphas = schedules[int(torch.randint(len(schedules), (), generator=batches.generator))]
        return noise_loss(
            lambda x, t: unet(x, t, context, y), frames, alphas, batches.generator, NOISE_OFFSET, HEAVIEST
        )

    return train(unet, forever(loss), settings, progress("image", work))


def learn_on(work: Path, stage: str, settings: TrainingSettings, seed: int, **noise: float) -> dict[str, Tensor]:
    """Train the motion modules of a stage further."""
    model = new_motion_model()
    model.load_state_dict(load_file(work / f"{stage}.safetensors"))
    return learn_clips(model, work, settings, seed, **noise)


def learn_clips(
    model: MotionModel,
    work: Path,
    settings: TrainingSettings,
    seed: int,
    first_timestep: int = 0,
    max_snr_weight: float = HEAVIEST,
) -> dict[str, Tensor]:
    """Train motion modules on clips; the UNet, as it will be stored, is frozen."""
    unet = frozen_unet(work)
    batches = Batches(work, clips=4, seed=seed)
    alphas = MOTION_ALPHAS[first_timestep:]

    def loss() -> Tensor:
        latents, context, y = batches.next()
        context, y = (part.repeat_interleave(world.FRAMES, dim=0) for part in (context, y))
        with host.motion_hooks(unet, motion_forward(model)):
            return noise_loss(
                lambda x, t: unet(x, t + first_timestep, context, y),
                latents,
                alphas,
                batches.generator,
                NOISE_OFFSET,
                max_snr_weight,
            )

    return train(model, forever(loss), settings, progress("motion", work))


STAGES = (
    text, pool, decoder, image, image_lit, motion, motion_longer, motion_last, motion_filmed, motion_sent,
    moves, pan_left, zoom_begun, zoom_longer, zoom_in,
)  # fmt: skip


def assemble(work: Path) -> None:
    """The committed files, in fp16 and in the key key format of the published ones."""
    here = Path(__file__).parent
    prefixes = {
        ("text", "clip_l."): "conditioner.embedders.0.",
        ("text", "clip_g."): "conditioner.embedders.1.model.",
        ("decoder", ""): "first_stage_model.",
        ("image_lit", ""): "model.diffusion_model.",
    }
    checkpoint = {}
    for (stage, old), new in prefixes.items():
        for name, value in learned(work, stage).items():
            if name.startswith(old):
                checkpoint[new + name.removeprefix(old)] = value.contiguous()
    save_file(checkpoint, here / "tiny_sdxl.safetensors")
    save_file(learned(work, "motion_sent"), here / "tiny_motion.safetensors")
    for move in MOVES:
        tensors = as_file(load_file(work / f"{move}.safetensors"))
        save_file({name: value.half() for name, value in tensors.items()}, here / f"tiny_{move}.safetensors")


if __name__ == "__main__":
    main()
