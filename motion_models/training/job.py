"""A training with its files: it goes on from its state, and keeps what it has when it is stopped."""

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from .. import host
from ..errors import MotionError, sentence
from ..version import VERSION
from .dataset import TrainingClips
from .engine import Training
from .memory import use_report
from .session import OnStep, Session
from .stages import Trained
from .states import fingerprint, load_state, save_state, save_whole

SMOOTHED_STEPS = 50
"""Steps whose mean loss is reported. The loss of one step depends mostly on its timestep."""

NOT_IN_NAMES = frozenset('<>:"/\\|?*')
"""Characters that a file name cannot have on some system."""

Train = Callable[[TrainingClips, Session, OnStep], tuple[Training, Trained]]


@dataclass(frozen=True)
class Job:
    """What a training is called, and where its files are."""

    name: str
    results: Path
    """The folder of the trained files."""
    states: Path
    """The folder of the states of all trainings."""
    save_every: int
    """Steps between two saves."""
    metadata: dict[str, str]
    """Of the trained file. A training that goes on must have the same."""
    resumes: bool
    """Whether to go on from the state of an earlier run."""


@dataclass(frozen=True)
class Outcome:
    path: Path
    tensors: dict[str, Tensor]
    losses: list[float]


def run_job(
    job: Job, train: Train, session: Session, clips: TrainingClips, on_progress: Callable[[Training], None]
) -> Outcome:
    """Train until the last step. on_progress: called after each step.

    An interrupt or an error leaves the state and a usable file of the last whole step. Raises MotionError if the name
    belongs to another training.
    """
    folder = job.states / checked_name(job.name)
    settings = dataclasses.asdict(session.training) | dataclasses.asdict(session.noise)
    settings |= {"seed": session.seed, "precision": session.precision, **job.metadata, **clips.files}
    mark = fingerprint(settings, () if clips.files else clips.latents)
    session.processes.compare(fingerprint(settings, ()))
    state = session.processes.once(lambda: load_state(folder, mark) if job.resumes else None)
    latest: list[tuple[Training, Trained]] = []

    def save() -> Path:
        training, trained = latest[-1]
        path = job.results / f"{job.name}_{training.steps_done}.safetensors"
        if not session.processes.writes:
            return path
        facts = job.metadata | clips.facts | {"format": "pt", "steps": str(training.steps_done), "version": VERSION}
        save_whole({key: value.half() for key, value in trained.tensors(training.weights()).items()}, path, facts)
        save_state(folder, training.state(), mark)
        return path

    def on_step(training: Training, trained: Trained) -> None:
        latest.append((training, trained))
        del latest[:-1]
        if training.steps_done % job.save_every == 0 and training.steps_done < session.training.steps:
            save()
            session.processes.wait()
        on_progress(training)

    try:
        latest.append(train(clips, dataclasses.replace(session, state=state), on_step))
    except BaseException:
        if latest:
            save()
        raise
    training, trained = latest[-1]
    return Outcome(save(), trained.tensors(training.weights()), training.losses)


def checked_name(name: str) -> str:
    """Raises MotionError unless the name is that of a file, without a folder."""
    if not name.strip(". ") or not name.isprintable() or set(name) & NOT_IN_NAMES:
        raise MotionError("name is {name}: write a file name without folders, such as my_pan.", name=repr(name))
    return name


class Progress:
    """The bar and the report of a training on its node."""

    def __init__(self, steps: int, show: Callable[[str], None], seconds: float = 1.0):
        """seconds: least time between two reports."""
        self.bar, self.steps, self.show, self.seconds = host.progress_bar(steps), steps, show, seconds
        self.began, self.first, self.shown = time.monotonic(), None, 0.0

    def __call__(self, training: Training) -> None:
        done, now = training.steps_done, time.monotonic()
        self.first = done - 1 if self.first is None else self.first
        self.bar.update_absolute(done, self.steps)
        if now - self.shown < self.seconds and done < self.steps:
            return
        self.shown = now
        recent = training.losses[-SMOOTHED_STEPS:]
        left = (now - self.began) / (done - self.first) * (self.steps - done)
        report = sentence(
            "Step {step} of {steps}, {minutes} minutes left. Loss {loss}.",
            step=done,
            steps=self.steps,
            minutes=f"{left / 60:.1f}",
            loss=f"{sum(recent) / len(recent):.4f}",
        )
        self.show("\n".join([report, *use_report(training.device)]))
