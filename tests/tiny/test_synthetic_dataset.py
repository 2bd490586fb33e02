"""Clips of the synthetic dataset show their captions, the metrics recognise that, and the tiny VAE encodes it."""

import numpy as np
import pytest
import torch

from .camera import MOVES, random_cameras
from .measure import camera_motion, colour_of, direction_of, displacement, frame_difference, shape_of
from .models import new_vae
from .synthetic_dataset import FRAMES, SCENES, SIZE, draw, encode_images, scene_coordinates


@pytest.fixture(scope="module")
def clips() -> torch.Tensor:
    """One clip of every scene, (b f 3 h w)."""
    return draw(list(SCENES), torch.Generator().manual_seed(0))


def shown(clip: torch.Tensor) -> np.ndarray:
    return clip.permute(0, 2, 3, 1).numpy()


def test_every_clip_shows_its_caption(clips: torch.Tensor) -> None:
    assert clips.shape == (len(SCENES), FRAMES, 3, SIZE, SIZE)
    for scene, clip in zip(SCENES, clips, strict=True):
        frames = shown(clip)
        assert colour_of(frames) == scene.colour
        assert shape_of(frames, scene.colour) == scene.shape
        moved = displacement(frames, scene.colour)
        assert direction_of(moved) == scene.direction
        assert 40 < max(map(abs, moved)) < 75


def test_a_still_clip_has_no_direction(clips: torch.Tensor) -> None:
    still = np.repeat(shown(clips[0])[:1], FRAMES, axis=0)
    assert direction_of(displacement(still, SCENES[0].colour)) == "nowhere"
    assert frame_difference(still) == 0


def test_a_reversed_clip_has_the_opposite_direction(clips: torch.Tensor) -> None:
    opposite = {"left": "right", "right": "left", "up": "down", "down": "up"}
    for scene, clip in zip(SCENES[:4], clips, strict=False):
        moved = displacement(shown(clip)[::-1], scene.colour)
        assert direction_of(moved) == opposite[scene.direction]


def test_a_clip_without_the_object_has_no_direction(clips: torch.Tensor) -> None:
    assert direction_of(displacement(shown(clips[0]), "blue")) == "nowhere"


def test_the_vae_encoder_computes_the_latents_of_the_dataset(clips: torch.Tensor) -> None:
    frames = clips[::7].flatten(0, 1)[::5]
    with torch.inference_mode():
        assert torch.allclose(new_vae().taesd_encoder(frames), encode_images(frames), atol=1e-5)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("move", MOVES)
def test_the_camera_moves_at_its_given_speed(move: str, sign: int) -> None:
    speed = sign * torch.tensor(MOVES[move])
    for clip in draw(list(SCENES[::9]), torch.Generator().manual_seed(0), speed.expand(len(SCENES[::9]), -1)):
        camera = camera_motion(shown(clip))
        right, down, growth = speed.tolist()
        assert (camera.right, camera.down) == pytest.approx((right, down), abs=0.15)
        assert camera.growth == pytest.approx(growth, abs=0.005)


def test_all_cameras_show_the_same_middle_frame() -> None:
    generator = torch.Generator().manual_seed(0)
    cameras = random_cameras(6, generator)
    assert not cameras[::2].any() and cameras[1::2].any()
    coordinates = scene_coordinates(cameras)
    middle = (coordinates[:, FRAMES // 2 - 1] + coordinates[:, FRAMES // 2]) / 2
    assert torch.allclose(middle, middle[:1].expand_as(middle), atol=0.02)
