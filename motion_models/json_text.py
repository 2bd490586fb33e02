"""JSON that anyone may have written: graphs, and requests of pages."""

import json
from typing import Any

from .errors import MotionError

MOST_BYTES = 20_000_000


def read_json(content: bytes) -> Any:
    """Raises MotionError for anything that is not JSON, is too large, or is nested too deeply."""
    if len(content) > MOST_BYTES:
        raise MotionError("This JSON is too large: at most {most} MB are possible.", most=MOST_BYTES // 10**6)
    try:
        return json.loads(content, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise MotionError("This is not JSON, or it is nested too deeply: {error}.", error=error) from error


def refuse(name: str) -> None:
    """Numbers that are not in JSON: browsers refuse them too."""
    raise ValueError(f"{name} is not a number")


def json_of(value: Any) -> str:
    """Raises MotionError for what JSON has no text for."""
    try:
        return json.dumps(value, allow_nan=False)
    except (ValueError, RecursionError) as error:
        raise MotionError("This is not JSON, or it is nested too deeply: {error}.", error=error) from error
