"""A training in the page: report, previews and loss curve on its node, until it ends or is stopped."""

from typing import Any

import pytest

from tests.host.server import Server

from .graph import Graph
from .page import ComfyPage, Renderer
from .runs import Runs, tiny
from .test_runs import INTERRUPT

TRAIN, PREVIEW = "ADXL_TrainMotionLoRA", "ADXL_TrainingPreview"
SETTINGS: dict[str, Any] = {"rank": 4, "checkpointing": "off", "resume": "start again", "learning_rate": 0.001}

WIDTH_WITH_CURVE = 600
THREE_ROWS_AND_CURVE = [WIDTH_WITH_CURVE, 846]
"""Width and height."""
PICTURES = """kind => {
    const node = app.graph.nodes.find(node => node.type === kind)
    const images = LiteGraph.vueNodesMode
        ? [...document.querySelectorAll(`[data-node-id="${node.id}"] img`)]
        : node.imgs ?? []
    return images.filter(image => image.naturalWidth).map(image => [image.naturalWidth, image.naturalHeight])
}"""
"""Sizes of the pictures that a node shows."""


@pytest.fixture
def training(graph: Graph, server: Server) -> Graph:
    """A graph that trains a MotionLoRA and previews it, instead of the sampler."""
    server.post("/free", {"free_memory": True, "unload_models": True})
    graph.load(tiny())
    for kind in ("KSampler", "VAEDecode", "CreateVideo", "SaveVideo", "ADXL_ApplyMotionModel"):
        graph.remove(kind)
    graph.add(TRAIN)
    graph.add(PREVIEW)
    for source, output, target, field in (
        ("CheckpointLoaderSimple", 0, TRAIN, "model"),
        ("ADXL_LoadMotionModel", 0, TRAIN, "motion_model"),
        ("ADXL_EmptyLatentFrames", 0, TRAIN, "latents"),
        ("CLIPTextEncode", 0, TRAIN, "conditioning"),
        ("CLIPTextEncode", 0, PREVIEW, "positive"),
        ("CLIPTextEncode", 0, PREVIEW, "negative"),
        ("CheckpointLoaderSimple", 2, PREVIEW, "vae"),
        (PREVIEW, 0, TRAIN, "preview"),
    ):
        graph.connect(source, output, target, field)
    graph.set(PREVIEW, frames=4, width=64, height=64, steps=2, every=5)
    return graph


def test_a_training_shows_report_previews_and_curve(
    comfy: ComfyPage, training: Graph, runs: Runs, renderer: Renderer
) -> None:
    training.set(TRAIN, name=f"seen_{renderer}", steps=12, **SETTINGS)
    training.select(TRAIN)
    prompt_id = runs.press_run()["prompt_id"]
    comfy.until(lambda: "of 12" in training.text(TRAIN), "no report while it trains")
    comfy.until(lambda: comfy.evaluate(PICTURES, TRAIN), "no picture while it trains")
    runs.finished(prompt_id)
    comfy.until(lambda: "is saved: load it" in training.text(TRAIN), "no report at the end")
    comfy.until(lambda: comfy.evaluate(PICTURES, TRAIN) == [THREE_ROWS_AND_CURVE], "not the picture of the end")


def test_a_stopped_training_keeps_its_picture(
    comfy: ComfyPage, training: Graph, runs: Runs, renderer: Renderer
) -> None:
    training.set(TRAIN, name=f"stopped_{renderer}", steps=400, **SETTINGS)
    training.select(TRAIN)
    prompt_id = runs.press_run()["prompt_id"]
    comfy.until(lambda: "of 400" in training.text(TRAIN), "the training does not start")
    comfy.page.get_by_role("button", name=INTERRUPT).first.click()
    runs.finished(prompt_id)
    comfy.until(lambda: "Stopped after step" in training.text(TRAIN), "no report of the stop")
    # the strip alone, of the first preview, is narrower
    comfy.until(
        lambda: [width for width, _ in comfy.evaluate(PICTURES, TRAIN)] == [WIDTH_WITH_CURVE], "no last picture"
    )
