"""Runs that are started in the page and followed on the server."""

import itertools
from dataclasses import replace
from typing import Any

from playwright.sync_api import Response

from tests.host.server import Server
from tests.workflows.clips import TINY, boxes
from tests.workflows.drawing import draw

from .page import ComfyPage

RUN_MS = 240_000
SEEDS = itertools.count(1)


def tiny(frames: int = 4, steps: int = 2) -> dict[str, Any]:
    """The graph of the tiny SDXL, small, with a seed that no run before had."""
    graph = draw(boxes(replace(TINY, size=64, frames=frames, steps=steps)))
    sampler = next(node for node in graph["nodes"] if node["type"] == "KSampler")
    sampler["widgets_values"][0] = next(SEEDS)
    return graph


class Runs:
    def __init__(self, comfy: ComfyPage, server: Server):
        self.comfy = comfy
        self.server = server

    def press_run(self) -> dict[str, Any]:
        """Press the Run button; gives the server's reply."""
        with self.comfy.page.expect_response(is_queueing) as reply:
            self.comfy.page.get_by_test_id("queue-button").click()
        return reply.value.json()

    def finished(self, prompt_id: str) -> dict[str, Any]:
        """Wait for the end of a run; gives the server's entry in its history."""
        path = f"/history/{prompt_id}"
        return self.comfy.until(lambda: self.server.get(path).get(prompt_id), "the run does not end", RUN_MS)

    def run(self) -> dict[str, Any]:
        """Press Run and wait for the end, however it ends."""
        reply = self.press_run()
        assert not reply.get("node_errors") and "prompt_id" in reply, reply
        return self.finished(reply["prompt_id"])

    def succeed(self) -> dict[str, Any]:
        """Press Run and wait for success; gives the outputs by the ids of their nodes."""
        entry = self.run()
        assert entry["status"]["status_str"] == "success", entry["status"]
        return entry["outputs"]


def is_queueing(response: Response) -> bool:
    return response.request.method == "POST" and response.url.endswith("/prompt")


def files(outputs: dict[str, Any]) -> list[dict[str, str]]:
    """What nodes saved: filename, subfolder and type."""
    items = [item for node in outputs.values() for entries in node.values() for item in entries]
    return [item for item in items if isinstance(item, dict) and "filename" in item]
