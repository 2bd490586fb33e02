"""FreeNoise: a long clip reuses the noise of about one window in shuffled order, so that the windows agree.

Qiu et al., "FreeNoise: Tuning-Free Longer Video Diffusion via Noise Rescheduling", arXiv 2310.15169.

Where two frames of a window start from the same noise, the clip stands still between them. The published method
prevents it only for windows at multiples of one distance. Here, no window of any step has a noise twice:

- `order_by_windows` for windows that stay in every step. It shuffles as published, but from window to window, wherever
  they lie. Where windows divide the clip evenly, the order is ComfyUI's. Elsewhere it differs, because ComfyUI's order
  repeats noise in windows that are spread evenly, and in those of `batched`.
- `order_by_rounds` for windows that move from step to step, and for windows that cross the end of the clip. It needs a
  few more noises than a window has frames. A clip of less than two rounds keeps its own noise.
"""

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Generator

Order = list[int]
"""For each frame of a clip, the index of the noise that it starts from."""


def order_by_windows(starts: Sequence[int], length: int, frames: int, seed: int) -> Order:
    """The order for windows of consecutive frames at some starts, ascending from 0 to the end of the clip.

    From a window to the next, the frames that are new get the noises of those that have left, shuffled. So all windows
    have the noises of the first, each of them once.
    """
    generator = torch.Generator().manual_seed(seed)
    order = list(range(frames))
    for start, following in itertools.pairwise(starts):
        order[start + length : following + length] = shuffled(order[start:following], generator)
    return order


def order_by_rounds(length: int, dilation: int, frames: int, circular: bool, seed: int) -> Order:
    """The order for windows that can start at any frame.

    dilation: the largest distance between neighbouring frames of a window, a power of two. There may also be windows
    with each smaller power of two. circular: whether windows cross the end of the clip, so that its first frame follows
    the last.

    The clip is divided into rounds, and all rounds have the same noises. Each round is cut into blocks. In a block, the
    noises of frames that are a multiple of `dilation` apart are shuffled.

    Proof that no window has a noise twice. Let d be the distance between neighbouring frames of the window, m the
    length of the shortest round, and b the most that shuffling moves a noise. Then m - b >= length. If `dilation` is
    above 1, m is odd, and the other rounds are longer by a multiple of `dilation`. After k rounds, a noise returns at a
    distance of k * m plus a multiple of `dilation`, and of at least k * m - b. In the window, that distance is a
    multiple of d. As d divides `dilation` and shares no factor with m, d divides k. So k >= d, and the distance is at
    least d * m - b >= d * (m - b) >= d * length. But two frames of the window are at most d * (length - 1) apart.
    """
    rounds, most_moved = rounds_of(length, dilation, frames, circular)
    if len(rounds) == 1:
        return list(range(frames))
    generator, block = torch.Generator().manual_seed(seed), most_moved + dilation
    order: Order = []
    for count in rounds:
        noises = list(range(count))
        for start in range(0, count, block):
            for first in range(start, min(start + dilation, count)):
                places = slice(first, min(start + block, count), dilation)
                noises[places] = shuffled(noises[places], generator)
        order += noises
    return order[:frames]


def rounds_of(length: int, dilation: int, frames: int, circular: bool) -> tuple[list[int], int]:
    """The lengths of the rounds of `order_by_rounds`, and the most that shuffling moves a noise in them.

    One round means that the clip is too short to reuse noise. A round that is not circular may end after the clip.
    """
    # the published method shuffles quarters of a window, and half a window is enough
    least, most = (dilation * (max(2, length // (parts * dilation)) - 1) for parts in (4, 2))
    shortest = length + least
    if dilation > 1 and shortest % 2 == 0:
        shortest += 1
    if not circular:
        return [shortest] * math.ceil(frames / shortest), least
    for count in range(frames // shortest, 1, -1):
        for each in range(frames // count, shortest - 1, -1):
            over = frames - count * each
            if dilation == 1 or (each % 2 and over % dilation == 0):
                longer = over // dilation
                moved = min(most, (each - length) // dilation * dilation)
                return [each + dilation] * longer + [each] * (count - longer), moved
    return [frames], 0


def shuffled(noises: Order, generator: Generator) -> Order:
    return [noises[index] for index in torch.randperm(len(noises), generator=generator)]
