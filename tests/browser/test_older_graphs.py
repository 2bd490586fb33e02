"""Graphs that were saved when inputs and choices had other names (nodes/renamed.py)."""

from typing import Any

from .graph import Graph
from .page import ComfyPage, Renderer
from .runs import Runs, files, tiny

WINDOWS, SCHEDULE = "ADXL_ContextWindows", "ADXL_StrengthSchedule"
CURVE = {"points": [[0, 0], [1, 1]], "interpolation": "monotone_cubic"}
"""What a widget held that the node has no more."""
LINK = 100


def older() -> dict[str, Any]:
    """The tiny graph beside nodes as they were saved: values by position, and one input under its older name."""
    graph = tiny(frames=24, steps=1)
    times = {"name": "times", "type": "ADXL_SCHEDULE", "link": LINK, "shape": 7}
    output = {"name": "schedule", "type": "ADXL_SCHEDULE", "links": [LINK]}
    graph["nodes"] += [
        saved(101, WINDOWS, [12, 3, 2, "looped", "linear", True, True, 2]),
        saved(102, SCHEDULE, ["0: 1, 23: 0.5", "cubic", "frames", 8, CURVE]) | {"inputs": [times]},
        saved(103, SCHEDULE, ["0: 0.5", "step", "sampling steps", 16, CURVE]) | {"outputs": [output]},
    ]
    graph["links"].append([LINK, 103, 0, 102, 0, "ADXL_SCHEDULE"])
    return graph | {"last_node_id": 103, "last_link_id": LINK}


def saved(number: int, kind: str, values: list[Any]) -> dict[str, Any]:
    place = {"pos": [0, 1000 + 350 * (number - 101)], "size": [320, 300]}
    return {"id": number, "type": kind, "widgets_values": values, **place}


def test_an_older_graph_keeps_its_values_and_runs(
    comfy: ComfyPage, graph: Graph, runs: Runs, renderer: Renderer
) -> None:
    graph.load(older())
    graph.connect("ADXL_ApplyMotionModel", 0, WINDOWS, "model")
    graph.connect(WINDOWS, 0, "KSampler", "model")
    graph.connect(SCHEDULE, 0, "ADXL_ApplyMotionModel", "schedule")
    windows = {
        "context_length": 12,
        "context_overlap": 3,
        "context_stride": 2,
        "context_schedule": "looped",
        "fuse_method": "linear",
        "closed_loop": True,
        "freenoise": True,
        "windows_per_batch": 2,
    }
    schedule = {"points": "0: 1, 23: 0.5", "interpolation": "cubic", "over": "frames", "length": 8}
    assert graph.sent(WINDOWS, *windows) == windows
    assert schedule | {"times": ["103", 0]} == graph.sent(SCHEDULE)
    assert files(runs.succeed())
