"""Losses of the predicted noise."""

import pytest
import torch
from animatediff_xl.motion_models.sampling.beta_schedules import BETA_SCHEDULES, alphas_cumprod
from animatediff_xl.motion_models.training.losses import LOSSES, NoiseSettings, noise_loss
from torch import Tensor

ALPHAS = alphas_cumprod(BETA_SCHEDULES["AnimateDiff SDXL"])
CLIPS = torch.randn(3, 4, 2, 5, 5, generator=torch.Generator().manual_seed(0))


@pytest.fixture(autouse=True)
def inference() -> None:
    """Replaces the inference mode of the other tests: training needs gradients."""


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(1)


@pytest.mark.parametrize("offset", [0.0, 0.5])
def test_perfect_prediction_has_zero_loss(offset: float) -> None:
    def perfect(noised: Tensor, timestep: Tensor) -> Tensor:
        alpha = ALPHAS[timestep.long()].float()[:, None, None, None]
        return (noised - alpha.sqrt() * CLIPS.flatten(0, 1)) / (1 - alpha).sqrt()

    assert noise_loss(perfect, CLIPS, ALPHAS, seeded(), NoiseSettings(offset=offset)) < 1e-6
    off_by_two = noise_loss(lambda x, t: perfect(x, t) + 2, CLIPS, ALPHAS, seeded(), NoiseSettings(offset=offset))
    assert off_by_two == pytest.approx(4, rel=1e-3)


def test_frames_share_a_timestep_and_have_independent_noise() -> None:
    asked = {}

    def listen(noised: Tensor, timestep: Tensor) -> Tensor:
        asked.update(noised=noised.unflatten(0, (3, 4)), timestep=timestep.unflatten(0, (3, 4)))
        return noised

    noise_loss(listen, torch.zeros_like(CLIPS), ALPHAS, seeded())
    assert (asked["timestep"] == asked["timestep"][:, :1]).all()
    assert len(asked["timestep"].unique()) == 3
    assert len({tuple(frame.flatten().tolist()) for clip in asked["noised"] for frame in clip}) == 12


def test_noise_offset_shifts_whole_channels() -> None:
    shifts = []

    def listen(noised: Tensor, _: Tensor) -> Tensor:
        shifts.append(noised.mean((2, 3)).std().item())
        return noised

    large = torch.zeros(8, 16, 4, 16, 16)
    for offset in (0.0, 0.5):
        noise_loss(listen, large, torch.zeros(1, dtype=torch.float64), seeded(), NoiseSettings(offset=offset))
    assert shifts[0] == pytest.approx(1 / 16, rel=0.2)
    assert shifts[1] == pytest.approx(0.5, rel=0.2)


def test_debiased_loss_ignores_most_of_a_wrong_look() -> None:
    """An error that is the same in all frames counts 1.17, and one of random frames at least 3 on average."""
    loss = LOSSES["debiased"]
    look = torch.ones(1, 8, 2, 3, 3)
    motion = torch.randn(1, 8, 2, 3, 3, generator=seeded())
    assert loss(look, seeded()).mean() == pytest.approx(1 + (2**0.5 - 1) ** 2)
    assert loss(motion, seeded()).mean() / motion.square().mean() > 3
