"""Motion of objects in front of a moving ground, in drawn clips whose motion is known."""

import numpy as np
import pytest
from animatediff_xl.motion_models.measures.camera import CameraMotion
from animatediff_xl.motion_models.measures.clip import measure_clip
from animatediff_xl.motion_models.measures.figures import object_direction, object_speed, objects_go_one_way

from tests.moving_pictures import STILL, Disc, apart, drawn_clip

CAMERAS = [STILL, CameraMotion(1.5, 0.5, 0.0), CameraMotion(-4.0, 0.0, 0.0)]
DISCS = [Disc(1.0, 0.0), Disc(-3.0, 0.0), Disc(0.0, 6.0), Disc(4.0, -4.0, radius=0.08), Disc(0.0, -2.0, radius=0.25)]


@pytest.mark.parametrize("disc", DISCS)
@pytest.mark.parametrize("camera", CAMERAS)
def test_objects_are_measured_within_five_percent(disc: Disc, camera: CameraMotion) -> None:
    """Their own motion: that of the camera does not count."""
    measured = measure_clip(drawn_clip(camera, [disc]), fps=10)
    assert object_speed(measured) == pytest.approx(10 * np.hypot(disc.right, disc.down), rel=0.05)
    assert apart(object_direction(measured), np.degrees(np.arctan2(-disc.down, disc.right))) < 3
    assert objects_go_one_way(measured)


def test_the_moving_share_is_that_of_the_object() -> None:
    measured = measure_clip(drawn_clip(discs=[Disc(2.0, 0.0, radius=0.25)]))
    assert measured.objects.share == pytest.approx(np.pi * 0.25**2, rel=0.15)


@pytest.mark.parametrize("camera", [CameraMotion(8.0, 3.0, 0.0), CameraMotion(0.0, 0.0, 0.03)])
def test_a_moving_camera_alone_moves_no_object(camera: CameraMotion) -> None:
    assert measure_clip(drawn_clip(camera)).objects.speed == 0


def test_objects_that_go_opposite_ways_have_no_direction() -> None:
    apart = [Disc(3.0, 0.0, 0.12, x=-0.2), Disc(-3.0, 0.0, 0.12, x=0.2)]
    measured = measure_clip(drawn_clip(discs=apart), fps=10)
    assert object_speed(measured) == pytest.approx(30, rel=0.05)
    assert not objects_go_one_way(measured)
