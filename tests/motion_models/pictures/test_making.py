"""Clips made from pictures and from frames of other clips."""

import pytest
import torch
from animatediff_xl.motion_models.errors import MotionError
from animatediff_xl.motion_models.pictures.encoding import GivenFrames
from animatediff_xl.motion_models.pictures.making import ClipSettings, PictureClip, picture_clip
from torch import Tensor
from torch.nn.functional import avg_pool2d

from nodes import ImageScale


class MeanVae:
    """Encodes pictures (n h w 3) as mean colours of 8 x 8 pixels, and a fourth channel of zeros."""

    channels = 4

    def encode(self, pictures: Tensor) -> Tensor:
        colours = avg_pool2d(pictures.movedim(-1, 1), 8)
        return torch.cat([colours, torch.zeros(len(colours), self.channels - 3, *colours.shape[2:])], dim=1)

    def decode(self, latents: Tensor) -> Tensor:
        raise NotImplementedError


def pictures(count: int = 1, width: int = 96, height: int = 64) -> Tensor:
    return torch.rand(count, height, width, 3, generator=torch.Generator().manual_seed(count))


def latents(count: int = 4, channels: int = 4) -> Tensor:
    return torch.randn(count, channels, 8, 12, generator=torch.Generator().manual_seed(count))


def made(given: GivenFrames, at: str = "0", vae: object = MeanVae(), **settings) -> PictureClip:
    given_settings = {"frames": 8, "width": 96, "height": 64, "hold": 4.0, "closed_loop": False, **settings}
    return picture_clip(given, vae, ClipSettings(at=at, **given_settings))


def test_pictures_become_the_frames_that_at_names() -> None:
    clip = made(GivenFrames(pictures(2), None), "-1, 2")
    assert clip.latents.shape == (8, 4, 8, 12) and clip.noise_mask.shape == (8, 1, 8, 12)
    assert torch.equal(clip.latents[[7, 2]], MeanVae().encode(pictures(2)))
    assert clip.report == ["The clip has 8 frames of 96x64. Given frames: 2, 7."]


def test_one_picture_can_have_several_places() -> None:
    clip = made(GivenFrames(pictures(), None), "first, last")
    assert torch.equal(clip.latents, MeanVae().encode(pictures()).expand(8, -1, -1, -1))
    assert (clip.noise_mask[[0, 7]] == 0).all() and (clip.noise_mask[1:7] > 0).all()


FITTED = {
    "cropped at the sides": (100, 50, "scaled from 100x50 to 64x64, and cropped to their middle."),
    "cropped above and below": (50, 100, "scaled from 50x100 to 64x64, and cropped to their middle."),
    "of the same proportion": (32, 32, "scaled from 32x32 to 64x64."),
}


@pytest.mark.parametrize("name", FITTED)
def test_other_sizes_are_fitted_as_by_the_host(name: str) -> None:
    width, height, text = FITTED[name]
    given = pictures(2, width, height)
    clip = made(GivenFrames(given, None), "0, 3", width=64, height=64)
    (expected,) = ImageScale().upscale(given, "lanczos", 64, 64, "center")
    assert torch.equal(clip.latents[[0, 3]], MeanVae().encode(expected))
    assert clip.report == ["The clip has 8 frames of 64x64. Given frames: 0, 3.", f"The pictures were {text}"]


def test_sizes_that_are_no_multiple_of_eight_are_rounded_down() -> None:
    """They can come by a link."""
    clip = made(GivenFrames(pictures(), None), width=103, height=71)
    assert clip.report == ["The clip has 8 frames of 96x64. Given frames: 0."]


def test_frames_of_another_clip_come_before_pictures() -> None:
    clip = made(GivenFrames(pictures(1, 50, 50), latents(2)), "0-1, last", width=512, height=512)
    assert torch.equal(clip.latents[:2], latents(2))
    (fitted,) = ImageScale().upscale(pictures(1, 50, 50), "lanczos", 96, 64, "center")
    assert torch.equal(clip.latents[7:], MeanVae().encode(fitted))
    assert clip.report[0] == "The clip has 8 frames of 96x64. Given frames: 0, 1, 7."


def test_frames_of_another_clip_need_no_vae() -> None:
    assert torch.equal(made(GivenFrames(None, latents(4)), "0-3", vae=None).latents[:4], latents(4))


class OtherVae(MeanVae):
    channels = 16


REFUSED = {
    "nothing": (GivenFrames(None, None), MeanVae(), "No pictures are connected: connect pictures, or the frames"),
    "no VAE": (GivenFrames(pictures(), None), None, "cannot be encoded without a VAE: connect the VAE"),
    "another VAE": (GivenFrames(pictures(), None), OtherVae(), r"not one of SDXL or SD1.5: .* \(1, 16, 8, 12\)"),
    "another latent": (GivenFrames(None, latents(1, 16)), None, "latent is not of SDXL or SD1.5: .* 16 channels"),
    "narrow pictures": (GivenFrames(pictures(1, 1000, 1), None), MeanVae(), "too narrow for the clip: .* 1000x1"),
    "narrow for the clip": (GivenFrames(pictures(1, 1000, 2), None), MeanVae(), "too narrow for the clip"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_unusable_pictures_are_refused(name: str) -> None:
    given, vae, sentence = REFUSED[name]
    # 1000 x 2 would lose all of its width in a clip of 96 x 960
    with pytest.raises(MotionError, match=sentence):
        made(given, vae=vae, height=960 if name == "narrow for the clip" else 64)


def test_narrow_pictures_that_fit_are_taken() -> None:
    assert made(GivenFrames(pictures(1, 1000, 2), None)).latents.isfinite().all()
