"""Replies of the route that draws timelines."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from animatediff_xl.nodes.common.routes import answered
from animatediff_xl.nodes.timeline.route import TIMELINES, reply

PROMPTS = {"prompts": "0: a\n8: b", "frames": 16, "interpolation": "linear", "closed_loop": False}
POINTS = {"points": "0: 0, 8: 1", "interpolation": "linear", "over": "frames", "length": 16}
PAGE = Path(__file__).parents[2] / "js" / "timeline.js"
INPUTS = {"ADXL_PromptTravel": PROMPTS, "ADXL_StrengthSchedule": POINTS}


def sent(content: Any) -> tuple[int, dict[str, Any]]:
    status, text = answered(reply, json.dumps(content).encode())
    return status, json.loads(text)


def asked(node: str, edit: dict[str, Any] | None = None, **inputs: Any) -> tuple[int, dict[str, Any]]:
    return sent({"node": node, "inputs": INPUTS[node] | inputs, "edit": edit})


def test_the_page_sends_the_inputs_that_a_drawing_needs() -> None:
    """A missing one would have its default."""
    tables = dict(re.findall(r"^  (ADXL_\w+): \{(.*?)^  \}", PAGE.read_text(), re.MULTILINE | re.DOTALL))
    assert set(tables) == set(TIMELINES)
    for node, table in tables.items():
        text = re.search(r'text: "(\w+)"', table)
        inputs = re.search(r"inputs: \[(.*)\]", table)
        assert text and text[1] == TIMELINES[node].text
        assert inputs and set(re.findall(r"\w+", inputs[1])) == set(TIMELINES[node].inputs.values())


@pytest.mark.parametrize("node", TIMELINES)
def test_both_nodes_are_drawn_and_edited(node: str) -> None:
    field = TIMELINES[node].text
    status, drawn = asked(node)
    assert status == 200 and drawn["text"] == INPUTS[node][field] and drawn["edited"] is None
    assert [key["position"] for key in drawn["keys"]] == [0, 8] and drawn["end"] == 15
    _, moved = asked(node, {"kind": "move", "key": 0, "position": 12})
    assert [key["position"] for key in moved["keys"]] == [8, 12] and moved["edited"] == 1
    _, added = asked(node, {"kind": "add", "position": 4})
    assert [key["position"] for key in added["keys"]] == [0, 4, 8] and added["edited"] == 1
    _, removed = asked(node, {"kind": "remove", "key": 1})
    assert [key["position"] for key in removed["keys"]] == [0] and removed["edited"] is None


def test_an_edited_value_keeps_its_key_chosen() -> None:
    _, drawn = asked("ADXL_StrengthSchedule", {"kind": "move", "key": 1, "value": 0.25})
    assert drawn["text"] == "0: 0, 8: 0.25" and drawn["edited"] == 1


def test_unreadable_texts_and_edits_give_a_sentence() -> None:
    assert asked("ADXL_PromptTravel", prompts="a cat")[1]["error"].startswith("Line 1, column 1: there is no frame")
    assert asked("ADXL_PromptTravel", {"kind": "move", "key": 0, "position": 8}) == (
        200,
        {"error": "Line 2, column 1: frame 8 has two prompts. Keep one of them."},
    )
    status, refused = asked("ADXL_StrengthSchedule", {"kind": "move", "key": 0, "value": 1000})
    assert status == 200 and refused["error"].startswith("A value of the schedule is 1000")


@pytest.mark.parametrize(
    "request_",
    [
        [],
        {"node": "ADXL_PromptTravel"},
        {"node": "KSampler", "inputs": PROMPTS},
        {"node": "ADXL_PromptTravel", "inputs": PROMPTS | {"frames": 0}},
        {"node": "ADXL_PromptTravel", "inputs": PROMPTS | {"prompts": 3}},
        {"node": "ADXL_PromptTravel", "inputs": PROMPTS, "edit": 3},
        {"node": "ADXL_PromptTravel", "inputs": PROMPTS, "edit": {"kind": "move", "position": 3}},
        {"node": "ADXL_PromptTravel", "inputs": PROMPTS, "edit": {"kind": "add", "position": "x"}},
    ],
)
def test_malformed_requests_are_refused_with_a_sentence(request_: Any) -> None:
    status, refused = sent(request_)
    assert status == 400 and refused["error"].endswith(".")


@pytest.mark.parametrize("key", [-1, 2])
def test_a_key_that_is_not_there_is_no_edit(key: int) -> None:
    for kind in ("move", "remove"):
        assert "draws no timeline" in asked("ADXL_PromptTravel", {"kind": kind, "key": key, "position": 3})[1]["error"]


FAR = ["0: 0, 1e300: 1", "1.7e308: 0, -1: 1", "-1e308: 1, 0: 0, 1: 1"]


@pytest.mark.parametrize("interpolation", ["linear", "cubic"])
@pytest.mark.parametrize("points", FAR)
def test_points_too_far_away_are_refused_with_a_sentence(points: str, interpolation: str) -> None:
    status, refused = asked("ADXL_StrengthSchedule", points=points, interpolation=interpolation)
    assert status == 200 and "A position of the schedule is" in refused["error"]


@pytest.mark.parametrize("edit", [{"kind": "add", "position": 1e308}, {"kind": "move", "key": 0, "position": -1e300}])
def test_no_edit_puts_a_point_too_far_away(edit: dict) -> None:
    status, refused = asked("ADXL_StrengthSchedule", edit)
    assert status == 200 and "A position of the schedule is" in refused["error"]


def test_points_too_near_to_each_other_are_refused() -> None:
    status, refused = asked("ADXL_StrengthSchedule", points="0: 9, 10: 8, 5e-324: 0", interpolation="cubic", length=2)
    assert status == 200 and refused["error"].startswith("The schedule has two values at 0:")
