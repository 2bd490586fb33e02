"""The route that draws and edits the text of a node: POST /animatediff_xl/timeline with {"node", "inputs", "edit"}.

The page knows no grammar: it sends what a person did, and gets the text after that, with what to draw.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ...motion_models.errors import MotionError
from ...motion_models.json_text import read_json
from ...motion_models.timeline import prompts, strengths
from ...motion_models.timeline.drawing import Drawing
from ...motion_models.timeline.edits import Add, Edit, Move, Remove
from ..common.base import AnimateDiffNode
from ..common.inputs import checked_inputs, number
from ..prompt import PromptTravel
from ..schedule import StrengthSchedule

PATH = "/animatediff_xl/timeline"


@dataclass(frozen=True)
class Timeline:
    node: type[AnimateDiffNode]
    draw: Callable[..., Drawing]
    edited: Callable[..., str]
    text: str
    """The input that has the text."""
    inputs: dict[str, str]
    """Arguments of `draw`, and the inputs of the node that give them."""
    edit_inputs: tuple[str, ...]
    """Those of them that `edited` has too."""


TIMELINES = {
    "ADXL_PromptTravel": Timeline(
        PromptTravel,
        prompts.draw,
        prompts.edited,
        "prompts",
        {"frames": "frames", "interpolation": "interpolation", "closed_loop": "closed_loop"},
        ("frames", "closed_loop"),
    ),
    "ADXL_StrengthSchedule": Timeline(
        StrengthSchedule,
        strengths.draw,
        strengths.edited,
        "points",
        {"interpolation": "interpolation", "domain": "over", "length": "length"},
        ("interpolation", "domain"),
    ),
}


def reply(content: bytes) -> dict[str, Any]:
    """A drawing, or {"error"} for a text that cannot be read. A person may be typing it, so it is not refused."""
    timeline, text, arguments, edit = read_request(read_json(content))
    try:
        return drawing(timeline, text, arguments, edit)
    except MotionError as error:
        return {"error": str(error)}


def drawing(timeline: Timeline, text: str, arguments: dict[str, Any], edit: Edit | None) -> dict[str, Any]:
    """As JSON, of the text after the edit. Raises MotionError for a text that cannot be read."""
    if edit is None:
        return timeline.draw(text, **arguments).as_json(None)
    before = timeline.draw(text, **arguments)
    if not isinstance(edit, Add) and not 0 <= edit.key < len(before.keys):
        raise malformed()
    after = timeline.edited(text, edit, **{name: arguments[name] for name in timeline.edit_inputs})
    position = None if isinstance(edit, Remove) else edit.position
    if isinstance(edit, Move) and position is None:
        position = before.keys[edit.key].position
    return timeline.draw(after, **arguments).as_json(position)


def read_request(request: Any) -> tuple[Timeline, str, dict[str, Any], Edit | None]:
    """Raises MotionError for what the page would not send, and for an input that the node would refuse."""
    if not isinstance(request, dict) or not isinstance(request.get("inputs"), dict):
        raise malformed()
    timeline = TIMELINES.get(str(request.get("node")))
    if not timeline:
        raise malformed()
    names = {timeline.text, *timeline.inputs.values()}
    fields = [field for field in timeline.node.define_schema().inputs if field.id in names]
    values = checked_inputs(fields, request["inputs"])
    arguments = {name: values[input_name] for name, input_name in timeline.inputs.items()}
    return timeline, values[timeline.text], arguments, read_edit(request.get("edit"))


def read_edit(edit: Any) -> Edit | None:
    if edit is None:
        return None
    if not isinstance(edit, dict):
        raise malformed()
    key, position, value = (number(edit[name]) if name in edit else None for name in ("key", "position", "value"))
    if edit.get("kind") == "add" and position is not None:
        return Add(position, value)
    if edit.get("kind") == "move" and key is not None:
        return Move(int(key), position, value)
    if edit.get("kind") == "remove" and key is not None:
        return Remove(int(key))
    raise malformed()


def malformed() -> MotionError:
    return MotionError(
        "This request draws no timeline: send the name of a node, its inputs, and an edit of a key that is there."
    )
