"""A picture of a window plan: frames from left to right, windows from top to bottom, weights as brightness."""

from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from .. import host
from ..drawing.canvas import BACKGROUND, BRIGHT, DARK, MARGIN, TEXT_COLOUR, TEXT_HEIGHT, WIDTH, font, to_image
from ..errors import sentence
from .windows import MOVING, ContextSettings, WindowPlan, plan, window_size, window_starts

ROW_HEIGHT, GAP = 12, 3
MAX_HEIGHT = 1200
"""In pixels. Steps that do not fit are left out."""

EMPTY, FRAME = DARK, BRIGHT
"""Colours of a window without a frame, and of a frame with weight 1. Smaller weights are darker."""


Check = Callable[[], None]
"""Called now and then. It raises an error if the work must stop."""


def describe(
    settings: ContextSettings,
    frames: int,
    steps: int,
    check: Check = host.stop_if_interrupted,
    in_motion_modules: bool = False,
) -> str:
    """The cost of a window plan, for the user. in_motion_modules: whether only they run window by window."""
    counts = window_counts(settings, frames, steps, check)
    length, _ = window_size(settings, frames)
    if counts == [1] * len(counts):
        return sentence("{frames} frames fit into one window: nothing is cut.", frames=frames)
    fewest, most = min(counts), max(counts)
    windows = fewest if fewest == most else f"{fewest} - {most}"
    facts = {"frames": frames, "windows": windows, "length": length, "steps": steps}
    if in_motion_modules:
        return sentence(
            "{frames} frames in {windows} windows of {length}, in the motion modules only. The rest of the model "
            "computes each frame once: {total} frame evaluations in {steps} steps.",
            **facts,
            total=frames * steps,
        )
    evaluations = float(np.mean(counts)) * length / frames
    return sentence(
        "{frames} frames in {windows} windows of {length}. Each step computes each frame {evaluations} times: "
        "{total} frame evaluations in {steps} steps.",
        **facts,
        evaluations=f"{evaluations:.2f}",
        total=f"{evaluations * frames * steps:.0f}",
    )


def window_counts(
    settings: ContextSettings, frames: int, steps: int, check: Check = host.stop_if_interrupted
) -> list[int]:
    """The number of windows in each step, or in one step if all have the same windows."""
    counts = []
    for step in range(steps if settings.schedule in MOVING else 1):
        check()
        counts.append(sum(len(starts) for _, starts in window_starts(settings, frames, step)))
    return counts


def draw(settings: ContextSettings, frames: int, steps: int, cost: str) -> Tensor:
    """An IMAGE (1 h w 3) of a window plan, with its cost above, of `describe`."""
    letters = font()
    heading = lines(cost, letters)
    above = MARGIN + (len(heading) + 1) * TEXT_HEIGHT
    picture = draw_windows(settings, frames, steps, MAX_HEIGHT, above)
    canvas = ImageDraw.Draw(picture)
    for index, line in enumerate(heading):
        canvas.text((MARGIN, MARGIN + index * TEXT_HEIGHT), line, TEXT_COLOUR, letters)
    return to_image(picture)


def draw_windows(
    settings: ContextSettings,
    frames: int,
    steps: int,
    most_height: int,
    above: int = 0,
    check: Check = host.stop_if_interrupted,
) -> Image.Image:
    """A picture of the windows of each step. If all steps have the same windows, they are drawn once.

    The picture has a largest height. Steps beyond it are left out, and so are windows of the first step.
    above: free pixels above the windows.
    """
    counts = window_counts(settings, frames, steps, check)
    heights = [TEXT_HEIGHT + count * (ROW_HEIGHT + GAP) + GAP for count in counts]
    room = most_height - above - MARGIN
    shown = max(1, int((np.cumsum(heights) < room).sum()))
    height = above + min(room, sum(heights[:shown])) + MARGIN
    picture = Image.new("RGB", (WIDTH, height), BACKGROUND)
    canvas = ImageDraw.Draw(picture)
    top = above
    for step in range(shown):
        check()
        title = f"step {step + 1}" if len(counts) > 1 else "every step"
        canvas.text((MARGIN, top), title, TEXT_COLOUR, font())
        fitting = (height - top - TEXT_HEIGHT) // (ROW_HEIGHT + GAP) + 1
        for row, left, right, colour in cells(plan(settings, frames, step).beginning(fitting)):
            y = top + TEXT_HEIGHT + row * (ROW_HEIGHT + GAP)
            canvas.rectangle((left, y, right, y + ROW_HEIGHT - 1), colour)
        top += heights[step]
    return picture


def lines(text: str, letters: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> list[str]:
    """A text in lines that fit into the picture."""
    fitting = [""]
    for word in text.split():
        longer = f"{fitting[-1]} {word}".strip()
        if letters.getlength(longer) <= WIDTH - 2 * MARGIN:
            fitting[-1] = longer
        else:
            fitting.append(word)
    return fitting


def cells(window_plan: WindowPlan) -> Iterator[tuple[int, int, int, tuple[int, ...]]]:
    """(row, left, right, colour) of rectangles: a dark bar for each window, and then its frames on top of the bar."""
    edges = np.linspace(MARGIN, WIDTH - MARGIN, window_plan.frames + 1).round().astype(int).tolist()
    windows = zip(window_plan.indices.tolist(), window_plan.weights.tolist(), strict=True)
    for row, (indices, weights) in enumerate(windows):
        yield row, edges[0], edges[-1] - 1, EMPTY
        for frame, weight in zip(indices, weights, strict=True):
            yield row, edges[frame], max(edges[frame], edges[frame + 1] - 1), colour_of(weight)


def colour_of(weight: float) -> tuple[int, ...]:
    brightness = 0.25 + 0.75 * weight  # a small weight stays visible
    return tuple(round(dark + brightness * (light - dark)) for dark, light in zip(EMPTY, FRAME, strict=True))
