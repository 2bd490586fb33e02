"""Flicker, warp error and seams of known size."""

import numpy as np
import pytest
from animatediff_xl.motion_models.measures.camera import CameraMotion
from animatediff_xl.motion_models.measures.clip import measure_clip
from animatediff_xl.motion_models.measures.steadiness import brightness, changes, flicker, seam

from tests.moving_pictures import STILL, drawn_clip


def times(frames: np.ndarray, levels: np.ndarray) -> np.ndarray:
    return frames * levels[:, None, None, None].astype(np.float32)


def alternating(frames: int, share: float) -> np.ndarray:
    return np.where(np.arange(frames) % 2, 1 + share, 1 - share)


@pytest.mark.parametrize("share", [0.01, 0.04, 0.15])
@pytest.mark.parametrize("camera", [STILL, CameraMotion(4.0, 0.0, 0.0)])
def test_flicker_is_measured_within_five_percent(camera: CameraMotion, share: float) -> None:
    """Also in a pan, which changes the picture and barely its brightness."""
    frames = times(0.8 * drawn_clip(camera, frames=8, size=192), alternating(8, share))
    assert flicker(brightness(frames)) == pytest.approx(share, rel=0.05)
    assert flicker(brightness(frames), closed_loop=True) == pytest.approx(share, rel=0.05)


def test_a_fade_is_no_flicker_but_jumps_in_a_loop() -> None:
    levels = brightness(times(drawn_clip(frames=8, size=64), np.linspace(0.2, 1, 8)))
    assert flicker(levels) < 1e-6
    assert flicker(levels, closed_loop=True) > 0.05


@pytest.mark.parametrize("camera", [STILL, CameraMotion(4.0, 0.0, 0.0)])
def test_the_warp_error_of_flicker_is_its_square(camera: CameraMotion) -> None:
    frames = 0.8 * drawn_clip(camera, frames=4, size=128)
    measured = measure_clip(times(frames, alternating(4, 0.1)))
    assert measured.warp_error == pytest.approx(float(np.square(0.2 * frames).mean()), rel=0.05)


def test_motion_without_flicker_has_no_warp_error() -> None:
    frames = drawn_clip(CameraMotion(4.0, -2.0, 0.0), size=128)
    assert changes(frames).min() > 0.05
    assert measure_clip(frames).warp_error < 1e-5


@pytest.mark.parametrize("jump", [0.0, 1.0, 5.0])
def test_the_seam_is_the_known_jump_within_five_percent(jump: float) -> None:
    """Brightness rises and falls by one step a frame, and is one step and the jump away from its start at the end."""
    steps = np.array([0, 1, 2, 3, 4, 5, 4, 3, 2, 1]) + np.r_[np.zeros(9), jump]
    frames = np.full((10, 32, 32, 3), 0.2, np.float32) + 0.05 * steps[:, None, None, None].astype(np.float32)
    assert seam(frames) == pytest.approx(1 + jump, rel=0.05)


def test_only_the_loop_of_a_pan_has_no_seam() -> None:
    """The texture repeats after 64 pixels."""
    tile = np.random.default_rng(0).random((64, 64, 3)).astype(np.float32)
    loop = np.stack([np.roll(tile, 4 * frame, axis=1) for frame in range(16)])
    assert seam(loop) == pytest.approx(1, rel=0.05)
    smooth = drawn_clip(CameraMotion(2.0, 0.0, 0.0), frames=8, size=64)
    assert seam(smooth) > 1.4


def test_a_still_clip_has_no_flicker_and_no_seam() -> None:
    still = np.repeat(drawn_clip(size=64)[:1], 4, axis=0)
    measured = measure_clip(still, closed_loop=True)
    assert (measured.flicker, measured.seam, measured.warp_error, measured.valid) == (0, 0, 0, 1)
    assert len(measured.steps) == 4  # the last one leads from the last frame to the first


def test_a_black_clip_can_be_measured() -> None:
    measured = measure_clip(np.zeros((3, 32, 32, 3), np.float32))
    assert (measured.flicker, measured.seam, measured.camera.right) == (0, 0, 0)
