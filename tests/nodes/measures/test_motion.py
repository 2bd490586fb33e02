"""The node that measures clips."""

import pytest
import torch
from animatediff_xl.motion_models.errors import MotionError
from animatediff_xl.motion_models.measures.camera import CameraMotion
from animatediff_xl.nodes.measures.motion import MeasureMotion

from tests.moving_pictures import drawn_clip


def clip(right: float = 0.0, **drawn: int) -> torch.Tensor:
    return torch.from_numpy(drawn_clip(CameraMotion(right, 0.0, 0.0), size=64, **drawn))


def test_a_clip_gives_a_report_a_picture_and_numbers() -> None:
    output = MeasureMotion.execute(images=[clip(2.0)], fps=[10.0], closed_loop=[False], clip_frames=[0], labels=[""])
    text, picture, *numbers = output.args
    assert text.startswith("Camera in one second: pan left by 20.0 pixels") and "| clip 1 |" in text
    assert picture.ndim == 4
    outputs = MeasureMotion.define_schema().outputs[2:]
    named = {output.display_name: value for output, value in zip(outputs, numbers, strict=True)}
    assert named["camera speed"] == pytest.approx([20.0], rel=0.05)
    assert abs(named["camera direction"][0]) == pytest.approx(180, abs=3)
    assert named["valid"] == pytest.approx([1 - 2 / 64], abs=0.02)
    assert output.ui["text"][0] == text.split("\n\n")[0] and output.ui["images"]


def test_a_list_of_clips_gives_one_picture() -> None:
    output = MeasureMotion.execute(images=[clip(), clip(1.0)], labels=["still", "pan"], reference=[clip()])
    text, picture, speeds, *_ = output.args
    assert picture.shape[0] == 1 and speeds == pytest.approx([0, 8.0], abs=0.4)
    assert "| reference |" in text and "| pan |" in text


def test_lists_of_equal_values_are_one_value() -> None:
    given = {"images": [clip(1.0)], "reference": [clip(), clip()], "fps": [8, 8.0], "closed_loop": [True, True]}
    lone = {name: values[:1] for name, values in given.items()}
    assert MeasureMotion.execute(**given).args[2:] == MeasureMotion.execute(**lone).args[2:]


def test_transparent_pictures_are_measured_without_transparency() -> None:
    frames = clip(1.0)
    opaque = MeasureMotion.execute(images=[frames]).args[2:]
    transparent = torch.cat([frames, torch.rand(*frames.shape[:3], 1)], dim=-1)
    assert MeasureMotion.execute(images=[transparent]).args[2:] == opaque


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"images": [torch.full((3, 64, 64, 3), float("nan"))]}, "images is of type Tensor, but must be pictures with"),
        ({"images": [clip(), torch.zeros(3, 64, 64)]}, "images is of type Tensor, but must be pictures with"),
        ({"images": []}, "There is no clip to measure: connect the frames of one to images"),
        ({"images": [clip(frames=1)]}, "A single frame has no motion, and 'clip 1' has no more"),
        ({"images": [clip()], "fps": [0]}, "fps is 0, but must be a number from 0.1 to 240"),
        ({"images": [clip()], "clip_frames": ["x"]}, "clip_frames is 'x', but must be a whole number from 0 to 4096"),
        ({"images": [clip()], "labels": [1.5]}, "labels is 1.5, but must be a text"),
        ({"images": [clip()], "fps": [8, 4]}, "fps is a list of 2 values that differ, but only one can be used"),
        ({"images": [clip()], "reference": [clip(), clip(1.0)]}, "reference is a list of 2 values that differ"),
    ],
)
def test_unusable_inputs_of_a_measurement_are_refused(given: dict, message: str) -> None:
    with pytest.raises(MotionError, match=message):
        MeasureMotion.execute(**given)
