"""What a person reads in the page when a graph cannot run."""

import re
from collections.abc import Callable

import pytest

from tests.host.server import Server

from .graph import Graph
from .page import DIALOGS, ComfyPage, Renderer
from .runs import Runs, tiny

GONE = "no motion model 'gone.safetensors'"
BROKEN = "broken.safetensors"
INFO = re.compile("Info for Load AnimateDiff")
"""The button of the newer pages that shows what a node said about a value."""
TOO_MANY = "40 frames run at once"
SCHEDULE, WORDS = "ADXL_StrengthSchedule", "'words' is not a point"
ERROR = re.compile(r"Error: \S")
VALUES = "areas => areas.map(area => area.value)"

Break = Callable[[Graph, Server], None]


def choose_a_missing_file(graph: Graph, _: Server) -> None:
    graph.set("ADXL_LoadMotionModel", motion_model="gone.safetensors")


def choose_a_broken_file(graph: Graph, server: Server) -> None:
    (server.folder / "models" / "animatediff_models" / BROKEN).write_text("<!doctype html><title>Sign in</title>")
    graph.set("ADXL_LoadMotionModel", motion_model=BROKEN)


def ask_for_too_many_frames(graph: Graph, _: Server) -> None:
    graph.set("ADXL_EmptyLatentFrames", frames=40)


def write_a_schedule_without_points(graph: Graph, _: Server) -> None:
    graph.add(SCHEDULE)
    graph.connect(SCHEDULE, 0, "ADXL_ApplyMotionModel", "schedule")
    graph.set(SCHEDULE, points="words")


CASES = {
    "missing file": (choose_a_missing_file, GONE, "ADXL_LoadMotionModel"),
    "broken file": (choose_a_broken_file, BROKEN, "ADXL_LoadMotionModel"),
    "too many frames": (ask_for_too_many_frames, TOO_MANY, "ADXL_ApplyMotionModel"),
}
"""How the graph is broken, what the sentence contains, and the node that can mend it."""


def fail(graph: Graph, runs: Runs, server: Server, broken: Break) -> None:
    graph.load(tiny(steps=1))
    broken(graph, server)
    reply = runs.press_run()
    if not reply.get("node_errors"):
        assert runs.finished(reply["prompt_id"])["status"]["status_str"] == "error"


@pytest.mark.parametrize("case", CASES)
def test_the_page_explains_an_error_within_two_clicks(
    comfy: ComfyPage, graph: Graph, runs: Runs, server: Server, renderer: Renderer, case: str
) -> None:
    broken, sentence, _ = CASES[case]
    fail(graph, runs, server, broken)
    explanation = comfy.page.get_by_text(sentence).locator("visible=true")
    clicks = comfy.page.get_by_test_id("error-overlay-see-errors").or_(comfy.page.get_by_role("button", name=INFO))
    for _ in range(2):
        comfy.until(lambda: explanation.count() or clicks.count(), "the page shows no error")
        if not explanation.count():
            clicks.last.click()
    explanation.first.wait_for()


@pytest.mark.parametrize("case", CASES)
def test_the_node_that_can_mend_it_shows_the_error(
    comfy: ComfyPage, graph: Graph, runs: Runs, server: Server, renderer: Renderer, case: str
) -> None:
    broken, sentence, kind = CASES[case]
    fail(graph, runs, server, broken)
    comfy.until(lambda: sentence in graph.text(kind), f"{kind} does not show the error")
    shown = comfy.page.get_by_test_id("animatediff-report").or_(comfy.page.locator("[data-node-id] textarea"))
    graph.select(kind)
    comfy.until(lambda: any(map(ERROR.match, shown.evaluate_all(VALUES))), "it does not look like an error")


def test_an_error_goes_when_its_node_is_changed(
    comfy: ComfyPage, graph: Graph, runs: Runs, server: Server, renderer: Renderer
) -> None:
    fail(graph, runs, server, ask_for_too_many_frames)
    comfy.until(lambda: TOO_MANY in graph.text("ADXL_ApplyMotionModel"), "no error")
    graph.set("ADXL_ApplyMotionModel", strength=0.5)
    comfy.until(lambda: TOO_MANY not in graph.text("ADXL_ApplyMotionModel"), "the error stays", 2000)
    comfy.open()
    assert TOO_MANY not in graph.text("ADXL_ApplyMotionModel")


def test_an_error_stays_when_its_graph_opens_again(
    comfy: ComfyPage, graph: Graph, runs: Runs, server: Server, renderer: Renderer
) -> None:
    """Opening a graph sets the text of its node, as a change of a person does."""
    fail(graph, runs, server, write_a_schedule_without_points)
    comfy.until(lambda: WORDS in graph.text(SCHEDULE), "no error")
    graph.load(comfy.evaluate("() => app.graph.serialize()"))
    comfy.until(lambda: WORDS in graph.text(SCHEDULE), "the error is gone", 2000)


def test_errors_go_when_the_next_run_starts(comfy: ComfyPage, graph: Graph, runs: Runs, server: Server) -> None:
    """The node with the error is in the cache, and nothing is sampled that could report anew."""
    fail(graph, runs, server, ask_for_too_many_frames)
    comfy.until(lambda: TOO_MANY in graph.text("ADXL_ApplyMotionModel"), "no error")
    comfy.page.locator(DIALOGS).or_(comfy.page.get_by_test_id("error-overlay")).first.wait_for()
    comfy.close_dialogs()
    graph.remove("KSampler")
    graph.remove("SaveVideo")
    graph.add("ADXL_WindowPlan")
    runs.succeed()
    comfy.until(lambda: TOO_MANY not in graph.text("ADXL_ApplyMotionModel"), "the error stays", 2000)


def test_a_report_gives_way_when_a_run_fails(comfy: ComfyPage, graph: Graph, runs: Runs, server: Server) -> None:
    graph.load(tiny(frames=1, steps=1))
    runs.succeed()
    comfy.until(lambda: "still picture" in graph.text("ADXL_ApplyMotionModel"), "no report")
    ask_for_too_many_frames(graph, server)
    runs.run()
    comfy.until(lambda: "still picture" not in graph.text("ADXL_ApplyMotionModel"), "the old report stays")
