"""Several processes that train together, each on its own device: torch's DistributedDataParallel.

Gradients are summed and not averaged, so two processes add the same numbers as one that accumulates two clips.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from ...errors import MotionError
from ..engine import ALONE, Loss, Processes, State

BACKENDS = {"cpu": "gloo", "cuda": "cpu:gloo,cuda:nccl"}
"""By the kind of device."""

FAILED = "failed"

PATIENCE = timedelta(hours=2)
"""For waits in which another process may read a checkpoint or write a state."""


class LossOf(nn.Module):
    """Weights that are trained, with the loss as the result of a call: DistributedDataParallel watches calls."""

    def __init__(self, module: nn.Module):
        super().__init__()
        self.weights = nn.ParameterList(weight for weight in module.parameters() if weight.requires_grad)

    def forward(self, loss_of: Loss, step: int, clip: int) -> Tensor:
        return loss_of(step, clip)


class Several(Processes):
    """One of several processes. Process r takes the clips r, r + n, ... of each step.

    If a process ends, the calls of the others raise RuntimeError: at once over gloo, after the timeout over NCCL. If a
    machine vanishes, they do so after the timeout.
    """

    def __init__(self, device: str, timeout: timedelta):
        """device: a key of BACKENDS. timeout: how long a process waits for another in a step."""
        dist.init_process_group(BACKENDS[device], timeout=timeout)
        self.rank, self.count = dist.get_rank(), dist.get_world_size()
        self.patient: Any = dist.new_group(backend="gloo", timeout=PATIENCE)
        self.shared: DistributedDataParallel | None = None

    def once(self, read: Callable[[], State]) -> State:
        """The state that the first process reads. The others get it over the network, so they need no shared disk.

        Raises MotionError in all processes if it does in the first.
        """
        outline: list[Any] = [FAILED]
        try:
            state = read() if self.writes else None
            outline = [state and {name: (value.shape, value.dtype) for name, value in state.items()}]
        finally:
            dist.broadcast_object_list(outline, group=self.patient)
        if outline[0] is None:
            return None
        if outline[0] == FAILED:
            raise MotionError("The first process cannot go on: see its message.")
        state = state or {name: torch.empty(shape, dtype=dtype) for name, (shape, dtype) in outline[0].items()}
        for value in state.values():
            dist.broadcast(value, 0, group=self.patient)
        return state

    def compare(self, mark: str) -> None:
        marks: list[Any] = [None] * self.count
        dist.all_gather_object(marks, mark, group=self.patient)
        if len(set(marks)) > 1:
            raise MotionError(
                "The machines have different settings or different shards: give all of them the same files."
            )

    def start(self, module: nn.Module) -> None:
        self.wait()  # the others may still read their models
        self.shared = DistributedDataParallel(LossOf(module), gradient_as_bucket_view=True)
        self.shared.register_comm_hook(None, summed)

    def clips(self, clips_per_step: int) -> range:
        """Raises MotionError if the clips cannot be divided evenly. Each process must take part in each step."""
        if clips_per_step % self.count:
            raise MotionError(
                "clips_per_step is {clips}, and there are {processes} processes: set clips_per_step to a multiple of "
                "{processes}.",
                clips=clips_per_step,
                processes=self.count,
            )
        return range(self.rank, clips_per_step, self.count)

    def backward(self, loss_of: Loss, step: int, clip: int, clips_per_step: int) -> float:
        assert self.shared is not None
        is_last = clip + self.count >= clips_per_step  # gradients are exchanged in the backward pass of the last clip
        with nullcontext() if is_last else self.shared.no_sync():
            loss = self.shared(loss_of, step, clip) / clips_per_step
            loss.backward()
        return loss.item()

    def total(self, loss: float) -> float:
        value = torch.tensor(loss, dtype=torch.float64)
        dist.all_reduce(value)
        return value.item()

    def wait(self) -> None:
        dist.barrier(self.patient)

    def agree(self, wish: bool) -> bool:
        value = torch.tensor(int(wish))
        dist.all_reduce(value, dist.ReduceOp.MAX)
        return bool(value)


def summed(_: object, bucket: dist.GradBucket) -> torch.futures.Future[Tensor]:  # pyright: ignore
    """Add the gradients of all processes. The losses are already divided by the clips of a step."""
    work: Any = dist.all_reduce(bucket.buffer(), async_op=True)
    return work.get_future().then(lambda future: future.value()[0])


@contextmanager
def joined(device: str, timeout: timedelta) -> Iterator[Processes]:
    """The processes that torchrun has started, or this one alone.

    Raises MotionError if they cannot exchange gradients on this kind of device.
    """
    if os.environ.get("WORLD_SIZE", "1") == "1":
        yield ALONE
        return
    if device not in BACKENDS:
        raise MotionError(
            "Several processes cannot train on {device}: use NVIDIA or AMD GPUs, CPUs, or one process.", device=device
        )
    yield Several(device, timeout)
    dist.destroy_process_group()  # not after an error, because it would wait for processes that have ended
