"""What the sampler starts from: a cross-fade between given frames, and a noise mask that rises beside them."""

import pytest
import torch
from animatediff_xl.motion_models.pictures.clip import KeptFrames, cross_faded, noise_mask
from torch import Tensor


def kept(places: tuple[int, ...], frames: int = 8, closed_loop: bool = False) -> KeptFrames:
    """Given frames filled with 0, 10, 20 and so on."""
    latents = 10 * torch.arange(float(len(places))).view(-1, 1, 1, 1).expand(-1, 4, 2, 3)
    return KeptFrames(latents, places, frames, closed_loop)


def of_frames(latents: Tensor) -> list[float]:
    """The one value of each frame."""
    flat = latents.flatten(1)
    assert (flat == flat[:, :1]).all()
    return flat[:, 0].tolist()


FADES = {
    "one": (kept((3,)), [0] * 8),
    "first and last": (kept((0, 7), 8), [10 * frame / 7 for frame in range(8)]),
    "repeats outside": (kept((2, 4)), [0, 0, 0, 5, 10, 10, 10, 10]),
    "any order": (kept((4, 2)), [10, 10, 10, 5, 0, 0, 0, 0]),
    "three": (kept((0, 2, 6)), [0, 5, 10, 12.5, 15, 17.5, 20, 20]),
    "a loop": (kept((0, 4), closed_loop=True), [0, 2.5, 5, 7.5, 10, 7.5, 5, 2.5]),
    "a loop across its end": (kept((6, 2), closed_loop=True), [5, 7.5, 10, 7.5, 5, 2.5, 0, 2.5]),
}


@pytest.mark.parametrize("name", FADES)
def test_frames_between_given_ones_fade_across(name: str) -> None:
    clip, expected = FADES[name]
    assert cross_faded(clip).shape == (8, 4, 2, 3)
    assert of_frames(cross_faded(clip)) == pytest.approx(expected, abs=1e-5)


def test_given_frames_are_equal_bit_for_bit() -> None:
    places = (5, 0, 9)
    latents = torch.randn(3, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    faded = cross_faded(KeptFrames(latents, places, 11))
    assert torch.equal(faded[list(places)], latents)


MASKS = {
    "first": (kept((0,)), 4, [0, 0.25, 0.5, 0.75, 1, 1, 1, 1]),
    "first and last": (kept((0, 7)), 4, [0, 0.25, 0.5, 0.75, 0.75, 0.5, 0.25, 0]),
    "a loop": (kept((0,), closed_loop=True), 4, [0, 0.25, 0.5, 0.75, 1, 0.75, 0.5, 0.25]),
    "half a frame": (kept((2,)), 2.5, [0.8, 0.4, 0, 0.4, 0.8, 1, 1, 1]),
    "hard": (kept((0, 1)), 0, [0, 0, 1, 1, 1, 1, 1, 1]),
    "hard at one frame": (kept((0,)), 1, [0, 1, 1, 1, 1, 1, 1, 1]),
}


@pytest.mark.parametrize("name", MASKS)
def test_the_noise_mask_rises_over_the_held_frames(name: str) -> None:
    clip, hold, expected = MASKS[name]
    mask = noise_mask(clip, hold)
    assert mask.shape == (8, 1, 2, 3)
    assert of_frames(mask) == pytest.approx(expected)
