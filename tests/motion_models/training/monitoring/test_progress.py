"""The report and the picture of a training on its node, and what is kept when it stops."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import comfy.utils
import numpy as np
import pytest
import torch
from animatediff_xl.motion_models.training.monitoring import progress
from animatediff_xl.motion_models.training.monitoring.progress import Progress
from PIL import Image


@dataclass
class Clock:
    now: float = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[int, Image.Image | None]]]:
    """What the bar sends to the page: steps and pictures."""
    events: list[tuple[int, Image.Image | None]] = []

    def hook(value: int, total: int, preview: Any, node_id: str | None = None) -> None:
        events.append((value, preview and preview[1]))

    comfy.utils.set_progress_bar_global_hook(hook)
    yield events
    comfy.utils.set_progress_bar_global_hook(None)


def training(steps: int) -> Any:
    return SimpleNamespace(steps_done=steps, losses=[0.5] * steps, device=torch.device("cpu"))


CLIP = np.full((4, 32, 32, 3), 200, np.uint8)


def test_the_report_names_step_loss_and_time_left(clock: Clock, sent: list, tmp_path: Path) -> None:
    texts: list[str] = []
    shown = Progress(500, 100, tmp_path, texts.append)
    clock.now += 60
    shown.on_preview(100, CLIP)  # it takes no part in the time left
    for step in range(101, 201):
        clock.now += 1.5
        shown.on_step(training(step))
    assert len(texts) == 100
    assert texts[0] == "Step 101 of 500, 10 min left. Loss 0.5000."
    assert texts[-1] == "Step 200 of 500, 8 min left. Loss 0.5000."
    clock.now += 0.1
    shown.on_step(training(450))
    assert len(texts) == 100
    clock.now += 1
    shown.on_step(training(480))
    assert texts[-1] == "Step 480 of 500, 8 s left. Loss 0.5000."


def test_a_long_training_reports_hours(clock: Clock, sent: list, tmp_path: Path) -> None:
    texts: list[str] = []
    shown = Progress(5001, 0, tmp_path, texts.append)
    clock.now += 9
    shown.on_step(training(1))
    assert texts == ["Step 1 of 5001, 12.5 h left. Loss 0.5000."]


def test_the_picture_follows_previews_and_the_clock(clock: Clock, sent: list, tmp_path: Path) -> None:
    shown = Progress(100, 0, tmp_path, lambda _: None)
    shown.on_preview(0, CLIP)
    for step in range(1, 31):
        clock.now += 0.5
        shown.on_step(training(step))
    shown.on_preview(30, CLIP)
    pictures = [(step, picture) for step, picture in sent if picture]
    assert [step for step, _ in pictures] == [0, 10, 20, 30, 30]
    heights = [picture.height for _, picture in pictures]
    assert heights[0] < heights[1] == heights[2] == heights[3] < heights[4]


def test_the_pictures_are_kept(sent: list, tmp_path: Path) -> None:
    texts: list[str] = []
    shown = Progress(10, 0, tmp_path / "name", texts.append)
    shown.on_preview(0, CLIP)
    shown.finish(training(2))
    assert {path.name for path in (tmp_path / "name").iterdir()} == {"loss.png", "preview.png", "preview_000000.webp"}
    with Image.open(tmp_path / "name" / "loss.png") as curve, Image.open(tmp_path / "name" / "preview.png") as strip:
        assert (strip.width, curve.width) == (596, 600)
        assert sent[-1][0] == 2 and sent[-1][1].height == strip.height + curve.height
    shown.report_stop(training(2), Path("pan_2.safetensors"), resumes=True)
    assert texts == ["Stopped after step 2 of 10. pan_2.safetensors is saved: run it again to go on."]


def test_a_picture_takes_little_time(tmp_path: Path, sent: list) -> None:
    shown = Progress(10_000, 0, tmp_path, lambda _: None)
    for step in range(3):
        shown.on_preview(step, np.zeros((16, 64, 64, 3), np.uint8))
    began = time.process_time()
    shown.on_step(training(10_000))
    assert time.process_time() - began < 0.5
