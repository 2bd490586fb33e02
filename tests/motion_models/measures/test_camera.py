"""Motion of the camera, in drawn clips whose camera is known."""

import numpy as np
import pytest
from animatediff_xl.motion_models.measures.camera import CameraMotion
from animatediff_xl.motion_models.measures.clip import LONGEST_SIDE, measure_clip
from animatediff_xl.motion_models.measures.figures import camera_direction, camera_speed, roll, zoom

from tests.moving_pictures import STILL, Disc, apart, drawn_clip

SHIFTS = [(0.3, 0.0), (0.0, -0.5), (1.0, 0.0), (-4.0, 0.0), (0.0, 3.0), (8.0, -3.0)]
TURNS = [(0.01, 0.0), (0.03, 0.0), (-0.02, 0.0), (0.0, 0.5), (0.0, -1.0), (0.0, 2.0), (0.01, 1.0)]


@pytest.mark.parametrize("discs", [[], [Disc(0.0, -0.5, radius=0.25)]], ids=["alone", "with a slow object"])
@pytest.mark.parametrize(("right", "down"), SHIFTS)
def test_pans_and_tilts_are_measured_within_five_percent(right: float, down: float, discs: list[Disc]) -> None:
    """Also if an object moves in front, which covers a fifth of the picture."""
    measured = measure_clip(drawn_clip(CameraMotion(right, down, 0.0), discs), fps=10)
    tolerance = 0.05 * np.hypot(right, down)
    assert np.hypot(measured.camera.right - right, measured.camera.down - down) < tolerance
    assert measured.camera.growth == pytest.approx(0, abs=5e-4)
    assert camera_speed(measured) == pytest.approx(10 * np.hypot(right, down), rel=0.05)
    # the camera goes opposite to the picture, and degrees count upwards
    assert apart(camera_direction(measured), np.degrees(np.arctan2(down, -right))) < 3


@pytest.mark.parametrize(("growth", "clockwise"), TURNS)
def test_zooms_and_rolls_are_measured_within_five_percent(growth: float, clockwise: float) -> None:
    measured = measure_clip(drawn_clip(CameraMotion(0.0, 0.0, growth, clockwise)), fps=10)
    assert zoom(measured) == pytest.approx(1000 * growth, rel=0.05, abs=0.05)
    assert roll(measured) == pytest.approx(-10 * clockwise, rel=0.05, abs=0.05)
    assert np.hypot(measured.camera.right, measured.camera.down) < 0.03


def test_a_still_camera_stands_still() -> None:
    assert camera_speed(measure_clip(drawn_clip(discs=[Disc(4.0, 2.0)]))) < 0.05
    still = measure_clip(np.zeros((2, 32, 32, 3), np.float32))
    assert [str(value(still)) for value in (camera_direction, zoom, roll)] == ["0.0"] * 3  # no sign before zero


def test_a_reversed_clip_has_the_opposite_camera() -> None:
    frames = drawn_clip(CameraMotion(2.0, -1.0, 0.0))
    there, back = measure_clip(frames).camera, measure_clip(frames[::-1]).camera
    assert (back.right, back.down) == pytest.approx((-there.right, -there.down), rel=0.02)


def test_large_frames_are_measured_small_in_their_own_pixels() -> None:
    measured = measure_clip(drawn_clip(CameraMotion(6.0, 0.0, 0.0), frames=2, size=LONGEST_SIDE * 5 // 4))
    assert measured.size == (LONGEST_SIDE, LONGEST_SIDE)
    assert measured.camera.right == pytest.approx(6.0, rel=0.05)


def test_a_cut_has_no_camera_and_does_not_count() -> None:
    frames = drawn_clip(CameraMotion(2.0, 0.0, 0.0))
    cut = np.concatenate([frames, drawn_clip(CameraMotion(2.0, 0.0, 0.0), seed=7)])
    measured = measure_clip(cut)
    assert [step.is_followed for step in measured.steps] == [True, True, False, True, True]
    assert measured.camera.right == pytest.approx(2.0, rel=0.05)


@pytest.mark.parametrize("size", [32, 256])
def test_white_noise_has_no_motion_at_any_size(size: int) -> None:
    """Few of its pixels are valid, except in small frames."""
    noise = np.random.default_rng(0).random((3, size, size, 3), np.float32)
    measured = measure_clip(noise)
    assert (measured.valid < 0.25) == (size == 256) and not any(step.is_followed for step in measured.steps)
    assert camera_speed(measured) == measured.objects.speed == zoom(measured) == 0
    assert np.isfinite(measured.warp_error)


@pytest.mark.parametrize("right", [4.0, 13.0])
def test_pixels_that_leave_the_picture_are_not_valid(right: float) -> None:
    frames = drawn_clip(CameraMotion(right, 0.0, 0.0))
    assert measure_clip(frames).valid == pytest.approx(1 - right / frames.shape[2], abs=0.01)
    assert measure_clip(drawn_clip(STILL)).valid == 1


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("contrast", [0.1, 1.0])
def test_cuts_to_and_from_plain_frames_do_not_count(level: float, contrast: float) -> None:
    """Their flow is zero, and valid for all pixels."""
    pan = 0.5 + contrast * (drawn_clip(CameraMotion(2.0, 0.0, 0.0), frames=4) - 0.5)
    plain = np.full_like(pan[:1], level)
    measured = measure_clip(np.concatenate([plain, pan, plain, pan]))
    assert [step.is_followed for step in measured.steps] == [False, *[True] * 3, False, False, *[True] * 3]
    assert measured.camera.right == pytest.approx(2.0, rel=0.05)


@pytest.mark.parametrize("share", [0.2, 0.4])
def test_a_pan_is_followed_through_strong_flicker(share: float) -> None:
    pan = 0.7 * drawn_clip(CameraMotion(2.0, 0.0, 0.0), frames=4)
    measured = measure_clip(pan * np.float32([1 + share, 1 - share] * 2)[:, None, None, None])
    assert measured.warp_error > 0.01 and all(step.is_followed for step in measured.steps)
    assert measured.camera.right == pytest.approx(2.0, rel=0.05)


def test_a_plain_clip_with_noise_stands_still() -> None:
    """Its noise is smaller than a step of eight bits, so the flow is zero."""
    noise = np.random.default_rng(0).normal(0, 5e-4, (3, 64, 64, 3)).astype(np.float32)
    assert all(step.is_followed for step in measure_clip(0.5 + noise).steps)
