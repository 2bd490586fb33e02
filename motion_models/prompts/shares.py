"""The share of each prompt in each frame."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..conditioning.curves import FRAMES, Curve
from .keys import Key

INTERPOLATIONS = ("linear", "ease", "step")
"""The interpolations of strength schedules that make sense between two prompts."""


@dataclass(frozen=True)
class Share:
    """The prompts of a frame."""

    prompt: str
    next: str
    """The prompt that the frame goes to. The same as `prompt` if the share is 0."""
    share: float
    """Of the next prompt, in 0..1."""


def shares(keys: Sequence[Key], frames: int, interpolation: str, closed_loop: bool) -> list[Share]:
    """One for each frame. The first and the last prompt hold outside their frames, unless the clip is a loop.

    keys: in the order of their frames. interpolation: one of INTERPOLATIONS.
    closed_loop: the last prompt goes to the first, which comes again after the last frame.
    """
    begin = keys[0].first if closed_loop else 0
    points: dict[int, str] = {}
    goals = [*(key.first for key in keys[1:]), begin + frames]
    for key, goal in zip(keys, goals, strict=True):
        points |= {key.first: key.prompt, key.last: key.prompt}
        if key.holds and goal - 1 > key.last:
            points[goal - 1] = key.prompt
    if closed_loop:
        points[begin + frames] = keys[0].prompt
    prompts = list(points.values())
    # the value at a point is its index, so that 1.25 is a quarter of the way from point 1 to point 2
    curve = Curve(tuple((float(frame), float(index)) for index, frame in enumerate(points)), interpolation, FRAMES)
    found = []
    for index in curve.at([(frame - begin) % frames + begin for frame in range(frames)]).tolist():
        one, other = prompts[int(index)], prompts[min(int(index) + 1, len(prompts) - 1)]
        share = index - int(index)
        found.append(Share(one, other, share) if share and one != other else Share(one, one, 0.0))
    return found


def used_prompts(found: Sequence[Share]) -> list[str]:
    """Each prompt that any frame has, once."""
    return list(dict.fromkeys(prompt for each in found for prompt in (each.prompt, each.next)))


def frame_weights(found: Sequence[Share]) -> dict[str, Tensor]:
    """The weight of each prompt in each frame, (f,). The weights of a frame have the sum 1."""
    weights = {prompt: torch.zeros(len(found), dtype=torch.float64) for prompt in used_prompts(found)}
    for frame, each in enumerate(found):
        weights[each.prompt][frame] += 1 - each.share
        weights[each.next][frame] += each.share
    return {prompt: weight.float() for prompt, weight in weights.items()}
