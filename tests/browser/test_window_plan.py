"""Context Windows draws its windows while a person sets it up, without a run."""

from typing import Any

import pytest
from comfy.model_sampling import ModelSamplingDiscrete
from comfy.samplers import calculate_sigmas

from .graph import Graph
from .page import ComfyPage, Renderer
from .runs import tiny

KIND, APPLY, LATENT = "ADXL_ContextWindows", "ADXL_ApplyMotionModel", "ADXL_EmptyLatentFrames"
SHOWN = """() => [...document.querySelectorAll('[data-testid=animatediff-plan]')]
    .filter(element => element.isConnected && element.clientHeight)
    .map(element => [element.querySelector('img').naturalWidth, element.innerText])"""
"""Width of the picture and text of each plan on the page."""

OPEN_LAST = "() => app.canvas.setGraph(app.graph.nodes.findLast(node => node.subgraph).subgraph)"
"""Open the subgraph that was made last."""


def until(comfy: ComfyPage, *words: str) -> None:
    """Wait until the only plan shows a picture and these words."""

    def shown() -> bool:
        plans = comfy.evaluate(SHOWN)
        return len(plans) == 1 and plans[0][0] > 0 and all(word in plans[0][1] for word in words)

    comfy.until(shown, f"no plan with {words}", 20_000)


@pytest.fixture
def windowed(graph: Graph) -> Graph:
    """24 frames in windows, sampled in 2 steps."""
    graph.load(tiny(frames=24))
    graph.add(KIND)
    graph.connect(APPLY, 0, KIND, "model")
    graph.connect(KIND, 0, "KSampler", "model")
    graph.select(KIND)
    return graph


def test_the_plan_follows_the_values(comfy: ComfyPage, renderer: Renderer, windowed: Graph) -> None:
    """Those of the node, and of others in the graph."""
    until(comfy, "24 frames in 2 windows of 16", "in 2 steps")
    windowed.set(KIND, context_length=8, context_overlap=0, context_schedule="batched")
    until(comfy, "24 frames in 3 windows of 8")
    windowed.set(LATENT, frames=40)
    until(comfy, "40 frames in 5 windows of 8")
    windowed.set(APPLY, clip_frames=20)
    until(comfy, "20 frames in 3 windows of 8")
    windowed.set("KSampler", steps=12, scheduler="ddim_uniform")
    sigmas = calculate_sigmas(ModelSamplingDiscrete(), "ddim_uniform", 12)
    assert len(sigmas) - 1 == 13  # ComfyUI adds one
    until(comfy, "in 13 steps")
    windowed.set(KIND, context_overlap=8)
    comfy.until(lambda: "context_overlap is 8" in comfy.evaluate(SHOWN)[0][1], "no reason why there is no plan")
    windowed.set(KIND, context_overlap=0, windows_in="motion modules", reference_weight=0.5, reference_frame=19)
    until(comfy, "20 frames in 3 windows of 8, in the motion modules only", "All of the clip looks like frame 19.")
    windowed.set(KIND, reference_frame=20)
    comfy.until(lambda: "reference_frame is 20" in comfy.evaluate(SHOWN)[0][1], "a frame beyond the clip is not told")


def test_a_node_without_a_sampler_shows_an_example(comfy: ComfyPage, renderer: Renderer, graph: Graph) -> None:
    graph.add(KIND)
    graph.select(KIND)
    until(comfy, "48 frames in 4 windows of 16", "no sampler is connected")


def insert(graph: Graph, kind: str, field: str, **values: Any) -> None:
    """Put a node between the latent and the sampler."""
    graph.add(kind)
    graph.connect(LATENT, 0, kind, field)
    graph.set(kind, **values)
    graph.connect(kind, 0, "KSampler", "latent_image")


def test_frames_are_found_through_the_graph(comfy: ComfyPage, windowed: Graph) -> None:
    insert(windowed, "RepeatLatentBatch", "samples", amount=3)
    until(comfy, "72 frames")
    windowed.connect(LATENT, 0, "KSampler", "latent_image")
    insert(windowed, "LatentFromBatch", "samples", batch_index=4, length=18)
    until(comfy, "18 frames in 2 windows")
    windowed.convert_to_subgraph(LATENT, "LatentFromBatch")
    until(comfy, "18 frames in 2 windows")
    windowed.convert_to_subgraph(KIND)
    comfy.evaluate(OPEN_LAST)
    until(comfy, "18 frames in 2 windows", "in 2 steps")


def test_values_that_only_a_run_knows_are_named(comfy: ComfyPage, windowed: Graph) -> None:
    until(comfy, "24 frames")
    windowed.add("PrimitiveInt")
    windowed.set("PrimitiveInt", value=12)
    windowed.connect("PrimitiveInt", 0, KIND, "context_length")
    until(comfy, "24 frames in 3 windows of 12")
    insert(windowed, "LatentRotate", "samples")
    until(comfy, "48 frames", "Assumed here, and known only in a run: frames 48.")


def test_a_plan_is_no_part_of_the_graph(comfy: ComfyPage, windowed: Graph) -> None:
    until(comfy, "24 frames")
    saved = comfy.evaluate("() => app.graph.serialize().nodes.find(node => node.type === 'ADXL_ContextWindows')")
    assert len(saved["widgets_values"]) == 11 and "animatediff_plan" not in windowed.sent(KIND)
    comfy.set_setting("AnimateDiffXL.WindowPlan", False)
    comfy.until(lambda: comfy.evaluate(SHOWN) == [], "the plan stays")
    comfy.set_setting("AnimateDiffXL.WindowPlan", True)
    until(comfy, "24 frames")
