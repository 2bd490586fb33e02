"""The whole picture."""

from collections.abc import Sequence

from PIL import Image
from torch import Tensor

from ...drawing.canvas import BACKGROUND, MARGIN, WIDTH, to_image
from ...drawing.sheet import stacked
from ..comparison import Comparison
from ..figures import FIGURES
from .bars import block
from .colours import PALETTE, REFERENCE_COLOUR
from .curves import CURVES, frame_axis, panel
from .strips import fastest, heading, legend, strips

MOST_CLIPS = len(PALETTE)
"""The others are in the table only."""


def draw(comparison: Comparison) -> Tensor:
    """An IMAGE (1 h w 3)."""
    reference, shown = comparison.reference, comparison.clips[:MOST_CLIPS]
    clips = [reference, *shown] if reference else shown
    colours = [REFERENCE_COLOUR, *PALETTE] if reference else list(PALETTE)
    largest = fastest(clips)
    parts = [space()]
    for clip, colour in zip(clips, colours, strict=False):
        parts.append(heading(f"{clip.name}, {len(clip.frames)} frames", colour))
        parts += strips(clip, None if clip is reference else reference, largest)
    has_difference = reference is not None and any(clip.is_as_long_as(reference) for clip in shown)
    parts += [legend(largest * clips[0].measures.scale, has_difference), space()]
    measures, used = [clip.measures for clip in clips], colours[: len(clips)]
    parts += in_columns([block(figure, measures, used, reference and reference.measures) for figure in FIGURES])
    parts += [space(), *in_columns([panel(curve, measures, used) for curve in CURVES])]
    parts += in_columns([frame_axis(measures)] * 2)
    return to_image(stacked([*parts, space()]))


def space() -> Image.Image:
    return Image.new("RGB", (WIDTH, MARGIN), BACKGROUND)


def in_columns(pictures: Sequence[Image.Image]) -> list[Image.Image]:
    """Rows of two pictures of equal size."""
    rows = []
    for left, right in zip(pictures[::2], pictures[1::2], strict=True):
        row = Image.new("RGB", (WIDTH, left.height), BACKGROUND)
        row.paste(left, (0, 0))
        row.paste(right, (WIDTH // 2, 0))
        rows.append(row)
    return rows
