"""Trains the tiny SDXL and its motion model, by the paper's order: image model first, then motion with it frozen.

    python -m tests.tiny.train DIR

runs every stage that has not left its file in DIR yet, and writes the committed files, `tiny_*.safetensors`, beside
this one. About two and a half hours on two cores. COMFYUI_PATH may name a ComfyUI.
"""

import argparse
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.functional import l1_loss

import tests.conftest  # noqa: F401 - the host and the pack

# isort: split
from animatediff_xl.motion_models import host
from animatediff_xl.motion_models.calls import MotionCall, MotionStep
from animatediff_xl.motion_models.families import FAMILIES
from animatediff_xl.motion_models.low_rank import LowRank
from animatediff_xl.motion_models.motion_module import MotionModel, MotionShape, sinusoidal_positions
from animatediff_xl.motion_models.schedules import BETA_SCHEDULES, alphas_cumprod
from animatediff_xl.motion_models.training import AveragedWeights, TrainingSettings, noise_loss, train

from tests.tiny import world
from tests.tiny.camera import film
from tests.tiny.host_pack import CHANNELS
from tests.tiny.parts import encode, initialise, new_clip, new_unet, new_vae

log = logging.getLogger("tiny")

POOL = 4096  # clips drawn once; every stage learns from them
FILMED = 240  # clips for the MotionLoRA, each filmed in both directions
RANK = 16  # of the MotionLoRA
PROJECTIONS = ("to_q", "to_k", "to_v", "to_out.0")
EMPTY_CAPTION_SHARE = 0.1  # guoyww/AnimateDiff train.py, cfg_random_null_text_ratio
NOISE_OFFSET = 0.25
HEAVIEST = 100.0
CAMERA_STEPS = slice(150, 800)  # sigma 0.5 to 13: where the ground shows, whose move it is
HEAVIEST_MOVE = 20.0
IMAGE_SCHEDULE = "SDXL"
MOTION_SCHEDULE = "AnimateDiff SDXL"
FRAME_LIMIT = 32  # rows of the positional encoding of mm_sdxl_v10_beta
MOTION_SHAPE = MotionShape(((CHANNELS,) * 2,) * 3, ((CHANNELS,) * 3,) * 3, (), FRAME_LIMIT)


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
    """`POOL` clips as latents (b f 4 h w), with the index of each one's scene."""
    generator = torch.Generator().manual_seed(1)
    scenes = torch.arange(POOL) % len(world.SCENES)
    clips = [
        world.measure(world.draw([world.SCENES[index] for index in few], generator).flatten(0, 1)).half()
        for few in scenes.split(16)
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
    unet = new_unet().to(memory_format=torch.channels_last)
    batches = Batches(work, clips=48, seed=3)
    schedules = [alphas_cumprod(BETA_SCHEDULES[name]) for name in (IMAGE_SCHEDULE, MOTION_SCHEDULE)]

    def loss() -> Tensor:
        latents, context, y = batches.next()
        moments = torch.randint(latents.shape[1], (len(latents),), generator=batches.generator)
        frames = latents[torch.arange(len(latents)), moments][:, None]
        alphas = schedules[int(torch.randint(len(schedules), (), generator=batches.generator))]
        return noise_loss(
            lambda x, t: unet(x, t, context, y), frames, alphas, batches.generator, NOISE_OFFSET, HEAVIEST
        )

    return train(unet, forever(loss), TrainingSettings(steps=2400, learning_rate=1e-3), progress("image", work))


def motion(work: Path) -> dict[str, Tensor]:
    """The motion modules learn that the frames of a clip belong together, and where the prompt sends the object."""
    return learn_clips(new_motion_model(), work, TrainingSettings(steps=1200, learning_rate=1e-3), seed=4)


def motion_longer(work: Path) -> dict[str, Tensor]:
    """The same again: after `motion` the object goes where the prompt says in 33 of 40 clips."""
    model = new_motion_model()
    model.load_state_dict(load_file(work / "motion.safetensors"))
    return learn_clips(model, work, TrainingSettings(steps=700, learning_rate=7e-4), seed=6)


def motion_last(work: Path) -> dict[str, Tensor]:
    """And again, gently: after `motion_longer` it is 36 of 40, after this 38."""
    model = new_motion_model()
    model.load_state_dict(load_file(work / "motion_longer.safetensors"))
    return learn_clips(model, work, TrainingSettings(steps=400, learning_rate=5e-4), seed=8)


def learn_clips(model: MotionModel, work: Path, settings: TrainingSettings, seed: int) -> dict[str, Tensor]:
    """Train motion modules on clips; the UNet, as it will be stored, is frozen."""
    unet = new_unet()
    unet.load_state_dict({name: value.half() for name, value in load_file(work / "image.safetensors").items()})
    unet.requires_grad_(False).to(memory_format=torch.channels_last)
    batches = Batches(work, clips=4, seed=seed)
    alphas = alphas_cumprod(BETA_SCHEDULES[MOTION_SCHEDULE])

    def loss() -> Tensor:
        latents, context, y = batches.next()
        frames = latents.shape[1]
        context, y = (part.repeat_interleave(frames, dim=0) for part in (context, y))
        with host.joined(unet, MotionCall((MotionStep(model, frames, 1.0, None, ()),))):
            return noise_loss(
                lambda x, t: unet(x, t, context, y), latents, alphas, batches.generator, NOISE_OFFSET, HEAVIEST
            )

    return train(model, forever(loss), settings, progress("motion", work))


def pan_left(work: Path) -> dict[str, Tensor]:
    """A MotionLoRA learns a camera move, and at strength -1 the same move the other way; all else is frozen."""
    unet = new_unet()
    unet.load_state_dict({name: value.half() for name, value in load_file(work / "image.safetensors").items()})
    unet.requires_grad_(False).to(memory_format=torch.channels_last)
    model = new_motion_model()
    model.load_state_dict({k: v.half() for k, v in load_file(work / "motion_last.safetensors").items()})
    model.requires_grad_(False)
    paths = [path for path, _ in model.named_modules() if path.endswith(PROJECTIONS)]
    lora = LowRank({path: (CHANNELS, RANK, CHANNELS) for path in paths}, host.operations)
    for down, up in zip(lora.down, lora.up, strict=True):
        nn.init.normal_(down.weight, std=1 / RANK)
        nn.init.zeros_(up.weight)
    batches = FilmedBatches(work, clips=4, seed=7)
    alphas = alphas_cumprod(BETA_SCHEDULES[MOTION_SCHEDULE])[CAMERA_STEPS]

    def loss() -> Tensor:
        sign, latents, context, y = batches.next_filmed()
        frames = latents.shape[1]
        context, y = (part.repeat_interleave(frames, dim=0) for part in (context, y))
        call = MotionCall((MotionStep(model, frames, 1.0, None, ()),))
        with host.joined(unet, call), lora.joined(model, float(sign)):
            return noise_loss(
                lambda x, t: unet(x, t + CAMERA_STEPS.start, context, y),
                latents,
                alphas,
                batches.generator,
                NOISE_OFFSET,
                HEAVIEST_MOVE,
            )

    settings = TrainingSettings(steps=500, learning_rate=1e-2, warmup_steps=20, average_decay=0.99)
    trained = train(lora, forever(loss), settings, progress("pan_left", work))
    return {
        f"{authors_lora_name(path)}.{part}.weight": trained[f"{part}.{index}.weight"]
        for index, path in enumerate(lora.paths)
        for part in ("down", "up")
    }


def authors_lora_name(path: str) -> str:
    parent, leaf = path.replace("to_out.0", "to_out").rsplit(".", 1)
    return f"{parent}.processor.{leaf}_lora"


def new_motion_model() -> MotionModel:
    """Motion modules that add nothing yet: the authors start from a zero `proj_out`."""
    model = MotionModel(MOTION_SHAPE, FAMILIES["AnimateDiff SDXL beta"].norms, host.operations)
    initialise(model)
    for module in model.modules_by_place.values():
        transformer = module.temporal_transformer
        nn.init.zeros_(transformer.proj_out.weight)
        nn.init.zeros_(transformer.proj_out.bias)
        for attention in transformer.transformer_blocks[0].attention_blocks:
            attention.pos_encoder.pe.copy_(sinusoidal_positions(FRAME_LIMIT, module.channels))
    return model


class Batches:
    """Clips of the pool in random order with what the host's text encode node makes of their captions."""

    def __init__(self, work: Path, clips: int, seed: int):
        stored = load_file(work / "pool.safetensors")
        self.latents, self.scenes = stored["clips"], stored["scenes"]
        clip = new_clip()
        clip.load_state_dict({name: value.float() for name, value in load_file(work / "text.safetensors").items()})
        self.context, self.y = encode(clip, [*(scene.caption for scene in world.SCENES), ""])
        self.clips = clips
        self.generator = torch.Generator().manual_seed(seed)

    def next(self) -> tuple[Tensor, Tensor, Tensor]:
        """latents (b f 4 h w), context (b 77 c), y (b c)."""
        picks = torch.randint(len(self.scenes), (self.clips,), generator=self.generator)
        captions = self.scenes[picks]
        empty = torch.rand(self.clips, generator=self.generator) < EMPTY_CAPTION_SHARE
        captions = torch.where(empty, len(self.context) - 1, captions)
        return self.latents[picks].float(), self.context[captions], self.y[captions]


class FilmedBatches(Batches):
    """Clips of the drawn world filmed by a moving camera, in both directions of the move."""

    def __init__(self, work: Path, clips: int, seed: int):
        super().__init__(work, clips, seed)
        self.scenes = torch.arange(FILMED) % len(world.SCENES)
        self.filmed = {1: [], -1: []}
        for few in self.scenes.split(16):
            drawn = world.draw([world.SCENES[index] for index in few], self.generator)
            for sign, latents in self.filmed.items():
                seen = world.measure(film(drawn, "pan_left", sign).flatten(0, 1))
                latents.append(seen.unflatten(0, (len(few), world.FRAMES)))
        self.filmed = {sign: torch.cat(latents) for sign, latents in self.filmed.items()}

    def next_filmed(self) -> tuple[int, Tensor, Tensor, Tensor]:
        """sign of the move, and what `next` gives."""
        sign = 1 if torch.rand((), generator=self.generator) < 0.5 else -1
        self.latents = self.filmed[sign]
        return sign, *self.next()


def forever(loss: Callable[[], Tensor]) -> Iterator[Callable[[], Tensor]]:
    while True:
        yield loss


def progress(stage: str, work: Path | None = None) -> Callable:
    """Logs the mean loss every 50 steps and keeps the newest averaged weights of a long stage in `work`."""
    recent: list[float] = []
    began = time.monotonic()

    def on_step(step: int, loss: float, average: AveragedWeights) -> None:
        recent.append(loss)
        if step % 50 == 0:
            mean = sum(recent) / len(recent)
            log.info("%s %d loss %.4f, %.2f s a step", stage, step, mean, (time.monotonic() - began) / step)
            recent.clear()
        if work and step % 250 == 0:
            save_file({k: v.contiguous() for k, v in average.weights.items()}, work / f"{stage}-newest.safetensors")

    return on_step


STAGES = (text, pool, image, motion, motion_longer, motion_last, pan_left, decoder)


COMMITTED = {"motion_last": "tiny_motion.safetensors", "pan_left": "tiny_pan_left.safetensors"}


def assemble(work: Path) -> None:
    """The committed files, in fp16 and in the key spelling of the published ones."""
    here = Path(__file__).parent
    prefixes = {
        ("text", "clip_l."): "conditioner.embedders.0.",
        ("text", "clip_g."): "conditioner.embedders.1.model.",
        ("decoder", ""): "first_stage_model.",
        ("image", ""): "model.diffusion_model.",
    }
    checkpoint = {}
    for (stage, old), new in prefixes.items():
        for name, value in load_file(work / f"{stage}.safetensors").items():
            if name.startswith(old):
                checkpoint[new + name.removeprefix(old)] = value.half().contiguous()
    save_file(checkpoint, here / "tiny_sdxl.safetensors")
    for stage, name in COMMITTED.items():
        weights = {key: value.half() for key, value in load_file(work / f"{stage}.safetensors").items()}
        save_file(weights, here / name)


if __name__ == "__main__":
    main()
