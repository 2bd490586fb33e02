"""The motion model families this pack runs, and how a file is recognised as one of them."""

import re
from collections import defaultdict
from dataclasses import dataclass

from torch import Tensor

from .errors import MotionError
from .motion_module import MotionShape


@dataclass(frozen=True)
class Family:
    """What the authors chose for a family of motion models. Widths are not here: the tensors tell them."""

    name: str
    base: str
    levels: int
    """Levels of the base's UNet, by which a file's base is told."""
    frame_limit: int
    """Rows of the positional encoding; used for files that do not store it."""
    trained_frames: int
    joint_norm: bool
    """Whether the group norm of the motion module sees the whole clip at once; the UNet's own norms see one frame."""
    beta_schedule: str
    """A key of `schedules.BETA_SCHEDULES`."""
    example: str
    """A file of this family that people can find."""


FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        # guoyww/AnimateDiff, branch sdxl, commit 8d19107: configs/inference/inference.yaml, animatediff/models
        Family(
            name="AnimateDiff SDXL beta",
            base="SDXL",
            levels=3,
            frame_limit=32,
            trained_frames=16,
            joint_norm=True,
            beta_schedule="AnimateDiff SDXL",
            example="mm_sdxl_v10_beta.ckpt",
        ),
    )
}

HOTSHOT_FRAME_LIMIT = 24  # what tells HotshotXL from SDXL beta where the keys are the same

PLACE = re.compile(r"^(down_blocks|up_blocks|mid_block)(?:\.(\d+))?\.motion_modules\.(\d+)\.temporal_transformer\.")


def shape_of(tensors: dict[str, Tensor], frame_limit: int) -> MotionShape:
    """The shape a set of motion tensors (authors' spelling) describes.

    frame_limit: of a file that stores no positional encoding.
    """
    paths: dict[str, dict[tuple[int, int], int]] = defaultdict(dict)
    for key, value in tensors.items():
        place = PLACE.match(key)
        if place and key.endswith("temporal_transformer.norm.weight"):
            paths[place[1]][int(place[2] or 0), int(place[3])] = value.shape[0]
        elif key.endswith(".pos_encoder.pe") and value.ndim == 3:
            frame_limit = value.shape[1]

    def levels(path: str) -> tuple[tuple[int, ...], ...]:
        places = sorted(paths[path].items())
        numbers = sorted({level for (level, _), _ in places})
        return tuple(tuple(width for (level, _), width in places if level == number) for number in numbers)

    middle = tuple(width for _, width in sorted(paths["mid_block"].items()))
    return MotionShape(levels("down_blocks"), levels("up_blocks"), middle, frame_limit)


def detect(shape: MotionShape, file: str) -> Family:
    """The family a shape belongs to.

    Raises MotionError for a family this pack does not run, with the name of the family and of a file that fits.
    """
    fits = [family for family in FAMILIES.values() if family.levels == len(shape.down)]
    known = ", ".join(family.example for family in FAMILIES.values())
    if len(shape.down) == 4:
        raise MotionError(
            f"{file} is a motion model for SD1.5 (four levels of motion modules), and this pack animates SDXL models: "
            f"choose an SDXL motion model such as {known}."
        )
    if not fits:
        raise MotionError(
            f"{file} has motion modules on {len(shape.down)} levels, where an SDXL motion model has 3: it is damaged "
            f"or of an unknown kind. Choose a motion model such as {known}."
        )
    if shape.frame_limit == HOTSHOT_FRAME_LIMIT:
        raise MotionError(
            f"{file} is a HotshotXL motion model (positions for {HOTSHOT_FRAME_LIMIT} frames), which needs group norms "
            f"this pack does not have yet: choose a motion model such as {known}."
        )
    return fits[0]
