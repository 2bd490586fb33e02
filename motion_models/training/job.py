"""A training with its files: it goes on from its state, and keeps what it has when it is stopped."""

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor
from torch.utils._pytree import tree_leaves

from ..errors import MotionError
from ..version import VERSION
from .dataset import TrainingClips
from .engine import Training
from .monitoring.progress import Progress
from .session import OnStep, Session
from .stages import Trained
from .states import Facts, digest_of, load_state, save_state, save_whole

NOT_IN_NAMES = frozenset('<>:"/\\|?*')
"""Characters that a file name cannot have on some system."""

LONGEST_NAME = 200
"""In bytes. Systems allow 255, and the number of steps is added."""

RESERVED = frozenset({"CON", "PRN", "AUX", "NUL", *(f"{port}{n}" for port in ("COM", "LPT") for n in range(10))})
"""Names that Windows does not allow, with any suffix."""

OF_LENGTH = frozenset({"steps", "warmup_steps", "lr_decay_steps"})

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
    depends_on: Facts
    """What else it must have the same: its models."""
    resumes: bool
    """Whether to go on from the state of an earlier run."""


@dataclass(frozen=True)
class Observer:
    """Who follows a training while it runs."""

    show: Callable[[str], None]
    """Shows a report to the user."""
    seconds: float = 1.0
    """Least time between two reports of steps."""
    after_step: Callable[[], None] = lambda: None
    """An exception in it ends the training."""


@dataclass(frozen=True)
class Outcome:
    path: Path
    tensors: dict[str, Tensor]
    losses: list[float]


def run_job(job: Job, train: Train, session: Session, clips: TrainingClips, observer: Observer) -> Outcome:
    """Train until the last step.

    An interrupt or an error leaves the state and a usable file of the last whole step. Raises MotionError if the name
    belongs to another training.
    """
    folder = job.states / checked_name(job.name)
    settings = settings_of(session) | job.metadata | job.depends_on
    session.processes.compare(json.dumps([settings, session.training.steps, dict(clips.files)], default=str))
    depends_on = settings | facts_of(clips)
    state = session.processes.once(lambda: load_state(folder, depends_on) if job.resumes else None)
    steps_done = 0 if state is None else len(state["losses"])
    progress = Progress(session.training.steps, steps_done, folder, observer.show, observer.seconds)
    session = dataclasses.replace(session, state=state, on_preview=progress.on_preview, report=observer.show)
    latest: list[tuple[Training, Trained]] = []

    def save() -> Path:
        training, trained = latest[-1]
        path = job.results / f"{job.name}_{training.steps_done}.safetensors"
        if not session.processes.writes:
            return path
        facts = job.metadata | clips.facts | {"format": "pt", "steps": str(training.steps_done), "version": VERSION}
        save_whole({key: value.half() for key, value in trained.tensors(training.weights()).items()}, path, facts)
        save_state(folder, training.state(), depends_on)
        return path

    def finish() -> Path:
        path, (training, _) = save(), latest[-1]
        if session.processes.writes:
            progress.finish(training)
        return path

    def on_step(training: Training, trained: Trained) -> None:
        latest.append((training, trained))
        del latest[:-1]
        if training.steps_done % job.save_every == 0 and training.steps_done < session.training.steps:
            save()
            session.processes.wait()
        progress.on_step(training)
        observer.after_step()

    try:
        latest.append(train(clips, session, on_step))
    except BaseException:
        if latest:
            progress.report_stop(latest[-1][0], finish(), job.resumes)
        raise
    path, (training, trained) = finish(), latest[-1]
    return Outcome(path, trained.tensors(training.weights()), training.losses)


def settings_of(session: Session) -> Facts:
    """Settings that a training keeps. A training with more steps goes on: its learning rate falls again to zero."""
    settings = dataclasses.asdict(session.training) | dataclasses.asdict(session.noise)
    settings |= {"seed": session.seed, "precision": session.precision}
    return {name: str(value) for name, value in settings.items() if name not in OF_LENGTH}


def facts_of(clips: TrainingClips) -> Facts:
    """What is known of clips in files, or digests of clips in memory."""
    if clips.files:
        return {name: str(value) for name, value in clips.files.items()}
    values = [leaf for conditions in clips.conditions for leaf in tree_leaves(conditions) if isinstance(leaf, Tensor)]
    return {"clips": digest_of(clips.latents), "captions": digest_of(values)}


def checked_name(name: str) -> str:
    """Raises MotionError unless the name is that of a file on every system, without a folder."""
    is_usable = name.isprintable() and not set(name) & NOT_IN_NAMES and 0 < len(name.encode()) <= LONGEST_NAME
    if not is_usable or name != name.strip(". ") or name.split(".")[0].strip().upper() in RESERVED:
        raise MotionError("name is {name}: write a file name without folders, such as my_pan.", name=repr(name))
    return name
