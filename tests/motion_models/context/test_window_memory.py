"""Windows of a long clip need no more memory than those of a short one."""

import pytest
import torch
from animatediff_xl.motion_models import host

from tests.counting import PeakElements
from tests.windowed import long_sample, windowed

FREE = 1.3e9
"""Bytes: three windows of 16 frames of the small models."""


@pytest.mark.parametrize("per_batch", [1, 0], ids=["one by one", "as many as fit"])
def test_memory_does_not_grow_with_the_clip_length(pair, animate, monkeypatch, per_batch: int) -> None:
    """148 frames need as much memory as 76, plus their latents: noise, sums, and a few of the sampler."""
    monkeypatch.setattr(host, "free_memory", lambda *_: FREE)
    model, grown, calls = windowed(animate(pair.model), per_batch, length=16, overlap=4), {}, []
    model.set_model_unet_function_wrapper(
        lambda apply, args: calls.append(len(args["input"])) or apply(args["input"], args["timestep"], **args["c"])
    )
    long_sample(model, frames=76, steps=1)
    for frames in (76, 148):
        with PeakElements() as live:
            assert torch.isfinite(long_sample(model, frames=frames, steps=1)).all()
        grown[frames] = live.peak
    latents = (148 - 76) * 4 * 8 * 8
    assert grown[148] - grown[76] < 6 * latents
    assert max(calls) == 2 * 16 * (1 if per_batch else 3)
