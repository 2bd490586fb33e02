"""The picture and the description of Window Plan match the plan."""

import time

import numpy as np
import pytest
import torch
from animatediff_xl.motion_models.context.picture import EMPTY, FRAME, cells, describe, draw, window_counts
from animatediff_xl.motion_models.context.windows import ContextSettings, plan
from PIL import Image

from tests.memory import peak_growth
from tests.pictures.drawn import PLANNED, PLANS
from tests.pictures.saving import HELP


def test_the_description_states_the_cost() -> None:
    assert describe(ContextSettings(), 48, 20) == (
        "48 frames in 4 windows of 16. Each step computes each frame 1.33 times: 1280 frame evaluations in 20 steps."
    )
    assert describe(ContextSettings(schedule="standard_uniform"), 48, 20).startswith(
        "48 frames in 4 - 5 windows of 16."
    )
    assert describe(ContextSettings(), 48, 20, in_motion_modules=True) == (
        "48 frames in 4 windows of 16, in the motion modules only. The rest of the model computes each frame once: 960 "
        "frame evaluations in 20 steps."
    )
    assert describe(ContextSettings(), 16, 20) == "16 frames fit into one window: nothing is cut."


def test_each_window_is_a_bar_with_its_frames_on_it() -> None:
    one = plan(ContextSettings(), 48)
    drawn = list(cells(one))
    for row, frames in enumerate(one.indices):
        bar, *places = [(left, right) for at, left, right, _ in drawn if at == row]
        assert len(places) == len(frames)
        assert all(bar[0] <= left <= right <= bar[1] for left, right in places)


def test_full_weight_is_bright_and_missing_frames_are_dark() -> None:
    picture = (draw(ContextSettings(), 48, 20, "")[0] * 255).round().int()
    colours = {tuple(colour) for colour in picture.flatten(0, 1).tolist()}
    assert {EMPTY, FRAME} <= colours


@pytest.mark.parametrize("steps", [1, 4])
def test_moving_schedules_have_windows_for_each_step(steps: int) -> None:
    settings = ContextSettings(schedule="looped_uniform", closed_loop=True)
    assert len(window_counts(settings, 48, steps)) == steps
    assert len(window_counts(ContextSettings(), 48, steps)) == 1


def test_the_height_of_a_picture_is_limited() -> None:
    picture = draw(ContextSettings(schedule="standard_uniform"), 1024, 1000, "")
    assert picture.shape[1] <= 4096 and picture.dtype == torch.float32


def test_the_largest_plan_is_drawn_in_seconds_and_little_memory() -> None:
    settings = ContextSettings(length=1024, overlap=1023, schedule="looped_uniform", closed_loop=True)
    began = time.monotonic()
    with peak_growth() as grown:
        picture = draw(settings, 4096, 100, "")
    assert picture.shape[1] <= 4096
    assert time.monotonic() - began < 60
    assert grown[0] < 2e9


@pytest.mark.parametrize("name", PLANS)
def test_help_page_pictures_match_the_drawing(name: str) -> None:
    """Except for letters, which depend on the version of Pillow."""
    changes, steps = PLANS[name]
    settings = ContextSettings(**changes)
    cost = describe(settings, PLANNED, steps)
    drawn = (draw(settings, PLANNED, steps, cost)[0].numpy() * 255).round()
    shown = np.asarray(Image.open(HELP / f"windows_{name}.png").convert("RGB"), dtype=np.float32)
    assert shown.shape == drawn.shape
    assert (np.abs(shown - drawn).max(-1) > 8).mean() < 0.02
