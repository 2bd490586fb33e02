"""A sheet: frames of a clip as tiles of one latent, which ComfyUI's previewer turns into one picture.

Each tile is a moment of the clip, and moments run from left to right and from top to bottom. If the batch has several
clips, a tile has that moment of each of them, side by side.
"""

import math
from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import interpolate

MOST_MOMENTS = 25
"""A picture has 512 pixels, unless ComfyUI's --preview-size says otherwise. So a frame of a longer clip gets 100."""
MOST_CLIPS = 4
"""Of a batch with more clips, the first ones are shown."""


@dataclass(frozen=True)
class Sheet:
    """How a batch of clips lies in one picture."""

    clip: int
    """Frames of a clip."""
    clips: int
    """Clips that are shown."""
    stride: int
    """Distance in frames between two moments. 1: every frame is shown."""

    @property
    def moments(self) -> int:
        return -(-self.clip // self.stride)

    @property
    def columns(self) -> int:
        return columns_for(self.moments)

    @property
    def rows(self) -> int:
        return -(-self.moments // self.columns)


def columns_for(tiles: int) -> int:
    """The columns of a grid that is as square as possible, with at least as many columns as rows."""
    return math.ceil(math.sqrt(tiles))


def sheet_of(batch: int, clip: int) -> Sheet:
    """The sheet for a batch of latents. clip: the frames of each clip in it."""
    return Sheet(clip, min(batch // clip, MOST_CLIPS), math.ceil(clip / MOST_MOMENTS))


def tiled(latents: Tensor, sheet: Sheet, most: int) -> Tensor:
    """The latents of a batch, (clips f) c h w, as one latent 1 c H W. They are not changed.

    most: of the longer side of the result. Tiles are scaled down to fit, in the proportions of a frame.
    """
    shown = latents.unflatten(0, (-1, sheet.clip))[: sheet.clips, :: sheet.stride]
    across = columns_for(sheet.clips)
    down = -(-sheet.clips // across)
    height, width = latents.shape[-2:]
    scale = min(1.0, most / max(sheet.rows * down * height, sheet.columns * across * width))
    size = max(1, int(height * scale)), max(1, int(width * scale))
    tiles = interpolate(shown.flatten(0, 1), size, mode="area").unflatten(0, shown.shape[:2])
    grid = tiles.new_zeros(sheet.rows * sheet.columns, down * across, *tiles.shape[2:])
    grid[: sheet.moments, : sheet.clips] = tiles.transpose(0, 1)
    grid = grid.unflatten(1, (down, across)).unflatten(0, (sheet.rows, sheet.columns))
    # rows columns down across c h w
    picture = grid.permute(4, 0, 2, 5, 1, 3, 6)
    return picture.flatten(4).flatten(1, 3)[None]
