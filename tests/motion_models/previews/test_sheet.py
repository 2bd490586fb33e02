"""Sheets: every moment of every clip is in its place, and pictures stay small."""

import pytest
import torch
from animatediff_xl.motion_models.previews.sheet import MOST_CLIPS, MOST_MOMENTS, sheet_of, tiled
from hypothesis import given
from hypothesis import strategies as st


def numbered(batch: int, height: int = 2, width: int = 3) -> torch.Tensor:
    """Latents whose values say the number of the latent, from 1."""
    return torch.arange(1.0, batch + 1)[:, None, None, None].expand(batch, 4, height, width)


@given(clip=st.integers(2, 300), clips=st.integers(1, 6))
def test_every_tile_shows_its_moment_of_every_clip(clip: int, clips: int) -> None:
    sheet = sheet_of(clip * clips, clip)
    picture = tiled(numbered(clip * clips), sheet, most=10**6)
    assert sheet.moments <= MOST_MOMENTS and (sheet.rows - 1) * sheet.columns < sheet.moments
    tiles = picture[0, 0].unflatten(0, (sheet.rows, -1)).unflatten(2, (sheet.columns, -1)).transpose(1, 2).flatten(0, 1)
    expected = [
        {clip * each + sheet.stride * moment + 1 for each in range(min(clips, MOST_CLIPS))}
        for moment in range(sheet.moments)
    ]
    assert [set(tile.unique().tolist()) - {0} for tile in tiles[: sheet.moments]] == expected
    assert not tiles[sheet.moments :].any()


@pytest.mark.parametrize(
    ("clip", "stride", "moments"), [(2, 1, 2), (16, 1, 16), (25, 1, 25), (26, 2, 13), (128, 6, 22)]
)
def test_long_clips_show_evenly_spaced_frames(clip: int, stride: int, moments: int) -> None:
    assert (sheet_of(clip, clip).stride, sheet_of(clip, clip).moments) == (stride, moments)


def test_clips_of_a_batch_lie_side_by_side() -> None:
    picture = tiled(numbered(2 * 4, 1, 1), sheet_of(8, 4), most=100)
    assert picture[0, 0].tolist() == [[1, 5, 2, 6], [3, 7, 4, 8]]


@pytest.mark.parametrize("most", [5, 16, 40])
def test_a_sheet_is_scaled_down_to_a_largest_side(most: int) -> None:
    """And no tile gets anything of another. Tiles keep about the proportions of a frame."""
    picture = tiled(numbered(16, 8, 16), sheet_of(16, 16), most)
    assert picture.shape[:2] == (1, 4) and picture.shape[3] == most // 4 * 4
    tiles = picture[0, 0].unflatten(0, (4, -1)).unflatten(2, (4, -1))
    assert torch.equal(tiles.mean((1, 3)).flatten(), torch.arange(1.0, 17))
    assert abs(tiles.shape[3] / tiles.shape[1] - 2) <= 1
