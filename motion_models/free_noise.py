"""FreeNoise: a long clip starts from the noise of one window, again and again in another order, so that windows agree.

Qiu et al., "FreeNoise: Tuning-Free Longer Video Diffusion via Noise Rescheduling", arXiv 2310.15169. That method knows
no loops: behind the last frame the noise may return that the last frames had, and the clip stands still where it should
go round. For a closed loop the noise is laid around the clip in rounds of equal length here, so that the end and the
beginning are neighbours like all others.
"""

import torch

from .windows import ContextSettings


def noise_order(settings: ContextSettings, frames: int, seed: int) -> list[int]:
    """For each frame of a clip, the frame whose noise it starts from."""
    generator = torch.Generator().manual_seed(seed)
    if settings.closed_loop:
        return around(settings, frames, generator)
    return along(settings, frames, generator)


def along(settings: ContextSettings, frames: int, generator: torch.Generator) -> list[int]:
    """The published method, frame for frame as the host does it: behind the first window, the noise of each stretch of
    new frames is that of the stretch a window's length before, shuffled."""
    order = list(range(frames))
    stretch = settings.length - settings.overlap
    for start in range(0, frames - settings.length, stretch):
        place = start + settings.length
        count = min(stretch, frames - place)
        order[place : place + count] = [order[start + index] for index in torch.randperm(count, generator=generator)]
    return order


def around(settings: ContextSettings, frames: int, generator: torch.Generator) -> list[int]:
    """As many equal rounds as there are windows' lengths in the clip; in each, every stretch of noise is shuffled.

    A frame's noise moves inside its stretch, half a round at most, so it returns after half a round at the earliest.
    """
    rounds = max(1, round(frames / settings.length))
    borders = [index * frames // rounds for index in range(rounds + 1)]
    longest = -(-frames // rounds)
    stretch = max(1, min(settings.length - settings.overlap, longest // 2))
    order = []
    for first, last in zip(borders, borders[1:], strict=False):
        for start in range(0, last - first, stretch):
            count = min(stretch, last - first - start)
            order += [start + index for index in torch.randperm(count, generator=generator).tolist()]
    return order
