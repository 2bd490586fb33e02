"""FreeNoise: a long clip reuses the noise of one window in shuffled order, so that the windows agree.

Qiu et al., "FreeNoise: Tuning-Free Longer Video Diffusion via Noise Rescheduling", arXiv 2310.15169. The published
method has no closed loops. There, the frames before and after the seam of a loop can get the same noise, and the clip
stands still at the seam. For a closed loop, this module divides the clip into rounds of equal length. So the last and
the first frame get noise like any two neighbours.
"""

import torch


def noise_order(length: int, overlap: int, closed_loop: bool, frames: int, seed: int) -> list[int]:
    """For each frame of a clip, the index of the noise that it starts from. length, overlap: of the context windows."""
    generator = torch.Generator().manual_seed(seed)
    order = closed_order if closed_loop else open_order
    return order(length, length - overlap, frames, generator)


def open_order(length: int, stretch: int, frames: int, generator: torch.Generator) -> list[int]:
    """The published method, with the same result as ComfyUI's for every frame.

    After the first window, each stretch of new frames gets the noise of the stretch one window length before, shuffled.
    """
    order = list(range(frames))
    for start in range(0, frames - length, stretch):
        new = start + length
        count = min(stretch, frames - new)
        order[new : new + count] = [order[start + index] for index in torch.randperm(count, generator=generator)]
    return order


def closed_order(length: int, stretch: int, frames: int, generator: torch.Generator) -> list[int]:
    """Rounds of equal length, about one window each. In each round, every stretch of noise is shuffled.

    Noise moves only within its stretch, by at most half a round. So it does not repeat within half a round.
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
