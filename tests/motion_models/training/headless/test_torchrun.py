"""The command as people start it: alone, by torchrun, and as processes that end in the middle."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from tests.conftest import COMFYUI
from tests.host.obtain import PACK

pytestmark = pytest.mark.measured  # long: each test starts several processes

BY_PATH = [str(PACK / "motion_models/training/headless")]
BY_NAME = ["-m", "motion_models.training.headless"]
TORCHRUN = ["-m", "torch.distributed.run"]
ONE_MACHINE = [*TORCHRUN, "--standalone", "--nproc-per-node", "2"]
TWO_MACHINES = [*TORCHRUN, "--nnodes", "2", "--nproc-per-node", "1", "--master-addr", "127.0.0.1"]
ENVIRONMENT = os.environ | {
    "COMFYUI_PATH": str(COMFYUI),
    "PYTHONPATH": str(PACK / "tests/host/startup"),
    "OMP_NUM_THREADS": "1",
}


@contextmanager
def started(config: Path, start: list[str], **environment: str) -> Iterator[subprocess.Popen]:
    """A running command. start: arguments of Python before the configuration."""
    process = subprocess.Popen(
        [sys.executable, *start, str(config), "--cpu"],
        cwd=PACK, env=ENVIRONMENT | environment, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def run(config: Path, start: list[str]) -> str:
    """Run a command to its end, and return what it logs."""
    with started(config, start) as process:
        _, log = process.communicate(timeout=300)
    assert process.returncode == 0, log
    return log


def wait_for(text: str, process: subprocess.Popen) -> None:
    """Read the log until a line has the text."""
    lines = []
    for line in process.stderr or []:
        lines.append(line)
        if text in line:
            return
    raise AssertionError("".join(lines))


def free_port() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


def state_of(config: Path) -> dict[str, torch.Tensor]:
    return load_file(config.parent / "output/adxl_training" / config.stem / "state.safetensors")


def test_a_machine_without_a_gpu_is_told_of_the_cpu(tmp_path: Path) -> None:
    command = [sys.executable, *BY_PATH, str(tmp_path / "a.toml")]
    environment = os.environ | {"COMFYUI_PATH": str(COMFYUI), "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 1 and "add --cpu to train on the CPU" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.usefixtures("shards")
def test_two_processes_equal_one_also_after_a_stop(write_config: Callable[..., Path]) -> None:
    """One process accumulates two clips. Two stop after the first step, and go on as two machines."""
    alone, two = write_config(name="alone"), write_config(name="two")
    run(alone, BY_PATH)
    stop = two.parent / "output/adxl_training/two/stop"
    stop.parent.mkdir(parents=True)
    stop.touch()
    assert "two is stopped, and its state is saved" in run(two, [*ONE_MACHINE, *BY_PATH])
    assert len(state_of(two)["losses"]) == 1 and not stop.exists()
    machines = [*TWO_MACHINES, "--master-port", free_port()]
    with started(two, [*machines, "--node-rank", "1", *BY_NAME]):
        assert "two_3.safetensors is saved" in run(two, [*machines, "--node-rank", "0", *BY_NAME])
    expected, found = state_of(alone), state_of(two)
    assert expected.keys() == found.keys() and len(found["losses"]) == 3
    assert all(torch.equal(value, found[name]) for name, value in expected.items())
    results = two.parent / "output/animatediff_models"
    assert sorted(path.stem for path in results.iterdir()) == ["alone_3", "two_1", "two_3"]
    with safe_open(results / "two_3.safetensors", "pt") as file:
        assert (file.metadata()["clips"], file.metadata()["steps"]) == ("5", "3")


@pytest.mark.usefixtures("shards")
def test_sigterm_ends_all_processes_with_a_state(write_config: Callable[..., Path]) -> None:
    config = write_config(steps=10000)
    with started(config, [*ONE_MACHINE, *BY_PATH]) as process:
        wait_for("Step 1 of", process)
        process.send_signal(signal.SIGTERM)
        log = process.communicate(timeout=60)[1]
    assert "small is stopped, and its state is saved" in log
    assert 1 <= len(state_of(config)["losses"]) < 10000


@pytest.mark.usefixtures("shards")
def test_a_killed_process_ends_the_other_within_a_minute(write_config: Callable[..., Path]) -> None:
    config = write_config(steps=10000)
    common = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": free_port()}
    with (
        started(config, BY_PATH, RANK="0", LOCAL_RANK="0", **common) as first,
        started(config, BY_PATH, RANK="1", LOCAL_RANK="1", **common) as second,
    ):
        wait_for("Step 1 of", first)
        second.kill()
        began = time.monotonic()
        first.communicate(timeout=60)
        assert time.monotonic() - began < 60 and first.returncode != 0
    assert 1 <= len(state_of(config)["losses"]) < 10000


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 4}, "The machines have different settings or different shards"),
        (
            {"clips_per_step": 3},
            "clips_per_step is 3, and there are 2 processes: set clips_per_step to a multiple of 2",
        ),
    ],
)
@pytest.mark.usefixtures("shards")
def test_processes_that_cannot_share_steps_end(write_config: Callable[..., Path], changes: dict, message: str) -> None:
    common = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": free_port()}
    with started(write_config(name="one"), BY_PATH, RANK="0", LOCAL_RANK="0", **common) as first:
        with started(write_config(**changes), BY_PATH, RANK="1", LOCAL_RANK="1", **common) as second:
            log = second.communicate(timeout=120)[1]
        first.communicate(timeout=60)
    assert message in log and second.returncode == 1 and first.returncode != 0


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"COMFYUI_PATH": "/nowhere"}, "There is no ComfyUI in /nowhere: set the environment variable COMFYUI_PATH"),
        ({"CUDA_VISIBLE_DEVICES": "3", "LOCAL_RANK": "1"}, "CUDA_VISIBLE_DEVICES is 3, which is too few for process 1"),
    ],
)
def test_an_error_is_one_sentence(write_config: Callable[..., Path], environment: dict, message: str) -> None:
    with started(write_config(), BY_PATH, **environment) as process:
        log = process.communicate(timeout=120)[1]
    assert process.returncode == 1 and message in log and "Traceback" not in log
