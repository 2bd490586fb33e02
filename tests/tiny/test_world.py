"""The drawn world shows what its captions say, the measures see it, and the tiny VAE keeps it."""

import numpy as np
import pytest
import torch

from .camera import PAN, ZOOM, film
from .measure import camera_motion, colour_of, direction_of, displacement, frame_difference
from .parts import new_vae
from .world import FRAMES, SCENES, SIZE, draw, measure


@pytest.fixture(scope="module")
def clips() -> torch.Tensor:
    """One clip of every scene, (b f 3 h w)."""
    return draw(list(SCENES), torch.Generator().manual_seed(0))


def shown(clip: torch.Tensor) -> np.ndarray:
    return clip.permute(0, 2, 3, 1).numpy()


def test_every_clip_is_one_of_its_caption(clips: torch.Tensor) -> None:
    assert clips.shape == (len(SCENES), FRAMES, 3, SIZE, SIZE)
    for scene, clip in zip(SCENES, clips, strict=True):
        frames = shown(clip)
        assert colour_of(frames) == scene.colour
        moved = displacement(frames, scene.colour)
        assert direction_of(moved) == scene.direction
        assert 40 < max(map(abs, moved)) < 75


def test_a_clip_that_stands_still_goes_nowhere(clips: torch.Tensor) -> None:
    still = np.repeat(shown(clips[0])[:1], FRAMES, axis=0)
    assert direction_of(displacement(still, SCENES[0].colour)) == "nowhere"
    assert frame_difference(still) == 0


def test_a_clip_played_backwards_goes_the_other_way(clips: torch.Tensor) -> None:
    opposite = {"left": "right", "right": "left", "up": "down", "down": "up"}
    for scene, clip in zip(SCENES[:4], clips, strict=False):
        moved = displacement(shown(clip)[::-1], scene.colour)
        assert direction_of(moved) == opposite[scene.direction]


def test_a_clip_without_the_object_is_no_direction(clips: torch.Tensor) -> None:
    assert direction_of(displacement(shown(clips[0]), "blue")) == "nowhere"


def test_the_vae_encoder_measures(clips: torch.Tensor) -> None:
    frames = clips[::7].flatten(0, 1)[::5]
    with torch.inference_mode():
        assert torch.allclose(new_vae().taesd_encoder(frames), measure(frames), atol=1e-5)


@pytest.mark.parametrize("sign", [1, -1])
def test_the_camera_moves_as_it_is_told(clips: torch.Tensor, sign: int) -> None:
    for clip in clips[::9]:
        pan = camera_motion(shown(film(clip[None], "pan_left", sign)[0]))
        zoom = camera_motion(shown(film(clip[None], "zoom_in", sign)[0]))
        assert pan.right * sign == pytest.approx(PAN, rel=0.1) and abs(pan.growth) < ZOOM / 2
        assert zoom.growth * sign == pytest.approx(ZOOM, rel=0.15) and abs(zoom.right) < PAN / 4
