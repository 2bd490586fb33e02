"""What every stage of the tiny training needs: clips with their texts, what was learned before, and progress."""

import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

import tests.conftest  # noqa: F401 - the host and the pack

# isort: split
from animatediff_xl.motion_models.files.families import FAMILIES
from animatediff_xl.motion_models.network import layers
from animatediff_xl.motion_models.network.motion_module import MotionModel, MotionShape, sinusoidal_positions
from animatediff_xl.motion_models.sampling.beta_schedules import BETA_SCHEDULES, alphas_cumprod
from animatediff_xl.motion_models.sampling.forward import MotionForward, MotionPass
from animatediff_xl.motion_models.training.engine import AveragedWeights

from tests.tiny import world
from tests.tiny.host_pack import CHANNELS
from tests.tiny.parts import encode, initialise, new_clip, new_unet

log = logging.getLogger("tiny")

EMPTY_CAPTION_SHARE = 0.1  # guoyww/AnimateDiff train.py, cfg_random_null_text_ratio
NOISE_OFFSET = 0.25
HEAVIEST = 100.0
IMAGE_ALPHAS, MOTION_ALPHAS = (alphas_cumprod(BETA_SCHEDULES[name]) for name in ("SDXL", "AnimateDiff SDXL"))
FRAME_LIMIT = 32  # rows of the positional encoding of mm_sdxl_v10_beta
MOTION_SHAPE = MotionShape(((CHANNELS,) * 2,) * 3, ((CHANNELS,) * 3,) * 3, (), FRAME_LIMIT)


def learned(work: Path, stage: str) -> dict[str, Tensor]:
    """The weights of a stage that is done, as they will be stored."""
    return {name: value.half() for name, value in load_file(work / f"{stage}.safetensors").items()}


def frozen_unet(work: Path) -> nn.Module:
    """The image model, rounded as it will be stored."""
    unet = new_unet()
    unet.load_state_dict(learned(work, "image_lit"))
    return unet.requires_grad_(False).to(memory_format=torch.channels_last)


def new_motion_model() -> MotionModel:
    """Motion modules that add nothing yet: the authors start from a zero `proj_out`."""
    model = MotionModel(MOTION_SHAPE, FAMILIES["AnimateDiff SDXL beta"].norms, layers)
    initialise(model)
    for module in model.modules_by_point.values():
        transformer = module.temporal_transformer
        nn.init.zeros_(transformer.proj_out.weight)
        nn.init.zeros_(transformer.proj_out.bias)
        for attention in transformer.transformer_blocks[0].attention_blocks:
            attention.pos_encoder.pe.copy_(sinusoidal_positions(FRAME_LIMIT, module.channels))
    return model


def motion_forward(model: MotionModel) -> MotionForward:
    """What joins a motion model to a UNet for whole clips of the drawn world."""
    return MotionForward((MotionPass(model, world.FRAMES, 1.0, (), ()),))


class Batches:
    """Clips of the pool in random order with what the host's text encode node makes of their captions."""

    def __init__(self, work: Path, clips: int, seed: int, pool: str = "pool"):
        self.pool = load_file(work / f"{pool}.safetensors")
        clip = new_clip()
        clip.load_state_dict({name: value.float() for name, value in load_file(work / "text.safetensors").items()})
        self.context, self.y = encode(clip, [*(scene.caption for scene in world.SCENES), ""])
        self.clips = clips
        self.generator = torch.Generator().manual_seed(seed)

    def next(self) -> tuple[Tensor, Tensor, Tensor]:
        """latents (b f 4 h w), context (b 77 c), y (b c)."""
        picks, context, y = self.picked()
        return self.pool["clips"][picks].float(), context, y

    def picked(self) -> tuple[Tensor, Tensor, Tensor]:
        """Places in the pool (b), context (b 77 c), y (b c)."""
        picks = torch.randint(len(self.pool["scenes"]), (self.clips,), generator=self.generator)
        empty = torch.rand(self.clips, generator=self.generator) < EMPTY_CAPTION_SHARE
        captions = torch.where(empty, len(self.context) - 1, self.pool["scenes"][picks])
        return picks, self.context[captions], self.y[captions]


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
