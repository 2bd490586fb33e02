"""Reports of nodes stay for as long as they are true."""

from tests.host.server import Server

from .graph import Graph
from .page import ComfyPage, Renderer
from .runs import Runs, tiny

REPORTS = {"ADXL_LoadMotionModel": "AnimateDiff SDXL beta", "ADXL_ApplyMotionModel": "4 frames"}


def until_reported(comfy: ComfyPage, graph: Graph) -> None:
    for kind, words in REPORTS.items():
        comfy.until(lambda kind=kind, words=words: words in graph.text(kind), f"{kind} does not report", 10_000)


def test_reports_are_back_after_a_reload(
    comfy: ComfyPage, graph: Graph, runs: Runs, server: Server, renderer: Renderer
) -> None:
    """The second run finds every node in the cache."""
    server.post("/free", {"free_memory": True, "unload_models": True})
    graph.load(tiny(steps=1))
    runs.succeed()
    comfy.open()
    runs.succeed()
    until_reported(comfy, graph)


def test_a_subgraph_node_shows_the_last_report_inside(comfy: ComfyPage, graph: Graph, runs: Runs) -> None:
    """It is a badge. The Vue renderer draws no badges on nodes of subgraphs."""
    graph.load(tiny(steps=1))
    subgraph = graph.convert_to_subgraph(*REPORTS)
    runs.succeed()
    comfy.until(lambda: any("4 frames" in badge for badge in graph.badges(subgraph)), "no badge", 10_000)
    comfy.open()
    comfy.until(lambda: graph.badges(subgraph), "the badge is not there again", 10_000)
