"""Reports of nodes stay for as long as they are true."""

from tests.host.server import Server

from .graph import Graph
from .page import ComfyPage, Renderer
from .runs import SEEDS, Runs, tiny

REPORTS = {"ADXL_LoadMotionModel": "AnimateDiff SDXL beta", "ADXL_ApplyMotionModel": "4 frames"}

HIDDEN_PIXELS = """text => {
    const inPanel = area => area.closest('[data-testid=properties-panel]')
    const areas = [...document.querySelectorAll('textarea[readonly]')].filter(a => a.value === text && !inPanel(a))
    return areas.length === 1 && areas[0].clientHeight ? areas[0].scrollHeight - areas[0].clientHeight : 'not drawn'
}"""
"""Height of what a report does not show."""


def until_reported(comfy: ComfyPage, graph: Graph) -> None:
    for kind, words in REPORTS.items():
        comfy.until(lambda kind=kind, words=words: words in graph.text(kind), f"{kind} does not report")


def test_reports_are_back_after_a_reload(
    comfy: ComfyPage, graph: Graph, runs: Runs, server: Server, renderer: Renderer
) -> None:
    """The second run finds every node in the cache."""
    server.post("/free", {"free_memory": True, "unload_models": True})
    graph.load(tiny(steps=1))
    runs.succeed()
    until_reported(comfy, graph)
    comfy.open()
    runs.succeed()
    until_reported(comfy, graph)


def test_reports_are_shown_whole(
    comfy: ComfyPage, graph: Graph, runs: Runs, server: Server, renderer: Renderer
) -> None:
    """Also long ones, on nodes as small as the page makes them. Nothing is cached, or older hosts report nothing."""
    server.post("/free", {"free_memory": True, "unload_models": True})
    graph.load(tiny(frames=5, steps=1))
    for kind in ("ADXL_LoadMotionLoRA", "ADXL_WindowPlan"):
        graph.add(kind)
    graph.connect("ADXL_LoadMotionLoRA", 0, "ADXL_ApplyMotionModel", "motion_lora")
    runs.succeed()
    comfy.until(lambda: "too few" in graph.text("ADXL_ApplyMotionModel"), "no warning")
    for kind in (*REPORTS, "ADXL_LoadMotionLoRA", "ADXL_WindowPlan"):
        graph.select(kind)  # the page draws only what is in view
        text = graph.text(kind).strip()
        comfy.until(lambda text=text: comfy.evaluate(HIDDEN_PIXELS, text) == 0, f"{kind} hides: {text}")


def test_a_subgraph_node_shows_the_last_report_inside(
    comfy: ComfyPage, graph: Graph, runs: Runs, renderer: Renderer
) -> None:
    graph.load(tiny(steps=1))
    subgraph = graph.convert_to_subgraph(*REPORTS)
    runs.succeed()
    comfy.until(lambda: any("4 frames" in badge for badge in graph.badges(subgraph)), "no badge")
    comfy.open()
    comfy.until(lambda: any("4 frames" in badge for badge in graph.badges(subgraph)), "the badge is not there again")


def test_a_longer_report_is_shown_whole(comfy: ComfyPage, graph: Graph, runs: Runs, renderer: Renderer) -> None:
    """On a node with further texts, which would take an equal share of its height."""
    graph.load(tiny(steps=1))
    graph.add("ADXL_PromptTravel")
    graph.connect("CheckpointLoaderSimple", 1, "ADXL_PromptTravel", "clip")
    graph.connect("ADXL_PromptTravel", 0, "KSampler", "positive")
    for count in (1, 8):
        graph.set("ADXL_PromptTravel", prompts="\n".join(f"{frame}: red {next(SEEDS)}" for frame in range(count)))
        runs.succeed()
        graph.select("ADXL_PromptTravel")
        comfy.until(lambda count=count: graph.text("ADXL_PromptTravel").count(": red") == count, "no new report")
        text = graph.text("ADXL_PromptTravel").strip()
        comfy.until(lambda text=text: comfy.evaluate(HIDDEN_PIXELS, text) == 0, f"it hides: {text}")
