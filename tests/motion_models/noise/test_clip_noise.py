"""The start noise of a clip, as the sampler gets it."""

import dataclasses
import math

import comfy.nested_tensor
import comfy.patcher_extension
import comfy.sample
import comfy.samplers
import pytest
import torch
from animatediff_xl.motion_models.errors import MotionError
from animatediff_xl.motion_models.noise.clip_noise import KINDS, ClipNoiseSettings, set_clip_noise
from hypothesis import given
from hypothesis import settings as searched
from hypothesis import strategies as st
from torch import Tensor

from tests.motion_models.conftest import SETTINGS
from tests.sampling import sample, start_noise
from tests.small import conditioning
from tests.windowed import host_windowed, windowed

FRAMES, SIZE = 8, 64


def noisy(model, kind: str = "shared", share: float = 0.5, seed_step: int = 1):
    return set_clip_noise(model, ClipNoiseSettings(kind, share, seed_step))


def own_noise(seed: int, frames: int = FRAMES) -> Tensor:
    """ComfyUI's."""
    return comfy.sample.prepare_noise(torch.zeros(frames, 4, SIZE, SIZE), seed)


def start_of(model, noise: Tensor, seed: int) -> Tensor:
    """The noise that the sampler of a run gets."""
    seen: list[Tensor] = []

    def instead_of_sampling(_executor, noise: Tensor, latents: Tensor, *_: object, **__: object) -> Tensor:
        seen.append(noise)
        return latents

    model = model.clone()
    kind = comfy.patcher_extension.WrappersMP.OUTER_SAMPLE
    model.add_wrapper_with_key(kind, "instead_of_sampling", instead_of_sampling)
    guider = comfy.samplers.CFGGuider(model)
    guider.set_conds(conditioning(1), conditioning(2))
    euler = comfy.samplers.sampler_object("euler")
    guider.sample(noise, noise, euler, torch.tensor([1.0, 0.0]), disable_pbar=True, seed=seed)
    return seen[0]


def correlation(first: Tensor, second: Tensor) -> float:
    return float((first * second).mean() / (first.square().mean() * second.square().mean()).sqrt())


@searched(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(list(KINDS)),
    share=st.floats(0, 10),
    seed=st.integers(0, 2**64 - 1),
    seed_step=st.integers(1, 2**31),
    frames=st.integers(1, 24),
)
def test_every_frame_has_noise_of_unit_variance(
    pair, kind: str, share: float, seed: int, seed_step: int, frames: int
) -> None:
    found = start_of(noisy(pair.model, kind, share, seed_step), own_noise(seed, frames), seed)
    assert found.shape == (frames, 4, SIZE, SIZE) and found.dtype == torch.float32
    # six standard deviations of the mean and of the variance of 16,384 numbers
    assert found.mean((1, 2, 3)).abs().max() < 6 / math.sqrt(4 * SIZE**2)
    assert (found.var((1, 2, 3)) - 1).abs().max() < 6 * math.sqrt(2 / (4 * SIZE**2))


@pytest.mark.parametrize(("kind", "share"), [("independent", 0.5), ("shared", 0.0), ("progressive", 0.0)])
def test_neutral_noise_is_bit_equal_to_the_hosts(pair, animate, kind: str, share: float) -> None:
    for model in (pair.model, windowed(animate(pair.model), freenoise=True)):
        assert torch.equal(sample(noisy(model, kind, share), noise=start_noise(6)), sample(model, noise=start_noise(6)))


def test_frames_have_the_common_part_that_share_sets(pair) -> None:
    """The published mixed and progressive noise."""
    mixed, progressive = (start_of(noisy(pair.model, kind, 0.5), own_noise(3), 3) for kind in ("shared", "progressive"))
    own = own_noise(3)
    assert correlation(mixed[0], mixed[1]) == pytest.approx(0.2, abs=0.04)
    assert correlation(mixed[0], mixed[7]) == pytest.approx(0.2, abs=0.04)
    assert torch.equal(progressive[0], own[0])
    assert torch.allclose(progressive[1], (0.5 * own[0] + own[1]) / math.sqrt(1.25))
    assert torch.allclose(progressive[2], (0.5 * progressive[1] + own[2]) / math.sqrt(1.25))
    common = mixed[0] * math.sqrt(1.25) - own[0]
    assert torch.allclose(mixed * math.sqrt(1.25) - own, common.expand_as(own), atol=1e-5)
    assert max(abs(correlation(common, frame)) for frame in own) < 0.04


def test_each_frame_has_the_noise_of_its_seed(pair) -> None:
    """Also beyond the largest seed, and in the second clip of a batch."""
    for seed, step in ((5, 1), (5, 3), (2**64 - 3, 1)):
        found = start_of(noisy(pair.model, "one seed a frame", seed_step=step), own_noise(5), seed)
        expected = [own_noise((seed + step * frame) % 2**64, 1) for frame in range(FRAMES)]
        assert torch.equal(found, torch.cat(expected))


def test_travel_goes_from_one_seed_to_another(pair) -> None:
    found = start_of(noisy(pair.model, "travel", seed_step=7), own_noise(5), 5)
    first, last = own_noise(5, 1)[0], own_noise(12, 1)[0]
    assert torch.equal(found[0], first)
    assert torch.allclose(found[-1], last, atol=1e-6)
    shares = [correlation(frame, last) for frame in found]
    assert shares == pytest.approx([math.sin(math.pi / 2 * frame / 7) for frame in range(8)], abs=0.05)


@pytest.mark.parametrize("kind", KINDS)
def test_each_clip_of_a_batch_has_its_own_noise(pair, animate, kind: str) -> None:
    clips = animate(pair.model, settings=dataclasses.replace(SETTINGS, clip_frames=4))
    both = start_of(noisy(clips, kind), own_noise(3), 3)
    alone = start_of(noisy(pair.model, kind), own_noise(3)[:4], 3)
    assert torch.equal(both[:4], alone)
    assert abs(correlation(both[0], both[4])) < 0.04
    if kind == "travel":  # the second clip goes on
        assert torch.allclose(both[3], both[4], atol=1e-6)


def test_a_run_without_noise_stays_without(pair) -> None:
    """Such as the second of two advanced samplers."""
    nothing = torch.zeros(FRAMES, 4, SIZE, SIZE)
    assert not any(start_of(noisy(pair.model, kind), nothing, 1).any() for kind in KINDS)


def test_clip_noise_beside_free_noise_is_refused(pair) -> None:
    for model in (windowed(pair.model, freenoise=True), host_windowed(pair.model, freenoise=True)):
        with pytest.raises(MotionError, match="freenoise of the context windows both set the noise"):
            start_of(noisy(model), own_noise(1), 1)
    start_of(noisy(windowed(pair.model)), own_noise(1), 1)


def test_a_model_takes_one_clip_noise(pair) -> None:
    with pytest.raises(MotionError, match="noise from two AnimateDiff Clip Noise nodes"):
        noisy(noisy(pair.model))
    noisy(pair.model)


@pytest.mark.parametrize("several", [False, True], ids=["video latents", "nested latents"])
def test_latents_that_are_no_batch_of_frames_are_refused(pair, several: bool) -> None:
    latents = torch.ones(1, 4, 3, 8, 8)
    noise = comfy.nested_tensor.NestedTensor([latents, torch.ones(1, 8, 4)]) if several else latents
    reports = []
    settings = ClipNoiseSettings("shared", 0.5, 1, lambda report, _warnings: reports.append(report))
    with pytest.raises(MotionError, match="needs latents with one entry for each frame"):
        start_of(set_clip_noise(pair.model, settings), noise, 1)
    assert len(reports) == 1
