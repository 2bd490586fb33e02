"""Long clips and loops of the tiny SDXL in context windows, measured in saved videos."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from animatediff_xl.motion_models.context.windows import ContextSettings, plan
from animatediff_xl.motion_models.measures.steadiness import seam

from tests.host.server import Server
from tests.server.conftest import Report, node_of
from tests.server.test_clips import clip
from tests.tiny.measure import warp_error
from tests.tiny.synthetic_dataset import scene_of

pytestmark = pytest.mark.measured

CLIPS = 20
LENGTH = 48
SEAM = (0.7, 1.4)
"""A loop has no visible seam within this range. It holds two thirds of all steps between neighbouring frames."""
PUMPING = 1.25
"""Largest ratio of the warp error at the borders of windows to that inside."""

Long = Callable[..., np.ndarray]


@pytest.fixture(scope="module")
def long_clip(server: Server, tiny_prompt: Callable) -> Long:
    """(seed, settings of Context Windows) -> frames (f h w 3)."""

    def run(seed: int, **settings: bool) -> np.ndarray:
        prompt = tiny_prompt(
            CLIPTextEncode={"text": scene_of(seed).caption},
            KSampler={"seed": seed, "model": ["windows", 0]},
            ADXL_EmptyLatentFrames={"frames": LENGTH},
        )
        prompt["windows"] = {
            "class_type": "ADXL_ContextWindows",
            "inputs": {
                "model": [node_of(prompt, "ADXL_ApplyMotionModel"), 0], "context_length": 16, "context_overlap": 4,
                "context_stride": 1, "context_schedule": "standard_static", "fuse_method": "pyramid",
                "closed_loop": True, "freenoise": False, "windows_per_batch": 1, **settings,
            },
        }  # fmt: skip
        return clip(server, prompt)

    return run


@dataclass(frozen=True)
class Seen:
    seams: list[float]
    at_borders: float
    """Warp error from frame to frame where a window begins or ends, mean over all clips."""
    inside: float

    def line(self) -> str:
        low, middle, high = np.percentile(self.seams, [0, 50, 100])
        return f"seam {middle:.2f} ({low:.2f} to {high:.2f}), pumping {self.at_borders / self.inside:.2f}"


def seen(long_clip: Long, **settings: bool) -> Seen:
    windows = plan(ContextSettings(closed_loop=settings.get("closed_loop", True)), LENGTH).indices
    borders = {(int(end) - 1) % LENGTH for end in windows[:, 0]} | {int(end) for end in windows[:, -1]}
    seams, at_borders, inside = [], [], []
    for seed in range(CLIPS):
        frames = long_clip(seed, **settings)
        seams.append(seam(frames))
        for frame in range(LENGTH - 1):
            error = warp_error(frames[frame], frames[frame + 1])
            (at_borders if frame in borders else inside).append(error)
    return Seen(seams, float(np.mean(at_borders)), float(np.mean(inside)))


def test_loops_have_no_seam_and_no_window_borders(long_clip: Long, report: Report) -> None:
    found = seen(long_clip, freenoise=True)
    report(f"closed loop of {LENGTH} frames: {found.line()}")
    assert SEAM[0] <= np.median(found.seams) <= SEAM[1]
    assert found.at_borders <= PUMPING * found.inside


@pytest.mark.nightly
@pytest.mark.parametrize("settings", [{"freenoise": True, "closed_loop": False}, {"closed_loop": False}], ids=str)
def test_open_clips_have_a_seam(long_clip: Long, report: Report, settings: dict[str, bool]) -> None:
    found = seen(long_clip, **settings)
    report(f"{LENGTH} frames, {settings}: {found.line()}")
    assert np.median(found.seams) > SEAM[1]
