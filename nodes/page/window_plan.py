"""The plan of an AnimateDiff Context Windows node, for the page, while a person sets it up.

POST /animatediff_xl/window_plan with {"windows", "frames", "steps"} gives {"picture", "cost", "reference"}: a PNG as a
data URL, and two sentences. The second is empty without a reference frame. windows: values of AnimateDiff Context
Windows. The picture is what AnimateDiff Window Plan draws, so there is one plan.
"""

import base64
import time
from collections.abc import Callable
from io import BytesIO

from ...motion_models.context.picture import describe, draw_windows
from ...motion_models.context.reference import check_reference, describe_reference
from ...motion_models.errors import MotionError
from ...motion_models.json_text import read_json
from ..common.inputs import checked_inputs
from ..context import FIELDS, IN_MOTION_MODULES, ContextWindows, WindowPlan, reference_of, window_settings

PATH = "/animatediff_xl/window_plan"

CLIP = ("frames", "steps")
"""Inputs of AnimateDiff Window Plan for what Context Windows only learns in a run."""

MOST_HEIGHT = 240
"""Of the picture, in pixels. The node shows it at about half of that."""
MOST_SECONDS = 2


def reply(content: bytes) -> dict[str, str]:
    given = read_json(content)
    if not isinstance(given, dict) or not isinstance(given.get("windows"), dict):
        raise MotionError("This request has no windows: send an object with the key 'windows'.")
    clip = checked_inputs([field for field in WindowPlan.define_schema().inputs if field.id in CLIP], given)
    fields = [field for field in ContextWindows.define_schema().inputs if field.id != "model"]
    values = checked_inputs(fields, ContextWindows.renamed(given["windows"]))
    settings, check = window_settings({name: values[name] for name in FIELDS}), within(MOST_SECONDS)
    reference = reference_of(values["reference_frame"], values["reference_weight"])
    if reference:
        check_reference(reference, clip["frames"])
    png = BytesIO()
    draw_windows(settings, **clip, most_height=MOST_HEIGHT, check=check).save(png, "PNG")
    picture = "data:image/png;base64," + base64.b64encode(png.getvalue()).decode()
    cost = describe(settings, **clip, check=check, in_motion_modules=values["windows_in"] == IN_MOTION_MODULES)
    return {"picture": picture, "cost": cost, "reference": describe_reference(reference) if reference else ""}


def within(seconds: float) -> Callable[[], None]:
    """A check that raises MotionError when the time is over. No run is there that a person could interrupt."""
    end = time.monotonic() + seconds

    def check() -> None:
        if time.monotonic() > end:
            raise MotionError("This plan is too large to draw here: AnimateDiff Window Plan draws it in a run.")

    return check
