"""How the tiny MotionLoRAs learn a camera move: from what tells it from the same move the other way.

Each clip is there three times, from a camera that stands still and from two that move either way. Mostly the still one
is noised, and both strengths, 1 and -1, see the same noise. What they predict is compared in two parts. Half the
difference of the two must be that of the noises that would lead to either move; what nobody can predict, the texture of
the ground, is the same in both and falls out, so that little noise is left in the gradients. Their mean must stay what
the motion model predicts without the LoRA. Sometimes the moving clips are noised, as in the motion stage.
"""

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from tests.tiny import world
from tests.tiny.camera import MOVES
from tests.tiny.lessons import (
    HEAVIEST,
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

# isort: split
from animatediff_xl.motion_models import host
from animatediff_xl.motion_models.network import layers
from animatediff_xl.motion_models.network.low_rank import LowRank
from animatediff_xl.motion_models.training.engine import TrainingSettings, train

SCENES = 288  # each of the drawn world's six times
RANK = 16
CHANGED = ("to_q", "to_k", "to_v", "to_out.0", "ff.net.0.proj", "ff.net.2")
STRONGER = 1.4
LED = 0.8  # share of the steps in which the still clip is noised
GROUND_STEPS, NOISIEST_STEPS = (120, 750), (700, 1000)  # sigma 0.4 to 8: where the ground shows; 6 to 66
NOISIEST_SHARE = 0.1
WAYS = torch.tensor([1.0, -1.0])

OBJECTS = 1.3
"""Chroma of the latents that only objects have."""
LUMA_WEIGHTS = torch.tensor([1.0, 0.2, 0.2, 0.2])[:, None, None]
OBJECT_WEIGHT = 0.15
"""The ground's luma weighs most: without, a zoom learns objects and colours, and hardly that the texture moves."""


def moves(work: Path) -> dict[str, Tensor]:
    """Latents (b f 4 h w) of the same clips from a camera that stands still and from those that move either way."""
    generator = torch.Generator().manual_seed(200)
    scenes = torch.arange(SCENES) % len(world.SCENES)
    ways = {name_of(move, int(way)): way * torch.tensor(speed) for move, speed in MOVES.items() for way in WAYS}
    films: dict[str, list[Tensor]] = {"still": [], **{name: [] for name in ways}}
    for few in scenes.split(16):
        as_it_began = generator.get_state()
        for name, latents in films.items():
            generator.set_state(as_it_began)
            cameras = ways.get(name, torch.zeros(3)).expand(len(few), -1)
            clips = world.draw([world.SCENES[index] for index in few], generator, cameras)
            latents.append(world.measure(clips.flatten(0, 1)).unflatten(0, (len(few), -1)).half())
    return {"scenes": scenes} | {name: torch.cat(latents) for name, latents in films.items()}


def name_of(move: str, way: int) -> str:
    return f"{move} {way:+d}"


def learn_move(
    work: Path, move: str, settings: TrainingSettings, seed: int, start: str | None = None
) -> dict[str, Tensor]:
    """Train a MotionLoRA for one of MOVES, from nothing or from where the stage `start` ended; all else is frozen."""
    unet, model = frozen_unet(work), new_motion_model()
    model.load_state_dict(learned(work, "motion_sent"))
    model.requires_grad_(False)
    lora = new_lora(model)
    if start:
        lora.load_state_dict(load_file(work / f"{start}.safetensors"))
    batches = Batches(work, clips=2, seed=seed, pool="moves")

    def predict(x: Tensor, timestep: Tensor, context: Tensor, y: Tensor) -> Tensor:
        """The noise in x (n w f c h w), w ways of looking at n clips."""
        each_frame = (part.repeat_interleave(x[0, :, :, 0, 0, 0].numel(), dim=0) for part in (timestep, context, y))
        return unet(x.flatten(0, 2), *each_frame).unflatten(0, x.shape[:3])

    def loss() -> Tensor:
        picks, context, y = batches.picked()
        still = batches.pool["still"][picks].float()[:, None]
        moved = torch.stack([batches.pool[name_of(move, int(way))][picks].float() for way in WAYS], dim=1)
        generator = batches.generator
        timestep = some_timesteps(len(picks), generator)
        led = torch.rand(len(picks), generator=generator) < LED
        alpha = MOTION_ALPHAS[timestep].float().view(-1, 1, 1, 1, 1, 1)
        noise = torch.randn(still.shape, generator=generator)
        noise += NOISE_OFFSET * torch.randn(*still.shape[:4], 1, 1, generator=generator)
        noised = alpha.sqrt() * torch.where(led.view_as(alpha), still, moved) + (1 - alpha).sqrt() * noise
        wanted = (noised - alpha.sqrt() * moved) / (1 - alpha).sqrt()
        timestep = timestep.float()
        with host.motion_hooks(unet, motion_forward(model)):
            strengths = WAYS.repeat(len(picks))[:, None].expand(-1, world.FRAMES)
            with lora.hooks(model, strengths):
                predicted = predict(noised, timestep, context, y)
            with torch.no_grad():
                without = predict(noised[:, :1], timestep, context, y)[:, 0]
        error = predicted - wanted
        apart = (error[:, 0] - error[:, 1]) / 2
        interpolation = predicted.mean(1) - without
        both = 2 * (ground_weights(still, moved) * apart.square() + interpolation.square())
        each = torch.where(led.view_as(alpha)[:, 0], both, error.square().sum(1))
        return ((1 / alpha[:, 0]).clamp(max=HEAVIEST) * each).mean() / 2

    return train(lora, forever(loss), settings, progress(move, work))


def some_timesteps(count: int, generator: torch.Generator) -> Tensor:
    ground = torch.randint(*GROUND_STEPS, (count,), generator=generator)
    noisiest = torch.randint(*NOISIEST_STEPS, (count,), generator=generator)
    return torch.where(torch.rand(count, generator=generator) < NOISIEST_SHARE, noisiest, ground)


def ground_weights(still: Tensor, moved: Tensor) -> Tensor:
    """How much each latent number counts, (n f c h w), in clips (n 1 f c h w) and (n 2 f c h w)."""
    chroma = torch.cat([still, moved], dim=1)[:, :, :, 1:3].abs().amax((1, 3))
    return LUMA_WEIGHTS * torch.where(chroma < OBJECTS, 1.0, OBJECT_WEIGHT)[:, :, None]


def new_lora(model: nn.Module) -> LowRank:
    """A LoRA that changes nothing yet."""
    weights = {path: layer.weight for path, layer in model.named_modules() if path.endswith(CHANGED)}
    lora = LowRank({path: (w.shape[1], RANK, w.shape[0]) for path, w in weights.items()}, layers)
    for down, up in zip(lora.down, lora.up, strict=True):
        nn.init.normal_(down.weight, std=1 / RANK)
        nn.init.zeros_(up.weight)
    return lora


def as_file(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """A learned LoRA in the authors' key format; in MotionDirector's for the feed-forward, which authors leave alone.

    It is stored stronger than it was learned: a short training stops short of the move it was asked for.
    """
    tensors = {}
    for index, path in enumerate(new_lora(new_motion_model()).paths):
        parent, leaf = path.replace("to_out.0", "to_out").rsplit(".", 1)
        name = f"{parent}.processor.{leaf}_lora"
        tensors[f"{name}.down.weight"] = weights[f"down.{index}.weight"]
        tensors[f"{name}.up.weight"] = STRONGER * weights[f"up.{index}.weight"]
    return tensors
