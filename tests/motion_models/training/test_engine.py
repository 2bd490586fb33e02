"""The training engine: what it trains, its result, and going on after a stop."""

import dataclasses
from collections.abc import Callable

import pytest
import torch
from animatediff_xl.motion_models.errors import MotionError
from animatediff_xl.motion_models.training.engine import Training, TrainingSettings, averaged, generator_for, train
from torch import Tensor, nn


@pytest.fixture(autouse=True)
def inference() -> None:
    """Replaces the inference mode of the other tests: training needs gradients."""


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
    weights = train(network, lambda *_: loss(), settings, lambda training: losses.append(training.losses[-1]))
    assert torch.equal(network[0].weight, frozen)
    assert len(losses) == 300
    assert losses[-1] < losses[0] / 10
    network.load_state_dict(weights)
    assert loss() < losses[0] / 10


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

    def stop(training: Training) -> None:
        if training.steps_done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(network, lambda *_: network(torch.ones(1, 1)).sum(), TrainingSettings(9, 0.1), stop)


def noisy_loss(network: nn.Module) -> Callable[[int, int], Tensor]:
    """A loss whose data depend on the place in the training."""

    def loss(step: int, clip: int) -> Tensor:
        x = torch.randn(4, 3, generator=generator_for(5, step, clip))
        return (network(x) - x.sin()).square().mean()

    return loss


def new_network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 3))


@pytest.mark.parametrize("average_decay", [None, 0.9])
def test_a_resumed_training_equals_one_without_a_stop(average_decay: float | None) -> None:
    settings = TrainingSettings(7, 0.05, warmup_steps=3, average_decay=average_decay, clips_per_step=2)
    whole = Training(network := new_network(), settings)
    whole.run(noisy_loss(network))

    def interrupt(training: Training) -> None:
        if training.steps_done == 4:
            raise KeyboardInterrupt

    first = Training(network := new_network(), settings)
    with pytest.raises(KeyboardInterrupt):
        first.run(noisy_loss(network), interrupt)
    state = {name: value.clone() for name, value in first.state().items()}
    second = Training(network := nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 3)), settings)
    second.load_state(state)
    second.run(noisy_loss(network))
    assert second.losses == whole.losses
    assert all(torch.equal(value, second.weights()[name]) for name, value in whole.weights().items())
    assert all(torch.equal(value, second.state()[name]) for name, value in whole.state().items())


def test_a_failed_step_leaves_the_last_whole_step() -> None:
    settings = TrainingSettings(7, 0.05, clips_per_step=2)
    training = Training(network := new_network(), settings)
    loss = noisy_loss(network)

    def failing(step: int, clip: int) -> Tensor:
        if (step, clip) == (3, 1):
            raise MemoryError
        return loss(step, clip)

    with pytest.raises(MemoryError):
        training.run(failing)
    assert training.steps_done == 3
    training.run(loss)
    whole = Training(network := new_network(), settings)
    whole.run(noisy_loss(network))
    assert training.losses == whole.losses


def test_a_loss_that_is_no_number_ends_the_training() -> None:
    training = Training(network := new_network(), TrainingSettings(7, 0.05))
    loss = noisy_loss(network)
    with pytest.raises(MotionError, match="before step 4 is kept"):
        training.run(lambda step, clip: loss(step, clip) * (float("nan") if step == 3 else 1.0))
    assert training.steps_done == 3
    assert all(weight.isfinite().all() for weight in training.weights().values())


def test_accumulated_clips_equal_one_batch() -> None:
    settings = TrainingSettings(3, 0.05, average_decay=None)
    apart = Training(network := new_network(), dataclasses.replace(settings, clips_per_step=4))
    apart.run(noisy_loss(network))
    together = Training(network := new_network(), settings)
    loss = noisy_loss(network)
    together.run(lambda step, _: torch.stack([loss(step, clip) for clip in range(4)]).mean())
    assert apart.losses == pytest.approx(together.losses, rel=1e-5)


def test_random_numbers_differ_at_each_place_of_a_training() -> None:
    places = [(seed, step, clip) for seed in (0, 1) for step in range(3) for clip in range(3)]
    assert len({torch.rand((), generator=generator_for(*place)).item() for place in places}) == len(places)
