"""From a file to motion weights in the host's care."""

import dataclasses
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from .. import host
from ..errors import MotionError
from ..network import layers
from ..network.motion_module import MotionModel, MotionShape
from .checkpoints import check_complete, shape_of, with_positions
from .families import FAMILIES, Detection, Family, chosen, detect
from .key_formats import in_original_format, key_format_of, motion_keys, unwrapped
from .reading import read
from .unsupported_files import explain_unsupported, is_addon


@dataclass(frozen=True)
class MotionFile:
    """A motion model on disk: what goes over the wire between Load and Apply.

    The weights are read when a MODEL asks for them, in that model's precision, and kept here for the next one.
    """

    path: Path
    detection: Detection
    shape: MotionShape
    precision: str
    used: int
    """Tensors of the file that are the motion model, and those that are something else and left out."""
    unused: int
    patchers: dict[torch.dtype, host.ModelPatcher] = field(default_factory=dict, compare=False, repr=False)

    @property
    def family(self) -> Family:
        return self.detection.family

    def patcher(self, dtype: torch.dtype) -> host.ModelPatcher:
        """The weights as a ModelPatcher of the host. The same one for the same precision: it shares its weights."""
        if dtype not in self.patchers:
            self.patchers.clear()  # one copy in memory is enough
            self.patchers[dtype] = self.another_patcher(dtype)
        return self.patchers[dtype].clone()

    def another_patcher(self, dtype: torch.dtype) -> host.ModelPatcher:
        """Weights that are shared with no other."""
        return load_patcher(str(self.path), self.shape, self.family.name, dtype)

    def report(self) -> str:
        """What was found, for the person at the graph. Sentences, as the newer front end shows no line breaks."""
        family = self.family
        lines = [
            f"{family.name} for {family.base}.",
            f"Up to {self.shape.frame_limit} frames at once, trained on {family.trained_frames}.",
            f"{self.precision}, {self.used} tensors used, {self.unused} not.",
            f"Its authors' sampler: {family.sampler_hint}.",
        ]
        return "\n".join(lines + [self.detection.reason] * bool(self.detection.reason))


def open_motion_file(path: Path, family_name: str | None = None) -> MotionFile:
    """Look into a file and say what it is.

    family_name: a key of FAMILIES, or None to find out from the tensors and, where they leave a choice, the name.
    Raises MotionError with one sentence if the file is no motion model, or not one this pack runs.
    """
    content = unwrapped(read(path))
    found = motion_keys(content)
    if not found or is_addon(content):
        raise explain_unsupported(content, path.name)
    key_format = key_format_of(found)
    tensors = in_original_format(found, key_format)
    shape = shape_of(tensors, path.name)
    if family_name:
        detection = chosen(family_name, shape, path.name)
    else:
        layout = (key_format, shape.frame_limit or None)
        detection = detect(content, shape, layout, path)
    family = detection.family
    if family.requires:
        raise MotionError(
            f"{path.name} is a {family.name} motion model, which needs {family.requires} beside the latents, and this "
            f"pack cannot give it one: the pack ComfyUI-AnimateDiff-Evolved can. Choose another motion model here."
        )
    shape = dataclasses.replace(shape, frame_limit=shape.frame_limit or family.frame_limit)
    check_complete(tensors, shape, family, path.name)
    precisions = Counter(str(value.dtype).removeprefix("torch.") for value in found.values())
    unused = len(content) - len(found)
    return MotionFile(path, detection, shape, precisions.most_common(1)[0][0], len(found), unused)


def load_patcher(
    path: str, shape: MotionShape, family_name: str, dtype: torch.dtype, disable_dynamic: bool = False
) -> host.ModelPatcher:
    """Read the weights of a file that `open_motion_file` has looked into into a ModelPatcher of the host.

    Also how the host makes further copies of it, for which it passes `disable_dynamic`.
    Raises MotionError if the weights are not numbers.
    """
    weights = motion_tensors(Path(path), shape)
    unfit = next((key for key, value in weights.items() if not value.to(dtype).isfinite().all()), None)
    if unfit:
        raise MotionError(
            f"{Path(path).name} holds weights that are no numbers in {dtype} ({unfit}), and would give black frames: "
            f"it is damaged. Download it again, or choose another."
        )
    module = MotionModel(shape, FAMILIES[family_name].norms, layers, device="meta", dtype=dtype)
    reload = (load_patcher, (path, shape, family_name, dtype))
    return host.new_patcher(module, weights, dtype, disable_dynamic, reload)


def motion_tensors(path: Path, shape: MotionShape) -> dict[str, Tensor]:
    """The motion tensors of a file in the authors' key format, positions included."""
    found = motion_keys(unwrapped(read(path)))
    return with_positions(in_original_format(found, key_format_of(found)), shape.frame_limit)
