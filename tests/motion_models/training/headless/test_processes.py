"""What several processes do, in a group of one. `test_torchrun` has two."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
import torch
import torch.distributed as dist
from animatediff_xl.motion_models.errors import MotionError
from animatediff_xl.motion_models.training.engine import ALONE, Processes, Training, TrainingSettings, generator_for
from animatediff_xl.motion_models.training.headless.processes import Several, joined
from torch import Tensor, nn

from .test_torchrun import free_port


@pytest.fixture(autouse=True)
def inference() -> None:
    """Replaces the inference mode of the other tests: training needs gradients."""


@pytest.fixture
def several(monkeypatch: pytest.MonkeyPatch) -> Iterator[Several]:
    port = free_port()
    for name, value in {"RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}.items():
        monkeypatch.setenv(name, value)
    yield Several("cpu", timedelta(seconds=30))
    dist.destroy_process_group()


def trained(processes: Processes) -> Training:
    """Five steps of three clips. After two of them, the training goes on from its state."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 3))
    network[0].bias.requires_grad_(False)

    def loss(step: int, clip: int) -> Tensor:
        x = torch.randn(4, 3, generator=generator_for(5, step, clip))
        return (network(x) - x.sin()).square().mean()

    training = Training(network, TrainingSettings(5, 0.05, warmup_steps=2, clips_per_step=3), processes)
    for _ in range(2):
        training.step(loss)
    state = processes.once(lambda: {name: value.clone() for name, value in training.state().items()})
    assert state is not None
    training.load_state(state)
    training.run(loss)
    return training


def test_accumulated_gradients_equal_those_of_one_process(several: Several) -> None:
    """Gradients are exchanged in the last clip of a step."""
    expected, found = trained(ALONE), trained(several)
    assert found.losses == expected.losses and len(found.losses) == 5
    assert all(torch.equal(value, found.state()[name]) for name, value in expected.state().items())


def test_a_state_that_cannot_be_read_stops_all(several: Several, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = []

    def refuse() -> None:
        raise MotionError("no")

    monkeypatch.setattr(dist, "broadcast_object_list", lambda values, **_: sent.extend(values))
    with pytest.raises(MotionError, match="no"):
        several.once(refuse)
    several.rank = 1
    monkeypatch.setattr(dist, "broadcast_object_list", lambda values, **_: values.__setitem__(0, sent[0]))
    with pytest.raises(MotionError, match="The first process cannot go on: see its message"):
        several.once(refuse)


def test_other_devices_than_gpus_and_cpus_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with joined("mps", timedelta(seconds=1)) as processes:
        assert processes is ALONE
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(MotionError, match="Several processes cannot train on mps"), joined("mps", timedelta()):
        pass
