"""From a file to motion weights in the host's care."""

from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from . import host
from .errors import MotionError
from .families import FAMILIES, Family, detect, shape_of
from .files import MOTION_LORA_MARKS, read, stranger
from .keys import in_authors_spelling
from .motion_module import MotionModel, MotionShape, sinusoidal_positions

MISSING_SHOWN = 3


@dataclass(frozen=True)
class MotionFile:
    """A motion model on disk: what goes over the wire between Load and Apply.

    The weights are read when a MODEL asks for them, in that model's precision, and kept here for the next one.
    """

    path: Path
    family: Family
    shape: MotionShape
    patchers: dict[torch.dtype, host.ModelPatcher] = field(default_factory=dict, compare=False, repr=False)

    def patcher(self, dtype: torch.dtype) -> host.ModelPatcher:
        """The weights as a ModelPatcher of the host. The same one for the same precision: it shares its weights."""
        if dtype not in self.patchers:
            self.patchers.clear()  # one copy in memory is enough
            self.patchers[dtype] = load_patcher(str(self.path), self.family.name, dtype)
        return self.patchers[dtype].clone()


def open_motion_file(path: Path, family_name: str | None = None) -> MotionFile:
    """Look into a file and say what it is.

    family_name: a key of FAMILIES, or None to find out from the tensors.
    Raises MotionError with one sentence if the file is no motion model, or not one this pack runs.
    """
    tensors, shape = motion_tensors(path)
    family = FAMILIES[family_name] if family_name else detect(shape, path.name)
    check_complete(tensors, shape, family, path.name)
    return MotionFile(path, family, shape)


def motion_tensors(path: Path) -> tuple[dict[str, Tensor], MotionShape]:
    """The motion tensors of a file in the authors' spelling, positions included, and the shape they make."""
    content = read(path)
    tensors = in_authors_spelling(content)
    if not tensors or any(mark in key for key in tensors for mark in MOTION_LORA_MARKS):
        raise stranger(list(content), path.name)
    shape = shape_of(tensors, frame_limit=max(family.frame_limit for family in FAMILIES.values()))
    for key, query in list(tensors.items()):
        if key.endswith(".to_q.weight"):  # exports without positions: all published ones are this sinusoid
            positions = key.removesuffix("to_q.weight") + "pos_encoder.pe"
            tensors.setdefault(positions, sinusoidal_positions(shape.frame_limit, query.shape[-1]))
    return tensors, shape


def check_complete(tensors: dict[str, Tensor], shape: MotionShape, family: Family, file: str) -> None:
    """Raises MotionError if a tensor of the model is missing or of another size, or if one is left over."""
    expected = MotionModel(shape, family.joint_norm, host.operations, device="meta").state_dict()
    wrong = [key for key in expected if key not in tensors or tensors[key].shape != expected[key].shape]
    surplus = [key for key in tensors if key not in expected]
    if not wrong and not surplus:
        return
    listed = ", ".join((wrong or surplus)[:MISSING_SHOWN])
    raise MotionError(
        f"{file} is not a complete {family.name} motion model: of {len(expected)} tensors {len(wrong)} are missing or "
        f"of another size, and {len(surplus)} do not belong ({listed} ...). Download it again, or choose another."
    )


def load_patcher(path: str, family_name: str, dtype: torch.dtype, disable_dynamic: bool = False) -> host.ModelPatcher:
    """Read the weights into a ModelPatcher of the host. Also how the host makes further copies of it, for which it
    passes `disable_dynamic`."""
    tensors, shape = motion_tensors(Path(path))
    weights = {key: value.to(dtype) for key, value in tensors.items()}
    module = MotionModel(
        shape, FAMILIES[family_name].joint_norm, host.operations, device=host.offload_device(), dtype=dtype
    )
    return host.new_patcher(module, weights, disable_dynamic, (load_patcher, (path, family_name, dtype)))
