"""The route that converts a graph: POST /animatediff_xl/convert with {"graph"} gives {"graph", "report"}."""

from typing import Any

from ...motion_models.conversion.convert import convert
from ...motion_models.errors import MotionError
from ...motion_models.json_text import read_json
from ..common.files import MOTION_LORA, MOTION_MODEL, listed

PATH = "/animatediff_xl/convert"


def reply(content: bytes) -> dict[str, Any]:
    given = read_json(content)
    if not isinstance(given, dict) or "graph" not in given:
        raise MotionError("This request has no graph: send an object with the key 'graph'.")
    files = {"animatediff_models": listed(MOTION_MODEL), "animatediff_motion_lora": listed(MOTION_LORA)}
    return convert(given["graph"], files)
