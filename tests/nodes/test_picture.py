"""The node that makes clips from pictures, continues clips, and joins them."""

import pytest
import torch
from animatediff_xl.motion_models.errors import MotionError
from animatediff_xl.nodes.picture import PicturesInClip
from torch import Tensor

from nodes import KSampler, LatentFromBatch
from tests.motion_models.pictures.test_making import MeanVae
from tests.small import conditioning, small_pair

NO_MOTION = "This MODEL has no motion model yet, and without one the frames do not hang together"


@pytest.fixture(scope="module")
def model():
    return small_pair().model


def sampled(model, latent: dict[str, Tensor], seed: int) -> dict[str, Tensor]:
    return KSampler().sample(
        model, seed, 2, 2.0, "euler", "ddim_uniform", conditioning(1), conditioning(2), latent_image=latent
    )[0]


def test_a_picture_becomes_a_clip(model) -> None:
    picture = torch.rand(1, 64, 64, 4, generator=torch.Generator().manual_seed(0))
    output = PicturesInClip.execute(model, MeanVae(), picture, width=64, height=64)
    changed, latent = output.args
    assert latent["samples"].shape == (16, 4, 8, 8) and latent["noise_mask"].shape == (16, 1, 8, 8)
    assert torch.equal(latent["samples"][0], MeanVae().encode(picture[..., :3])[0])
    assert "denoise_mask_function" in changed.model_options
    assert "denoise_mask_function" not in model.model_options
    text = (output.ui if isinstance(output.ui, dict) else output.ui.as_dict())["text"][0]
    assert text.startswith("The clip has 16 frames of 64x64. Given frames: 0.\n" + NO_MOTION)


@torch.inference_mode()
def test_a_clip_is_continued_from_its_last_frames(model) -> None:
    """KSampler -> Latent From Batch -> this node -> KSampler. The second clip begins as the first ends."""
    first = sampled(model, {"samples": torch.zeros(6, 4, 8, 8)}, seed=1)
    (ending,) = LatentFromBatch().frombatch(first, 4, 2)
    changed, latent = PicturesInClip.execute(model, at="0-1", frames=6, hold=2.0, latent=ending).args
    assert set(latent) == {"samples", "noise_mask"}  # and not the seeds of the frames in the first clip
    second = sampled(changed, latent, seed=2)["samples"]
    assert torch.equal(second[:2], first["samples"][-2:])
    assert not torch.equal(second[2], second[1])


@torch.inference_mode()
def test_two_clips_are_joined(model) -> None:
    """The last frames of one and the first frames of the other, in one batch."""
    one, other = (sampled(model, {"samples": torch.zeros(4, 4, 8, 8)}, seed) for seed in (1, 2))
    (ending,), (beginning,) = LatentFromBatch().frombatch(one, 2, 2), LatentFromBatch().frombatch(other, 0, 2)
    both = {"samples": torch.cat([ending["samples"], beginning["samples"]])}  # as Batch Latents
    changed, latent = PicturesInClip.execute(model, at="0-1, -2--1", frames=7, hold=3.0, latent=both).args
    found = sampled(changed, latent, seed=3)["samples"]
    assert torch.equal(found[:2], one["samples"][-2:]) and torch.equal(found[-2:], other["samples"][:2])
    assert latent["noise_mask"].amax((1, 2, 3)).tolist() == pytest.approx([0, 0, 1 / 3, 2 / 3, 1 / 3, 0, 0])


@pytest.mark.parametrize("shape", [(64, 64, 3), (1, 64, 64, 1), (0, 64, 64, 3)])
def test_pictures_of_other_shapes_are_refused(model, shape: tuple[int, ...]) -> None:
    with pytest.raises(MotionError, match="pictures is of type Tensor, but must be pictures with three colours"):
        PicturesInClip.execute(model, MeanVae(), torch.zeros(shape))
