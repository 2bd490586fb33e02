"""Opening a motion model file, and loading its weights into a ComfyUI ModelPatcher."""

import dataclasses
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from .. import host
from ..errors import MotionError, sentence
from ..network import layers
from ..network.motion_module import MotionModel, MotionShape
from .checkpoints import check_complete, fits_shape, shape_of, with_positions
from .families import FAMILIES, Detection, Family, detect, detection_of
from .key_formats import in_original_format, key_format_of, motion_keys, unwrapped
from .reading import read
from .unsupported_files import explain_unsupported, is_addon


@dataclass(frozen=True)
class MotionFile:
    """A motion model file: the output of Load AnimateDiff Motion Model.

    The weights are loaded when the file is applied, in the precision of that MODEL. They are kept for the next MODEL.
    """

    path: Path
    detection: Detection
    shape: MotionShape
    precision: str
    used: int
    """Tensors of the file that belong to the motion modules."""
    unused: int
    """Other tensors of the file, which are ignored."""
    patchers: dict[torch.dtype, host.ModelPatcher] = field(default_factory=dict, compare=False, repr=False)

    @property
    def family(self) -> Family:
        return self.detection.family

    def patcher(self, dtype: torch.dtype) -> host.ModelPatcher:
        """The weights as a ModelPatcher. MODELs of the same precision share the weights."""
        if dtype not in self.patchers:
            self.patchers.clear()  # only one precision stays in memory
            self.patchers[dtype] = self.another_patcher(dtype)
        return self.patchers[dtype].clone()

    def another_patcher(self, dtype: torch.dtype, disable_dynamic: bool = False) -> host.ModelPatcher:
        """The weights as a ModelPatcher that does not share them. disable_dynamic: without ComfyUI's dynamic VRAM."""
        return load_patcher(str(self.path), self.shape, self.family.name, dtype, disable_dynamic)

    def report(self) -> str:
        """A summary for the user, in whole sentences, because the newer front end shows no line breaks."""
        family = self.family
        lines = [
            sentence("{family} for {base}.", family=family.name, base=family.base),
            *filter(None, [self.detection.reason]),
            sentence(
                "Best with {trained} frames, at most {limit} at once.",
                trained=family.trained_frames,
                limit=self.shape.frame_limit,
            ),
            sentence("Its authors' sampler: {settings}.", settings=family.sampler_hint),
            sentence(
                "{precision}, {used} tensors used, {unused} not.",
                precision=self.precision,
                used=self.used,
                unused=self.unused,
            ),
        ]
        return "\n".join(lines)


def open_motion_file(path: Path, family_name: str | None = None) -> MotionFile:
    """Open a motion model file and detect its family.

    family_name: a key of FAMILIES, or None to detect it from the tensors and, if they fit several, the file's name.
    Raises MotionError if the file is not a motion model, or if this pack cannot run it.
    """
    content = unwrapped(read(path))
    found = motion_keys(content)
    if not found or is_addon(content):
        raise explain_unsupported(content, path.name)
    key_format = key_format_of(found)
    tensors = in_original_format(found, key_format)
    shape = shape_of(tensors, path.name)
    if family_name:
        detection = detection_of(family_name, shape, path.name)
    else:
        layout = (key_format, shape.frame_limit or None)
        detection = detect(content, shape, layout, path)
    family = detection.family
    if family.requires:
        raise MotionError(
            "{file} is a {family} motion model, which needs {requires}: this pack does not support "
            "that. Use it in the pack ComfyUI-AnimateDiff-Evolved, or choose another motion model here.",
            file=path.name,
            family=family.name,
            requires=family.requires,
        )
    shape = dataclasses.replace(shape, frame_limit=shape.frame_limit or family.frame_limit)
    check_complete(tensors, shape, family, path.name)
    precisions = Counter(str(value.dtype).removeprefix("torch.") for value in found.values())
    unused = len(content) - len(found)
    return MotionFile(path, detection, shape, precisions.most_common(1)[0][0], len(found), unused)


def load_patcher(
    path: str, shape: MotionShape, family_name: str, dtype: torch.dtype, disable_dynamic: bool = False
) -> host.ModelPatcher:
    """Load the weights of a file that `open_motion_file` has opened into a ModelPatcher.

    ComfyUI also calls this for further copies, and then passes `disable_dynamic`.
    Raises MotionError if the file has been replaced, or if a weight is not finite in `dtype`.
    """
    weights = motion_tensors(Path(path), shape)
    if not fits_shape(weights, shape):
        raise MotionError(
            "{file} was replaced by another file after it was loaded: run the graph again, so that Load AnimateDiff "
            "Motion Model reads the new file.",
            file=Path(path).name,
        )
    unfit = next((key for key, value in weights.items() if not value.to(dtype).isfinite().all()), None)
    if unfit:
        raise MotionError(
            "{file} is damaged and would give black frames: download it again, or choose another file. "
            "The tensor {unfit} has NaN or infinite weights in {dtype}.",
            file=Path(path).name,
            unfit=unfit,
            dtype=dtype,
        )
    module = MotionModel(shape, FAMILIES[family_name].norms, layers, device="meta", dtype=dtype)
    reload = (load_patcher, (path, shape, family_name, dtype))
    return host.new_patcher(module, weights, dtype, disable_dynamic, reload)


def motion_tensors(path: Path, shape: MotionShape) -> dict[str, Tensor]:
    """The motion tensors of a file in the original key format, with positional encodings."""
    found = motion_keys(unwrapped(read(path)))
    return with_positions(in_original_format(found, key_format_of(found)), shape.frame_limit)
