"""The TOML file of a training. Its keys have the names, defaults and limits of the inputs of the training nodes."""

import dataclasses
import difflib
import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ... import host
from ...errors import MotionError
from ...files.families import FAMILIES
from ..checkpointing import CHECKPOINTING
from ..clips.camera import CAMERA_MOVES, NO_MOVE
from ..clips.cutting import ClipSettings
from ..losses import LOSSES
from ..recipes import RESUME, LoopValues
from ..stages import KEY_FORMATS, LAYERS, STARTS

REQUIRED = object()
AUTO_FAMILY = "auto"


@dataclass(frozen=True)
class Key:
    expected: str
    """For the message about another value."""
    accepts: Callable[[Any], bool]
    default: Any = REQUIRED


def number(least: float, most: float, default: Any) -> Key:
    """A whole number if the default is one."""
    kinds = (int,) if isinstance(default, int) else (int, float)
    name = "a whole number" if isinstance(default, int) else "a number"

    def accepts(value: Any) -> bool:
        return isinstance(value, kinds) and not isinstance(value, bool) and least <= value <= most

    return Key(f"{name} from {least} to {most}", accepts, default)


def choice(options: Any, default: str) -> Key:
    return Key(f"one of {', '.join(map(repr, options))}", lambda value: value in list(options), default)


def text(default: Any = REQUIRED) -> Key:
    return Key("a text", lambda value: isinstance(value, str), default)


def texts(default: Any = REQUIRED) -> Key:
    def accepts(value: Any) -> bool:
        return isinstance(value, str) or (isinstance(value, list) and all(isinstance(each, str) for each in value))

    return Key("a text, or a list of texts", accepts, default)


def flag(default: bool) -> Key:
    return Key("true or false", lambda value: isinstance(value, bool), default)


Keys = Mapping[str, Key]


def loop(name: str, steps: int, loss: str, max_noise_weight: float, clips_per_step: int, save_every: int) -> Keys:
    """The keys that all stages have."""
    return {
        "checkpoint": text(),
        "data": texts(),
        "output": text(""),
        "timeout": number(1, 3600, 45),
        "clips": Key("a table", lambda value: isinstance(value, dict), {}),
        "name": text(name),
        "steps": number(1, 1000000, steps),
        "learning_rate": number(0.0, 1.0, 1e-4),
        "loss": choice(LOSSES, loss),
        "max_noise_weight": number(1.0, 1000.0, max_noise_weight),
        "clips_per_step": number(1, 4096, clips_per_step),
        "seed": number(0, 2**53 - 1, 0),
        "precision": choice(host.PRECISIONS, "auto"),
        "checkpointing": choice(CHECKPOINTING, "on"),
        "save_every": number(1, 100000, save_every),
        "resume": choice(RESUME, RESUME[0]),
    }


MOTION: Keys = {
    "motion_model": text(),
    "family": choice([AUTO_FAMILY, *FAMILIES], AUTO_FAMILY),
    "domain_adapter": text(""),
    "alpha": number(0.0, 10.0, 1.0),
}
"""The keys of stages that train motion. The adapter of the first stage stays on while they train."""

STAGES: dict[str, Keys] = {
    "motion_lora": {
        **loop("my_motion", 500, "debiased", 100.0, 1, 100),
        **MOTION,
        "rank": number(1, 512, 64),
        "layers": choice(LAYERS, "attention"),
        "key_format": choice(KEY_FORMATS, "AnimateDiff"),
    },
    "motion_model": {**loop("my_module", 5000, "noise", 1.0, 4, 500), **MOTION, "start": choice(STARTS, STARTS[0])},
    "domain_adapter": {**loop("my_adapter", 1000, "noise", 1.0, 4, 100), "rank": number(1, 512, 128)},
}

CLIPS: Keys = {
    "source": texts(""),
    "caption": text(""),
    "frames": number(1, 1024, 16),
    "fps": number(0.0, 120.0, 8.0),
    "width": number(64, 4096, 512),
    "height": number(64, 4096, 512),
    "windows": number(1, 1000, 4),
    "mirror": flag(False),
    "camera": choice(CAMERA_MOVES, NO_MOVE),
}
"""The keys of the table [clips]: the inputs of Encode AnimateDiff Clips."""


@dataclass(frozen=True)
class Config:
    path: Path
    stage: str
    """A key of STAGES."""
    values: Mapping[str, Any]
    """All keys of the stage."""
    clips: Mapping[str, Any]
    """All keys of CLIPS."""

    def loop(self) -> LoopValues:
        return LoopValues(**self.values_of(LoopValues))

    def clip_settings(self) -> ClipSettings:
        return ClipSettings(**{field.name: self.clips[field.name] for field in dataclasses.fields(ClipSettings)})

    def values_of(self, kind: Any) -> dict[str, Any]:
        return {field.name: self.values[field.name] for field in dataclasses.fields(kind)}

    def file(self, key: str) -> Path:
        """The file that a key names. Raises MotionError if there is none."""
        path = self.resolved(self.values[key])
        if not path.is_file():
            raise MotionError(
                "{key} in {config} is {file}, and there is no such file: correct the path. Paths are relative to the "
                "folder of {config}.",
                key=key,
                config=self.path.name,
                file=path,
            )
        return path

    def resolved(self, path: str) -> Path:
        return self.path.absolute().parent / Path(path).expanduser()


def read_config(path: Path) -> Config:
    """Raises MotionError if the file is not TOML, or if a key is missing, unknown or has a wrong value."""
    try:
        content = toml_reader()(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # TOMLDecodeError is a ValueError
        raise MotionError(
            "{file} cannot be read: it must be a TOML file in UTF-8. The system reports: {reason}.",
            file=path.name,
            reason=error,
        ) from error
    stage = content.pop("stage", "")
    check(stage, choice(STAGES, ""), "stage", path)
    values = checked(content, STAGES[stage], path)
    return Config(path, stage, values, checked(values["clips"], CLIPS, path))


def toml_reader() -> Callable[[str], dict[str, Any]]:
    """Python 3.10 has none of its own."""
    for name in ("tomllib", "tomli"):
        try:
            return importlib.import_module(name).loads
        except ModuleNotFoundError:
            continue
    raise MotionError("Python 3.10 cannot read TOML files: install the package tomli, or use Python 3.11.")


def checked(given: Mapping[str, Any], keys: Keys, path: Path) -> dict[str, Any]:
    """The values of all keys. Raises MotionError if a key is missing, unknown or has a wrong value."""
    unknown = next((key for key in given if key not in keys), None)
    if unknown:
        raise MotionError(
            "{file} has the key {key}, which is unknown there: docs/training.md has the keys. The nearest: {keys}.",
            file=path.name,
            key=unknown,
            keys=", ".join(difflib.get_close_matches(unknown, keys, cutoff=0.0)),
        )
    missing = next((name for name, key in keys.items() if key.default is REQUIRED and name not in given), None)
    if missing:
        raise MotionError(
            "{file} has no key {key}: write {key} = and {expected}.",
            file=path.name,
            key=missing,
            expected=keys[missing].expected,
        )
    for name, value in given.items():
        check(value, keys[name], name, path)
    return {name: given.get(name, key.default) for name, key in keys.items()}


def check(value: Any, key: Key, name: str, path: Path) -> None:
    if not key.accepts(value):
        raise MotionError(
            "{key} in {file} is {value}, and must be {expected}.",
            key=name,
            file=path.name,
            value=repr(value),
            expected=key.expected,
        )
