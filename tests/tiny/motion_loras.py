"""Training of the tiny MotionLoRAs: a camera motion at strength 1, the opposite motion at strength -1.

Each clip is in the pool three times: with a still camera, and with two cameras that move in opposite directions. Mostly
the still clip is noised, and strengths 1 and -1 get the same noised latents. The loss then has two parts. Half the
difference of the two predictions is compared with half the difference of the noises that lead to the two motions. The
texture of the background cannot be predicted, but it is the same in both and cancels out, so that the gradients have
little variance. The mean of the two predictions must equal the prediction without the LoRA. Otherwise the moving clips
are noised, as in the motion stages.
"""

from pathlib import Path

import torch
from torch import Tensor, nn

from tests.tiny.camera import MOVES
from tests.tiny.data import (
    MOTION_ALPHAS,
    NOISE,
    Batches,
    frozen_unet,
    motion_forward,
    new_motion_model,
    progress,
    stage_weights,
)
from tests.tiny.synthetic_dataset import FRAMES, SCENES, draw, encode_images

# isort: split
from animatediff_xl.motion_models import host
from animatediff_xl.motion_models.network import layers
from animatediff_xl.motion_models.network.low_rank import LowRank
from animatediff_xl.motion_models.training.engine import TrainingSettings, train
from animatediff_xl.motion_models.training.stages import authors_keys, lora_tensors

CLIPS = 288  # six of each scene
RANK = 16
TARGET_MODULES = ("to_q", "to_k", "to_v", "to_out.0", "ff.net.0.proj", "ff.net.2")
STRENGTH_SCALE = 1.4
STILL_SHARE = 0.8  # share of the clips whose still version is noised
BACKGROUND_TIMESTEPS = 120, 750  # sigma 0.4 to 8, where the background is visible
NOISY_TIMESTEPS = 700, 1000  # sigma 6 to 66
NOISY_SHARE = 0.1
SIGNS = torch.tensor([1.0, -1.0])

OBJECT_CHROMA = 1.3
"""Only latents of objects have more chroma."""
LUMA_WEIGHTS = torch.tensor([1.0, 0.2, 0.2, 0.2])[:, None, None]
OBJECT_WEIGHT = 0.15
"""The luma of the background has the largest weight. Otherwise a zoom learns the motion of objects and colours, and
little of the motion of the texture."""


def camera_pool(work: Path) -> dict[str, Tensor]:
    """Latents (b f 4 h w) of the same clips with a still camera and with cameras that move in either direction."""
    generator = torch.Generator().manual_seed(200)
    scenes = torch.arange(CLIPS) % len(SCENES)
    speeds = {clip_key(move, int(sign)): sign * torch.tensor(speed) for move, speed in MOVES.items() for sign in SIGNS}
    clips_by_camera: dict[str, list[Tensor]] = {"still": [], **{name: [] for name in speeds}}
    for batch in scenes.split(16):
        state = generator.get_state()
        for name, latents in clips_by_camera.items():
            generator.set_state(state)
            cameras = speeds.get(name, torch.zeros(3)).expand(len(batch), -1)
            clips = draw([SCENES[index] for index in batch], generator, cameras)
            latents.append(encode_images(clips.flatten(0, 1)).unflatten(0, (len(batch), -1)).half())
    return {"scenes": scenes} | {name: torch.cat(latents) for name, latents in clips_by_camera.items()}


def clip_key(move: str, sign: int) -> str:
    return f"{move} {sign:+d}"


def train_motion_lora(work: Path, move: str, settings: TrainingSettings, seed: int) -> dict[str, Tensor]:
    """Train a MotionLoRA for one of MOVES. All else is frozen."""
    unet, model = frozen_unet(work), new_motion_model()
    model.load_state_dict(stage_weights(work, "motion_direction"))
    model.requires_grad_(False)
    lora = new_lora(model)
    batches = Batches(work, clips=2, seed=seed, pool="camera_pool")

    def predict(x: Tensor, timestep: Tensor, context: Tensor, y: Tensor) -> Tensor:
        """The predicted noise in x (n w f c h w): n clips at w strengths."""
        each_frame = (part.repeat_interleave(x[0, :, :, 0, 0, 0].numel(), dim=0) for part in (timestep, context, y))
        return unet(x.flatten(0, 2), *each_frame).unflatten(0, x.shape[:3])

    def loss() -> Tensor:
        indices, context, y = batches.next_indices()
        still = batches.pool["still"][indices].float()[:, None]
        moved = torch.stack([batches.pool[clip_key(move, int(sign))][indices].float() for sign in SIGNS], dim=1)
        generator = batches.generator
        timestep = random_timesteps(len(indices), generator)
        still_noised = torch.rand(len(indices), generator=generator) < STILL_SHARE
        alpha = MOTION_ALPHAS[timestep].float().view(-1, 1, 1, 1, 1, 1)
        noise = torch.randn(still.shape, generator=generator)
        noise += NOISE.offset * torch.randn(*still.shape[:4], 1, 1, generator=generator)
        noised = alpha.sqrt() * torch.where(still_noised.view_as(alpha), still, moved) + (1 - alpha).sqrt() * noise
        target = (noised - alpha.sqrt() * moved) / (1 - alpha).sqrt()
        timestep = timestep.float()
        with host.motion_hooks(unet, motion_forward(model)):
            strengths = SIGNS.repeat(len(indices))[:, None].expand(-1, FRAMES)
            with lora.hooks(model, strengths):
                predicted = predict(noised, timestep, context, y)
            with torch.no_grad():
                without_lora = predict(noised[:, :1], timestep, context, y)[:, 0]
        error = predicted - target
        half_difference = (error[:, 0] - error[:, 1]) / 2
        interpolation = predicted.mean(1) - without_lora
        both = 2 * (background_weights(still, moved) * half_difference.square() + interpolation.square())
        each = torch.where(still_noised.view_as(alpha)[:, 0], both, error.square().sum(1))
        return ((1 / alpha[:, 0]).clamp(max=NOISE.max_snr_weight) * each).mean() / 2

    return train(lora, lambda *_: loss(), settings, progress(move, work))


def random_timesteps(count: int, generator: torch.Generator) -> Tensor:
    background = torch.randint(*BACKGROUND_TIMESTEPS, (count,), generator=generator)
    noisiest = torch.randint(*NOISY_TIMESTEPS, (count,), generator=generator)
    return torch.where(torch.rand(count, generator=generator) < NOISY_SHARE, noisiest, background)


def background_weights(still: Tensor, moved: Tensor) -> Tensor:
    """Loss weights (n f c h w) for clips (n 1 f c h w) and (n 2 f c h w): smaller where an object is."""
    chroma = torch.cat([still, moved], dim=1)[:, :, :, 1:3].abs().amax((1, 3))
    return LUMA_WEIGHTS * torch.where(chroma < OBJECT_CHROMA, 1.0, OBJECT_WEIGHT)[:, :, None]


def new_lora(model: nn.Module) -> LowRank:
    """An untrained LoRA: `up` is zero."""
    weights = {path: layer.weight for path, layer in model.named_modules() if path.endswith(TARGET_MODULES)}
    lora = LowRank({path: (w.shape[1], RANK, w.shape[0]) for path, w in weights.items()}, layers)
    for down, up in zip(lora.down, lora.up, strict=True):
        nn.init.normal_(down.weight, std=1 / RANK)
        nn.init.zeros_(up.weight)
    return lora


def in_authors_format(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """A trained LoRA in the authors' key format, scaled up: a short training reaches only a part of the motion."""
    keys = [authors_keys(path) for path in new_lora(new_motion_model()).paths]
    scaled = {key: (STRENGTH_SCALE if key.startswith("up.") else 1.0) * weight for key, weight in weights.items()}
    return lora_tensors(keys, scaled)
