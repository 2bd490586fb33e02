"""Training data of the tiny model: batches of latents with encoded captions. Also the weights of earlier stages."""

import logging
import time
from collections.abc import Callable
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
from animatediff_xl.motion_models.training.engine import Training
from animatediff_xl.motion_models.training.losses import NoiseSettings

from tests.tiny.host_pack import CHANNELS
from tests.tiny.models import encode_captions, initialise, new_clip, new_unet
from tests.tiny.synthetic_dataset import FRAMES, SCENES

log = logging.getLogger("tiny")

CAPTION_DROPOUT = 0.1  # guoyww/AnimateDiff train.py, cfg_random_null_text_ratio
NOISE = NoiseSettings(offset=0.25, max_snr_weight=100.0)
IMAGE_ALPHAS, MOTION_ALPHAS = (alphas_cumprod(BETA_SCHEDULES[name]) for name in ("SDXL", "AnimateDiff SDXL"))
LATENT_CHANNELS = 4
FRAME_LIMIT = 32  # rows of the positional encoding of mm_sdxl_v10_beta
MOTION_SHAPE = MotionShape(((CHANNELS,) * 2,) * 3, ((CHANNELS,) * 3,) * 3, (), FRAME_LIMIT)


def compute_in_bfloat16(model: nn.Module) -> None:
    """Let the layers compute in bfloat16 and give fp32, which is faster on processors that have it.

    The first and the last convolution stay in fp32: in much noise, the rounding of a latent would hide the picture.
    """
    for layer in model.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)) and min(layer.weight.shape[:2]) > LATENT_CHANNELS:
            layer.forward = in_bfloat16(layer.forward)


def in_bfloat16(forward: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    def rounded(x: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return forward(x).float()

    return rounded


def stage_weights(work: Path, stage: str) -> dict[str, Tensor]:
    """The weights of a finished stage, in the precision of the committed file."""
    return {name: value.half() for name, value in load_file(work / f"{stage}.safetensors").items()}


def frozen_unet(work: Path) -> nn.Module:
    """The image model, in the precision of the committed file."""
    unet = new_unet()
    unet.load_state_dict(stage_weights(work, "image"))
    compute_in_bfloat16(unet)
    return unet.requires_grad_(False).to(memory_format=torch.channels_last)


def new_motion_model() -> MotionModel:
    """Untrained motion modules. `proj_out` is zero, as the authors start."""
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
    """Runs a motion model in a UNet, on whole clips of the synthetic dataset."""
    return MotionForward((MotionPass(model, FRAMES, 1.0, masks=(), loras=()),))


class Batches:
    """Random clips of the pool, with their captions as the host's text encode node encodes them."""

    def __init__(self, work: Path, clips: int, seed: int, pool: str = "pool"):
        self.pool = load_file(work / f"{pool}.safetensors")
        clip = new_clip()
        clip.load_state_dict({name: value.float() for name, value in load_file(work / "text.safetensors").items()})
        self.context, self.y = encode_captions(clip, [*(scene.caption for scene in SCENES), ""])
        self.clips = clips
        self.generator = torch.Generator().manual_seed(seed)

    def next(self) -> tuple[Tensor, Tensor, Tensor]:
        """latents (b f 4 h w), context (b 77 c), y (b c)."""
        indices, context, y = self.next_indices()
        return self.pool["clips"][indices].float(), context, y

    def next_indices(self) -> tuple[Tensor, Tensor, Tensor]:
        """Indices into the pool (b), context (b 77 c), y (b c)."""
        indices, captions = self.next_captions()
        return indices, self.context[captions], self.y[captions]

    def next_captions(self) -> tuple[Tensor, Tensor]:
        """Indices into the pool (b), and of the captions (b). The last caption is the empty one."""
        indices = torch.randint(len(self.pool["scenes"]), (self.clips,), generator=self.generator)
        empty = torch.rand(self.clips, generator=self.generator) < CAPTION_DROPOUT
        return indices, torch.where(empty, len(self.context) - 1, self.pool["scenes"][indices])


def progress(stage: str, work: Path | None = None) -> Callable[[Training], None]:
    """Logs the mean loss every 50 steps and keeps the newest averaged weights of a long stage in `work`."""
    recent: list[float] = []
    began = time.monotonic()

    def on_step(training: Training) -> None:
        step = training.steps_done
        recent.append(training.losses[-1])
        if step % 50 == 0:
            mean = sum(recent) / len(recent)
            log.info("%s %d loss %.4f, %.2f s a step", stage, step, mean, (time.monotonic() - began) / step)
            recent.clear()
        if work and step % 250 == 0:
            weights = {name: value.contiguous() for name, value in training.weights().items()}
            save_file(weights, work / f"{stage}-newest.safetensors")

    return on_step
