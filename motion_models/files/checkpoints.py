"""The size of a motion model, and a check that it is complete, from its tensors in the original key format."""

import re
from collections import defaultdict

import torch
from torch import Tensor

from ..errors import MotionError
from ..network.group_norm import EACH_FRAME
from ..network.motion_module import GROUPS, MotionModel, MotionShape, sinusoidal_positions
from .families import Family

INJECTION_POINT = re.compile(
    r"^(down_blocks|up_blocks|mid_block)(?:\.(\d+))?\.motion_modules\.(\d+)\.temporal_transformer\.norm\.weight$"
)
POSITIONS, QUERY = ".pos_encoder.pe", ".to_q.weight"

KEYS_SHOWN, MAX_KEY_LENGTH = 3, 120  # keys in a message


def shape_of(tensors: dict[str, Tensor], file: str) -> MotionShape:
    """The shape of a motion model. Its frame_limit is 0 if the file has no positional encoding.

    Raises MotionError if the width of a motion module is impossible.
    """
    paths: dict[str, dict[tuple[int, int], int]] = defaultdict(dict)
    frame_limit = 0
    for key, value in tensors.items():
        point = INJECTION_POINT.match(key)
        if point:
            width = value.shape[0] if value.ndim == 1 else 0
            if width == 0 or width % GROUPS:
                raise MotionError(
                    "{file} is damaged: it has a motion module of {width} channels, and only multiples of "
                    "{groups} are possible. Download it again, or choose another file.",
                    file=file,
                    width=width,
                    groups=GROUPS,
                )
            paths[point[1]][int(point[2] or 0), int(point[3])] = width
        elif key.endswith(POSITIONS) and value.ndim == 3:
            frame_limit = value.shape[1]

    def levels(path: str) -> tuple[tuple[int, ...], ...]:
        points = sorted(paths[path].items())
        numbers = sorted({level for (level, _), _ in points})
        return tuple(tuple(width for (level, _), width in points if level == number) for number in numbers)

    middle = tuple(width for _, width in sorted(paths["mid_block"].items()))
    return MotionShape(levels("down_blocks"), levels("up_blocks"), middle, frame_limit)


def has_positions(tensors: dict[str, Tensor]) -> bool:
    return any(key.endswith(POSITIONS) for key in tensors)


def with_positions(tensors: dict[str, Tensor], rows: int) -> dict[str, Tensor]:
    """The same tensors, with a positional encoding if the file has none. All published encodings are this sinusoid."""
    if has_positions(tensors):
        return tensors
    queries = {key.removesuffix(QUERY): value for key, value in tensors.items() if key.endswith(QUERY)}
    return tensors | {stem + POSITIONS: sinusoidal_positions(rows, value.shape[1]) for stem, value in queries.items()}


def tensor_shapes(shape: MotionShape) -> dict[str, torch.Size]:
    """The shapes of the tensors of a motion model, by original key.

    They come from torch's layers, because with dynamic VRAM ComfyUI's layers have no parameters before loading.
    """
    model = MotionModel(shape, EACH_FRAME, torch.nn, device="meta")
    return {key: value.shape for key, value in model.state_dict().items()}


def fits_shape(tensors: dict[str, Tensor], shape: MotionShape) -> bool:
    """Whether the tensors, with positional encodings, are exactly those of a motion model of this shape."""
    expected = tensor_shapes(shape)
    return tensors.keys() == expected.keys() and not misshapen(tensors, expected)


def misshapen(tensors: dict[str, Tensor], expected: dict[str, torch.Size]) -> list[str]:
    """The keys of tensors that are missing, or have another size or no floating point dtype."""
    return [
        key
        for key, size in expected.items()
        if key not in tensors or tensors[key].shape != size or not tensors[key].is_floating_point()
    ]


def check_complete(tensors: dict[str, Tensor], shape: MotionShape, family: Family, file: str) -> None:
    """Raises MotionError if a tensor is missing, has the wrong size, has no floating point dtype, or is left over.

    A file may omit its positional encodings, but only all of them.
    """
    expected = tensor_shapes(shape)
    if not has_positions(tensors):
        expected = {key: size for key, size in expected.items() if not key.endswith(POSITIONS)}
    wrong = misshapen(tensors, expected)
    surplus = [key for key in tensors if key not in expected]
    if not wrong and not surplus:
        return
    listed = ", ".join(repr(key[:MAX_KEY_LENGTH]) for key in (wrong or surplus)[:KEYS_SHOWN])
    raise MotionError(
        "{file} is not a complete {family} motion model: download it again, or choose another file."
        " {wrong} of {total} tensors are missing or of another size or type, and {surplus} do "
        "not belong ({keys} ...).",
        file=file,
        family=family.name,
        wrong=len(wrong),
        total=len(expected),
        surplus=len(surplus),
        keys=listed,
    )
