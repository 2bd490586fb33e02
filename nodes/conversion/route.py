"""The route that converts a graph: POST /animatediff_xl/convert with {"graph"} gives {"graph", "report"}."""

from ...motion_models.conversion.convert import convert
from ...motion_models.errors import MotionError
from ...motion_models.json_text import json_of, read_json
from ..common.files import MOTION_LORA, MOTION_MODEL, listed
from ..common.routes import BAD_REQUEST

PATH = "/animatediff_xl/convert"


def answer(content: bytes) -> tuple[int, str]:
    """Status and JSON of the reply to the content of a request. A refusal has {"error"}, a sentence."""
    try:
        given = read_json(content)
        if not isinstance(given, dict) or "graph" not in given:
            raise MotionError("This request has no graph: send an object with the key 'graph'.")
        files = {"animatediff_models": listed(MOTION_MODEL), "animatediff_motion_lora": listed(MOTION_LORA)}
        return 200, json_of(convert(given["graph"], files))
    except MotionError as error:
        return BAD_REQUEST, json_of({"error": str(error)})
