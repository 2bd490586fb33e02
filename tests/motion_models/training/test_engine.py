"""The training engine: its loss, the parameters that it trains, and its result."""

from itertools import repeat

import pytest
import torch
from animatediff_xl.motion_models.sampling.beta_schedules import BETA_SCHEDULES, alphas_cumprod
from animatediff_xl.motion_models.training.engine import TrainingSettings, averaged, noise_loss, train
from torch import Tensor, nn

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

    assert noise_loss(perfect, CLIPS, ALPHAS, seeded(), offset) < 1e-6
    off_by_two = noise_loss(lambda x, t: perfect(x, t) + 2, CLIPS, ALPHAS, seeded(), offset)
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
        noise_loss(listen, large, torch.zeros(1, dtype=torch.float64), seeded(), offset)
    assert shifts[0] == pytest.approx(1 / 16, rel=0.2)
    assert shifts[1] == pytest.approx(0.5, rel=0.2)


def test_only_parameters_that_require_gradients_are_trained() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1))
    network[0].requires_grad_(False)
    frozen = network[0].weight.clone()
    x = torch.linspace(-1, 1, 32)[:, None]
    losses = []

    def loss() -> Tensor:
        return (network(x) - x).square().mean()

    settings = TrainingSettings(steps=300, learning_rate=0.05, warmup_steps=10, average_decay=0.9)
    weights = train(network, repeat(loss), settings, lambda step, value, average: losses.append((step, value)))
    assert torch.equal(network[0].weight, frozen)
    assert [step for step, _ in losses] == list(range(1, 301))
    assert losses[-1][1] < losses[0][1] / 10
    network.load_state_dict(weights)
    assert loss() < losses[0][1] / 10


def test_the_learning_rate_warms_up_and_decays() -> None:
    settings = TrainingSettings(steps=1000, learning_rate=0.1, warmup_steps=100)
    rates = [settings.rate_factor(step) for step in range(1000)]
    assert rates[0] < 0.02
    assert max(rates) == pytest.approx(1, abs=0.05)
    assert rates.index(max(rates)) == pytest.approx(99, abs=2)
    assert rates[-1] < 1e-4


def test_averages_of_half_precision_weights_move() -> None:
    network = nn.Linear(1, 1, bias=False).bfloat16()
    average = averaged(network, decay=0.999)
    average.update_parameters(network)
    start = average.module.weight.item()
    with torch.no_grad():
        network.weight += 1
    for _ in range(1000):
        average.update_parameters(network)
    assert average.module.weight.item() - start == pytest.approx(1, rel=0.5)


def test_an_exception_in_the_callback_stops_the_training() -> None:
    network = nn.Linear(1, 1)

    def stop(step: int, *_: object) -> None:
        if step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(network, repeat(lambda: network(torch.ones(1, 1)).sum()), TrainingSettings(9, 0.1), stop)
