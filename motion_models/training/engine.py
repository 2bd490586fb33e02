"""The training loop: AdamW with a warm-up and a cosine, clipped gradients, accumulation and averaged weights.

The recipe is the original one (guoyww/AnimateDiff, train.py). Averaged weights are an addition, because they improve
short trainings. A training can stop after any step and go on, with the same result.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR
from torch.optim.swa_utils import AveragedModel

from ..errors import MotionError

Loss = Callable[[int, int], Tensor]
"""(step, clip of the step) -> loss."""

State = dict[str, Tensor] | None
"""Of a training that goes on, or None."""


@dataclass(frozen=True)
class TrainingSettings:
    steps: int
    learning_rate: float
    warmup_steps: int = 100
    weight_decay: float = 0.01
    gradient_norm: float = 1.0
    average_decay: float | None = 0.998
    """Decay of the exponential average of the weights, which is the result. None: the weights of the last step are."""
    lr_decay_steps: int | None = None
    """Steps until the learning rate is zero. None: all steps. Use more in a stage that another stage follows."""
    clips_per_step: int = 1
    """Losses of a step, whose mean is minimised. They are computed one after another."""

    def rate_factor(self, step: int) -> float:
        """Share of the learning rate at a step, counted from 0: a linear warm-up times a half cosine down to zero."""
        warmup = min(1.0, (step + 1) / self.warmup_steps)
        return warmup * 0.5 * (1 + math.cos(math.pi * step / (self.lr_decay_steps or self.steps)))


def generator_for(seed: int, step: int, clip: int) -> torch.Generator:
    """Random numbers that depend on nothing but a place in the training, however often it stopped before."""
    (mixed,) = np.random.SeedSequence((seed, step, clip)).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(mixed >> 1))  # torch takes seeds below 2 ** 63


def averaged(module: nn.Module, decay: float) -> AveragedModel:
    """An exponential average of the weights of a module, in fp32, because half precision rounds small changes away."""

    def average_fn(average: Tensor, weight: Tensor, count: Tensor | int) -> Tensor:
        early = (1 + int(count)) / (10 + int(count))  # so that the first weights fade faster
        return average.lerp(weight.to(average), 1 - min(decay, early))

    return AveragedModel(module, avg_fn=average_fn).float()


class Processes:
    """The processes of a training: this one alone. `headless/processes.py` has several, which share each step."""

    rank, count = 0, 1

    @property
    def writes(self) -> bool:
        """Whether this process writes the files."""
        return self.rank == 0

    def once(self, read: Callable[[], State]) -> State:
        """What one process reads, for all of them."""
        return read()

    def compare(self, mark: str) -> None:
        """Raises MotionError if the processes have different marks."""

    def start(self, module: nn.Module) -> None:
        """Called before the first step. module: what is trained, which is the same in all processes afterwards."""

    def clips(self, clips_per_step: int) -> range:
        """The clips of each step that this process takes."""
        return range(clips_per_step)

    def backward(self, loss_of: Loss, step: int, clip: int, clips_per_step: int) -> float:
        """Add the share of a clip to the gradients, and return its share of the loss."""
        loss = loss_of(step, clip) / clips_per_step
        loss.backward()
        return loss.item()

    def total(self, loss: float) -> float:
        """The sum over all processes."""
        return loss

    def wait(self) -> None:
        """Wait for all processes, however long one reads or writes a file."""

    def agree(self, wish: bool) -> bool:
        """Whether any process wishes something. All must ask at the same time."""
        return wish


ALONE = Processes()


class Training:
    """A training of every parameter of a module that requires a gradient."""

    def __init__(self, module: nn.Module, settings: TrainingSettings, processes: Processes = ALONE):
        self.module, self.settings, self.processes = module, settings, processes
        self.parameters = {name: weight for name, weight in module.named_parameters() if weight.requires_grad}
        self.optimizer = torch.optim.AdamW(
            self.parameters.values(), settings.learning_rate, weight_decay=settings.weight_decay
        )
        self.schedule = LambdaLR(self.optimizer, settings.rate_factor)
        self.average = None if settings.average_decay is None else averaged(module, settings.average_decay)
        self.losses: list[float] = []
        """The loss of each step that is done."""
        processes.start(module)

    @property
    def steps_done(self) -> int:
        return len(self.losses)

    @property
    def device(self) -> torch.device:
        return next(iter(self.parameters.values())).device

    def run(self, loss_of: Loss, on_step: Callable[["Training"], None] = lambda _: None) -> None:
        """Take the steps that are left. on_step: called after each, for progress, interrupts and states.

        If `loss_of` or `on_step` raises an exception, the training is that of the last whole step.
        """
        while self.steps_done < self.settings.steps:
            self.step(loss_of)
            on_step(self)

    def step(self, loss_of: Loss) -> None:
        settings, processes = self.settings, self.processes
        self.optimizer.zero_grad(set_to_none=True)
        clips = processes.clips(settings.clips_per_step)
        loss = sum(processes.backward(loss_of, self.steps_done, clip, settings.clips_per_step) for clip in clips)
        total = processes.total(loss)
        norm = nn.utils.clip_grad_norm_(self.parameters.values(), settings.gradient_norm)
        if not math.isfinite(total) or not norm.isfinite():
            raise MotionError(
                "The loss is no longer a number: lower learning_rate, and train under another name. What was learned "
                "before step {step} is kept.",
                step=self.steps_done + 1,
            )
        self.optimizer.step()
        self.schedule.step()
        if self.average is not None:
            self.average.update_parameters(self.module)
        self.losses.append(total)

    def weights(self) -> dict[str, Tensor]:
        """The result so far: the state dict of the module, with averaged weights if they are asked for."""
        return (self.module if self.average is None else self.average.module).state_dict()

    def state(self) -> dict[str, Tensor]:
        """Everything that `load_state` needs to go on, as tensors for a .safetensors file."""
        state = {f"weights.{name}": weight.detach() for name, weight in self.parameters.items()}
        for name, weight in self.parameters.items():
            state |= {f"{key}.{name}": value for key, value in self.optimizer.state[weight].items()}
        if self.average is not None:
            state |= {f"average.{name}": value for name, value in self.average.state_dict().items()}
        return state | {"losses": torch.tensor(self.losses, dtype=torch.float64)}

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Go on from a state of a training of the same module with the same settings."""
        with torch.no_grad():
            for name, weight in self.parameters.items():
                weight.copy_(state[f"weights.{name}"])
                self.optimizer.state[weight] = {
                    key: state[f"{key}.{name}"].clone() for key in ("step", "exp_avg", "exp_avg_sq")
                }
        if self.average is not None:
            prefix = "average."
            self.average.load_state_dict(
                {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
            )
        self.losses = state["losses"].tolist()
        self.schedule = LambdaLR(self.optimizer, self.settings.rate_factor, last_epoch=self.steps_done - 1)


def train(
    module: nn.Module,
    loss_of: Loss,
    settings: TrainingSettings,
    on_step: Callable[[Training], None] = lambda _: None,
) -> dict[str, Tensor]:
    """Train a module in one go, and return the result."""
    training = Training(module, settings)
    training.run(loss_of, on_step)
    return training.weights()
