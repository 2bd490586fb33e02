"""A plan of context windows to look at: frames from left to right, windows from top to bottom, weights as shade."""

from collections.abc import Iterator

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from .windows import MOVING, ContextSettings, WindowPlan, plan

WIDTH = 1024
MARGIN, TEXT = 16, 18
ROW, GAP = 12, 3
LONGEST = 4096
"""Pixels; steps that would make the picture higher are left out."""

PAPER, INK, EMPTY = (24, 26, 30), (225, 228, 232), (44, 48, 54)
FRAME = (88, 166, 255)
"""A frame whose window alone decides it; lighter shares are darker."""


def describe(settings: ContextSettings, frames: int, steps: int) -> str:
    """What a plan costs, in sentences."""
    plans = plans_of(settings, frames, steps)
    counts = sorted({len(one.indices) for one in plans})
    windows = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    each = np.mean([one.evaluations for one in plans])
    length = plans[0].indices.shape[1]
    if counts == [1]:
        return f"{frames} frames fit into one window: nothing is cut."
    return (
        f"{frames} frames in {windows} windows of {length}; each frame is computed {each:.2f} times a step, "
        f"{each * frames * steps:.0f} frame evaluations in {steps} steps."
    )


def plans_of(settings: ContextSettings, frames: int, steps: int) -> list[WindowPlan]:
    """The plans of all steps, or of the first if they are all the same."""
    return [plan(settings, frames, step) for step in range(steps if settings.schedule in MOVING else 1)]


def draw(settings: ContextSettings, frames: int, steps: int) -> Tensor:
    """An IMAGE (1 h w 3) of the windows of each step; a schedule without steps is drawn once."""
    plans = plans_of(settings, frames, steps)
    heights = [TEXT + len(one.indices) * (ROW + GAP) + GAP for one in plans]
    shown = max(1, int((np.cumsum(heights) < LONGEST - 2 * MARGIN - 2 * TEXT).sum()))
    picture = Image.new("RGB", (WIDTH, sum(heights[:shown]) + 2 * TEXT + 2 * MARGIN), PAPER)
    canvas, font = ImageDraw.Draw(picture), ImageFont.load_default(13)
    canvas.text((MARGIN, MARGIN), describe(settings, frames, steps), INK, font)
    top = MARGIN + 2 * TEXT
    for step, one in enumerate(plans[:shown]):
        title = f"step {step + 1}" if len(plans) > 1 else "every step"
        canvas.text((MARGIN, top), title, INK, font)
        for row, left, right, shade in cells(one):
            y = top + TEXT + row * (ROW + GAP)
            canvas.rectangle((left, y, right, y + ROW - 1), shade)
        top += heights[step]
    return torch.from_numpy(np.asarray(picture).astype(np.float32) / 255)[None]


def cells(one: WindowPlan) -> Iterator[tuple[int, int, int, tuple[int, ...]]]:
    """(row, left, right, colour): a dark bar for each window, and on it the frames it has."""
    edges = np.linspace(MARGIN, WIDTH - MARGIN, one.frames + 1).round().astype(int).tolist()
    for row, (indices, weights) in enumerate(zip(one.indices.tolist(), one.weights.tolist(), strict=True)):
        yield row, edges[0], edges[-1] - 1, EMPTY
        for frame, share in zip(indices, weights, strict=True):
            yield row, edges[frame], max(edges[frame], edges[frame + 1] - 1), shade_of(share)


def shade_of(share: float) -> tuple[int, ...]:
    part = 0.25 + 0.75 * share
    return tuple(round(dark + part * (light - dark)) for dark, light in zip(EMPTY, FRAME, strict=True))
