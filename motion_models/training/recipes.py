"""How a training follows from the inputs of a node. The nodes and the command line share it."""

from dataclasses import dataclass

from torch import nn

from .. import host
from ..files.loading import MotionFile
from ..network.motion_module import MotionModel
from . import stages
from .dataset import TrainingClips
from .engine import ALONE, Processes, Training, TrainingSettings
from .job import Train
from .losses import NoiseSettings
from .session import OnStep, Session, base_of, train_motion, train_stills
from .stages import Trained
from .states import Facts, digest_of

GO_ON, START_AGAIN = RESUME = ("auto", "start again")
STATES = "adxl_training"
"""The folder of the states of trainings, below the output folder."""


@dataclass(frozen=True)
class LoopValues:
    """Values of the inputs that all stages have."""

    name: str
    steps: int
    learning_rate: float
    loss: str
    max_noise_weight: float
    clips_per_step: int
    seed: int
    precision: str
    checkpointing: str
    save_every: int
    resume: str

    def session(self, processes: Processes = ALONE) -> Session:
        training = TrainingSettings(
            self.steps,
            self.learning_rate,
            warmup_steps=max(1, self.steps // 10),
            average_decay=None,
            clips_per_step=self.clips_per_step,
        )
        noise = NoiseSettings(self.loss, max_snr_weight=self.max_noise_weight)
        return Session(training, noise, self.seed, self.checkpointing, self.precision, processes=processes)


@dataclass(frozen=True)
class Recipe:
    metadata: dict[str, str]
    """Of the trained file, what only this stage knows."""
    depends_on: Facts
    """The models, which stay the same when a training goes on."""
    train: Train


def motion_lora(model: host.ModelPatcher, motion: MotionFile, rank: int, layers: str, key_format: str) -> Recipe:
    """layers: a key of stages.LAYERS. key_format: a key of stages.KEY_FORMATS."""

    def train(clips: TrainingClips, session: Session, on_step: OnStep) -> tuple[Training, Trained]:
        def trained_of(modules: MotionModel) -> Trained:
            return stages.motion_lora(modules, rank, stages.LAYERS[layers], session.seed, key_format)

        return train_motion(model, motion, trained_of, clips, session, on_step)

    metadata = facts_of(motion) | {"rank": str(rank), "layers": layers, "key_format": key_format}
    return Recipe(metadata, models_of(model, motion), train)


def motion_model(model: host.ModelPatcher, motion: MotionFile, start: str) -> Recipe:
    """start: one of stages.STARTS."""

    def train(clips: TrainingClips, session: Session, on_step: OnStep) -> tuple[Training, Trained]:
        def trained_of(modules: MotionModel) -> Trained:
            return stages.motion_model(modules, start, session.seed)

        return train_motion(model, motion, trained_of, clips, session, on_step, trains_all=True)

    return Recipe(facts_of(motion) | {"start": start}, models_of(model, motion), train)


def domain_adapter(model: host.ModelPatcher, rank: int) -> Recipe:
    def train(clips: TrainingClips, session: Session, on_step: OnStep) -> tuple[Training, Trained]:
        def trained_of(unet: nn.Module) -> Trained:
            return stages.domain_adapter(unet, host.adapter_names(model), rank, session.seed)

        return train_stills(model, trained_of, clips, session, on_step)

    return Recipe({"base": base_of(model), "rank": str(rank)}, models_of(model), train)


def models_of(model: host.ModelPatcher, motion: MotionFile | None = None) -> Facts:
    """The checkpoint and the LoRAs of a MODEL, and the file of a motion model with its size."""
    facts = {"model": f"{host.checkpoint_name(model)}, {digest_of(host.patches_of(model))}"}
    return facts | ({"motion_model": f"{motion.path.name}, {motion.path.stat().st_size}"} if motion else {})


def facts_of(motion: MotionFile) -> dict[str, str]:
    """What the metadata of a trained file say about its motion model."""
    return {"family": motion.family.name, "base": motion.family.base}
