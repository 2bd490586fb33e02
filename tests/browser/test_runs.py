"""A run that is started in the page: progress, reports, the video, an interrupt, the values on the server."""

import re
from typing import Any

from tests.host.server import Server

from .graph import Graph
from .page import ComfyPage, Renderer
from .runs import Runs, files, tiny

PART_DONE = re.compile(r"\[[1-9]\d?%\] KSampler")
"""In the title of the page: some of the sampler's steps are done."""
INTERRUPT = re.compile("Cancel current run|Interrupt|Cancel", re.IGNORECASE)


def test_a_run_shows_progress_and_its_video(comfy: ComfyPage, graph: Graph, runs: Runs, renderer: Renderer) -> None:
    graph.load(tiny(steps=4))
    comfy.evaluate(
        """() => {
            window.titles = []
            new MutationObserver(() => titles.push(document.title)).observe(
                document.querySelector('title'), {childList: true, characterData: true, subtree: true})
        }"""
    )
    (saved,) = files(runs.succeed())
    assert saved["filename"].endswith(".mp4")
    titles = comfy.evaluate("() => titles")
    assert any(PART_DONE.search(title) for title in titles), titles
    video = comfy.page.locator("video")
    comfy.until(lambda: video.evaluate("video => video.videoWidth") == 64, "the video does not play")
    assert saved["filename"] in video.evaluate("video => video.currentSrc")


SHOWN = "words => [...document.querySelectorAll('[data-node-id] textarea')].some(area => area.value.includes(words))"
"""Whether a text area in a Vue node contains words."""


def test_nodes_show_their_reports_below_their_widgets(
    comfy: ComfyPage, graph: Graph, runs: Runs, renderer: Renderer
) -> None:
    graph.load(tiny(steps=1))
    runs.succeed()
    comfy.until(lambda: "4 frames" in graph.text("ADXL_ApplyMotionModel"), "Apply does not report")
    if renderer == "vue":
        comfy.until(lambda: comfy.evaluate(SHOWN, "4 frames"), "the page does not show the report")


def test_an_interrupt_ends_the_run_and_the_next_succeeds(comfy: ComfyPage, graph: Graph, runs: Runs) -> None:
    graph.load(tiny(steps=900))
    prompt_id = runs.press_run()["prompt_id"]
    comfy.until(lambda: PART_DONE.search(comfy.page.title()), "the sampler does not start")
    comfy.page.get_by_role("button", name=INTERRUPT).first.click()
    messages = [kind for kind, _ in runs.finished(prompt_id)["status"]["messages"]]
    assert messages[-1] == "execution_interrupted"
    graph.set("KSampler", steps=1)
    assert files(runs.succeed())


def test_queued_values_are_those_of_the_page(graph: Graph, runs: Runs, server: Server) -> None:
    """A clip that uses most nodes of the pack at once."""
    graph.load(tiny(frames=24, steps=1))
    for kind in ("ADXL_LoadMotionLoRA", "ADXL_StrengthSchedule", "ADXL_ContextWindows"):
        graph.add(kind)
    graph.connect("ADXL_LoadMotionLoRA", 0, "ADXL_ApplyMotionModel", "motion_lora")
    graph.connect("ADXL_StrengthSchedule", 0, "ADXL_ApplyMotionModel", "schedule")
    graph.connect("ADXL_ApplyMotionModel", 0, "ADXL_ContextWindows", "model")
    graph.connect("ADXL_ContextWindows", 0, "KSampler", "model")
    values: dict[str, dict[str, Any]] = {
        "ADXL_LoadMotionLoRA": {"lora": "tiny_zoom_in.safetensors", "strength": -1.5},
        "ADXL_StrengthSchedule": {
            "points": "0: 1, 23: 0.25",
            "interpolation": "ease",
            "over": "frames",
            "length": 8,
        },
        "ADXL_ApplyMotionModel": {"strength": 0.75, "start_percent": 0.1, "end_percent": 0.9},
        "ADXL_ContextWindows": {"context_length": 12, "context_schedule": "looped_uniform", "closed_loop": True},
    }
    for kind, changed in values.items():
        graph.set(kind, **changed)
    prompt_id = runs.press_run()["prompt_id"]
    entry = runs.finished(prompt_id)
    assert entry["status"]["status_str"] == "success", entry["status"]
    arrived = {node["class_type"]: node["inputs"] for node in entry["prompt"][2].values()}
    for kind, changed in values.items():
        assert changed.items() <= arrived[kind].items()
