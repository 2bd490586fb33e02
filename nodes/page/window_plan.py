"""The plan of an AnimateDiff Context Windows node, for the page, while a person sets it up.

POST /animatediff_xl/window_plan with {"windows", "frames", "steps"} gives {"picture", "cost"}: a PNG as a data URL, and
a sentence. It is what AnimateDiff Window Plan draws, so there is one plan.
"""

import base64
import time
from collections.abc import Callable
from io import BytesIO

from ...motion_models.context.picture import describe, draw_windows
from ...motion_models.errors import MotionError
from ...motion_models.json_text import read_json
from ..common.inputs import checked_inputs
from ..context import WindowPlan, window_settings

PATH = "/animatediff_xl/window_plan"

MOST_HEIGHT = 240
"""Of the picture, in pixels. The node shows it at about half of that."""
MOST_SECONDS = 2


def reply(content: bytes) -> dict[str, str]:
    given = read_json(content)
    if not isinstance(given, dict) or not isinstance(given.get("windows"), dict):
        raise MotionError("This request has no windows: send an object with the key 'windows'.")
    fields = [field for field in WindowPlan.define_schema().inputs if field.id != "model"]
    values = WindowPlan.renamed({**given["windows"], **{name: given.get(name) for name in ("frames", "steps")}})
    windows = checked_inputs(fields, values)
    frames, steps = windows.pop("frames"), windows.pop("steps")
    settings, check = window_settings(windows), within(MOST_SECONDS)
    png = BytesIO()
    draw_windows(settings, frames, steps, MOST_HEIGHT, check=check).save(png, "PNG")
    picture = "data:image/png;base64," + base64.b64encode(png.getvalue()).decode()
    return {"picture": picture, "cost": describe(settings, frames, steps, check)}


def within(seconds: float) -> Callable[[], None]:
    """A check that raises MotionError when the time is over. No run is there that a person could interrupt."""
    end = time.monotonic() + seconds

    def check() -> None:
        if time.monotonic() > end:
            raise MotionError("This plan is too large to draw here: AnimateDiff Window Plan draws it in a run.")

    return check
