"""FreeNoise: a long clip starts from the noise of one window, again and again in another order, so that windows agree.

Qiu et al., "FreeNoise: Tuning-Free Longer Video Diffusion via Noise Rescheduling", arXiv 2310.15169. That method knows
no loops: behind the last frame the noise may return that the last frames had, and the clip stands still where it should
go round. For a closed loop the noise is laid around the clip in rounds of equal length here, so that the end and the
beginning are neighbours like all others.
"""

import torch


def noise_order(length: int, overlap: int, closed_loop: bool, frames: int, seed: int) -> list[int]:
    """For each frame of a clip, the frame whose noise it starts from. length, overlap: of its context windows."""
    generator = torch.Generator().manual_seed(seed)
    order = closed_order if closed_loop else open_order
    return order(length, length - overlap, frames, generator)


def open_order(length: int, stretch: int, frames: int, generator: torch.Generator) -> list[int]:
    """The published method, frame for frame as the host does it: behind the first window, the noise of each stretch of
    new frames is that of the stretch a window's length before, shuffled."""
    order = list(range(frames))
    for start in range(0, frames - length, stretch):
        place = start + length
        count = min(stretch, frames - place)
        order[place : place + count] = [order[start + index] for index in torch.randperm(count, generator=generator)]
    return order


def closed_order(length: int, stretch: int, frames: int, generator: torch.Generator) -> list[int]:
    """As many equal rounds as there are windows' lengths in the clip; in each, every stretch of noise is shuffled.

    A frame's noise moves inside its stretch, half a round at most, so it returns after half a round at the earliest.
    """
    rounds = max(1, round(frames / length))
    borders = [index * frames // rounds for index in range(rounds + 1)]
    longest = -(-frames // rounds)
    stretch = max(1, min(stretch, longest // 2))
    order = []
    for first, last in zip(borders, borders[1:], strict=False):
        for start in range(0, last - first, stretch):
            count = min(stretch, last - first - start)
            order += [start + index for index in torch.randperm(count, generator=generator).tolist()]
    return order
