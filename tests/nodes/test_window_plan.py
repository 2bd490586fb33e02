"""The plan that the page asks for is the one that is sampled and that Window Plan draws."""

import base64
import io
import json
from typing import Any

import numpy as np
import pytest
from animatediff_xl.motion_models.context.picture import BACKGROUND, describe, draw
from animatediff_xl.motion_models.context.windows import ContextSettings
from animatediff_xl.motion_models.errors import MotionError
from animatediff_xl.nodes.page import window_plan
from animatediff_xl.nodes.page.window_plan import MOST_HEIGHT, reply
from PIL import Image


def asked(frames: Any = 48, steps: Any = 20, **windows: Any) -> dict[str, Any]:
    return reply(json.dumps({"windows": windows, "frames": frames, "steps": steps}).encode())


def pixels(plan: dict[str, Any]) -> np.ndarray:
    kind, data = plan["picture"].split(",")
    assert kind == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


@pytest.mark.parametrize("schedule", ["standard_static", "looped_uniform"])
def test_the_page_gets_the_picture_and_cost_of_window_plan(schedule: str) -> None:
    settings = ContextSettings(length=12, overlap=3, schedule=schedule)
    found = asked(30, 4, context_length=12, context_overlap=3, context_schedule=schedule)
    cost = describe(settings, 30, 4)
    assert (found["cost"], found["reference"]) == (cost, "")
    shown, whole = pixels(found), (draw(settings, 30, 4, cost)[0].numpy() * 255).round().astype(np.uint8)
    assert shown.shape[0] <= MOST_HEIGHT
    above = next(row for row in range(len(whole)) if (whole[row : row + 60] == shown[:60]).all())
    assert above and (shown != BACKGROUND).any()


def test_the_page_learns_of_options_that_need_no_window() -> None:
    found = asked(48, 20, windows_in="motion modules", reference_weight=0.5, reference_frame=47)
    assert found["cost"].endswith("The rest of the model computes each frame once: 960 frame evaluations in 20 steps.")
    assert found["reference"] == "All of the clip looks like frame 47."


def test_missing_values_and_older_names_mean_what_nodes_do() -> None:
    assert asked() == asked(**{"context_length": 16, "context_overlap": 4})
    assert asked(length=12) == asked(context_length=12)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"context_overlap": 16}, "context_overlap is 16, but windows have only 16 frames"),
        ({"context_length": "many"}, "context_length is 'many', but must be a whole number"),
        ({"frames": 10**6}, "frames is 1000000, but must be a whole number from 1 to 4096"),
        ({"context_schedule": "waves"}, "context_schedule is 'waves', but must be one of"),
        ({"reference_weight": 0.5, "reference_frame": 48}, "reference_frame is 48, but the clip has 48 frames"),
        ({"colour": 3}, "This node has no input 'colour'"),
    ],
)
def test_wrong_values_are_refused_as_in_the_node(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(MotionError, match=sentence):
        asked(**changes)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"windows": 3}'])
def test_a_request_without_windows_is_refused(content: bytes) -> None:
    with pytest.raises(MotionError):
        reply(content)


def test_a_plan_that_takes_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window_plan, "MOST_SECONDS", 0)
    with pytest.raises(MotionError, match="AnimateDiff Window Plan draws it in a run"):
        asked(context_schedule="looped_uniform")
