"""FreeInit: its filters, the noise of the next round, and sampling runs of several rounds."""

import dataclasses
import math
from functools import partial

import comfy.model_management
import comfy.sample
import comfy.samplers
import pytest
import torch
from animatediff_xl.motion_models.errors import MotionError
from animatediff_xl.motion_models.noise.free_init import (
    FILTERS,
    NEEDS_WHOLE_RUN,
    FreeInitSettings,
    add_free_init,
    fewer_sigmas,
    low_pass,
    mixed,
    next_start,
    round_steps,
)
from animatediff_xl.motion_models.predictions.step_cache import StepCacheSettings, add_step_cache
from diffusers.pipelines.free_init_utils import FreeInitMixin
from torch import Tensor

from tests.motion_models.conftest import SETTINGS
from tests.sampling import sample, start_noise
from tests.small import conditioning
from tests.windowed import host_windowed, long_sample, same, windowed

FREE_INIT = FreeInitSettings(3, "butterworth", 0.25, 0.25, False, 0.0, "", lambda *_: None)
STEPS = 4


def changed(**settings) -> FreeInitSettings:
    return dataclasses.replace(FREE_INIT, **settings)


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize(("spatial", "temporal"), [(0.25, 0.25), (0.5, 0.2)])
def test_filters_equal_those_of_diffusers(name: str, spatial: float, temporal: float) -> None:
    """For even sizes. Theirs are centred."""
    theirs = FreeInitMixin()._get_free_init_freq_filter((1, 4, 16, 8, 12), "cpu", name, 4, spatial, temporal)
    ours = low_pass(changed(filter=name, spatial=spatial, temporal=temporal), (16, 8, 12))
    assert (torch.fft.fftshift(ours) - theirs[0, 0]).abs().max() < 1e-6


@pytest.mark.parametrize("shape", [(16, 8, 12), (15, 7, 9), (1, 5, 4)])
def test_filters_are_symmetric_and_keep_the_mean(shape: tuple[int, int, int]) -> None:
    """So that the result is real, for odd sizes too."""
    share = low_pass(FREE_INIT, shape)
    assert share.shape == shape and share[0, 0, 0] == 1
    assert torch.allclose(share, share.flip(0, 1, 2).roll((1, 1, 1), (0, 1, 2)))


def by_the_equations(clips: Tensor, noise: Tensor, sigma: float, fresh: Tensor) -> Tensor:
    """The paper's equations with the sums of a Fourier transform written out, in double precision."""

    def transform(x: Tensor, sign: int) -> Tensor:
        for axis in (-4, -2, -1):
            length = x.shape[axis]
            turns = torch.outer(torch.arange(length), torch.arange(length)).double() / length
            wave = torch.exp(sign * 2j * math.pi * turns)
            x = torch.tensordot(x.to(wave), wave, ([axis], [0])).movedim(-1, axis)
        return x

    def frequency(length: int) -> Tensor:
        return torch.tensor([2 * (k if k < length / 2 else k - length) / length for k in range(length)]).double()

    _, f, _, h, w = clips.shape
    square = frequency(f)[:, None, None] ** 2 + frequency(h)[:, None] ** 2 + frequency(w) ** 2
    share = (1 / (1 + (square / 0.25**2) ** 4))[:, None]
    noisy = (clips.double() + sigma * noise.double()) / math.sqrt(1 + sigma**2)
    kept = transform(noisy, -1) * share + transform(fresh.double(), -1) * (1 - share)
    return transform(kept, 1).real / (f * h * w)


@pytest.mark.parametrize("size", [(2, 8, 4, 6, 4), (1, 5, 4, 3, 7)])
def test_the_next_noise_equals_the_equations(size: tuple[int, ...]) -> None:
    clips, noise, fresh = (torch.randn(size, generator=torch.Generator().manual_seed(seed)) for seed in range(3))
    found = next_start(clips, noise, 14.6, fresh, FREE_INIT)
    assert (found - by_the_equations(clips, noise, 14.6, fresh)).abs().max() < 1e-5
    assert (found - by_the_equations(clips, noise, 10.0, fresh)).abs().max() > 1e-3


def test_noise_stays_noise_of_unit_variance() -> None:
    low, high = torch.randn(2, 1, 16, 4, 32, 32, generator=torch.Generator().manual_seed(1))
    share = low_pass(FREE_INIT, (16, 32, 32))
    assert mixed(low, high, share).std() == pytest.approx(float((share**2 + (1 - share) ** 2).mean().sqrt()), abs=0.01)
    assert (mixed(low, low, share) - low).abs().max() < 1e-5


def test_early_rounds_can_take_fewer_steps() -> None:
    assert round_steps(25, FREE_INIT) == [25, 25, 25]
    assert round_steps(25, changed(coarse_to_fine=True)) == [8, 16, 25]
    assert round_steps(2, changed(coarse_to_fine=True, rounds=5)) == [1, 1, 1, 1, 2]
    sigmas = torch.tensor([9.0, 7, 5, 3, 1, 0])
    assert fewer_sigmas(sigmas, 5).tolist() == sigmas.tolist()
    assert fewer_sigmas(sigmas, 2).tolist() == [9, 5, 0]
    assert fewer_sigmas(sigmas, 1).tolist() == [9, 0]


# Sampling runs


def again(model, result: Tensor, first: Tensor, seed: int) -> Tensor:
    """The noise of the next round, from the tested functions."""
    sampling = model.get_model_object("model_sampling")
    sigma = float(comfy.samplers.calculate_sigmas(sampling, "normal", STEPS)[0])
    latents = model.model.process_latent_in(result)
    fresh = torch.randn(first.shape, generator=torch.Generator().manual_seed(seed))
    return next_start(latents[None], first[None], sigma, fresh[None], FREE_INIT)[0]


@pytest.mark.parametrize("sampler", ["euler", "dpmpp_2m"])
def test_rounds_equal_runs_one_after_another(pair, animate, sampler: str) -> None:
    model, noise = animate(pair.model), start_noise()
    first = sample(model, sampler=sampler, steps=STEPS)
    second = sample(model, sampler=sampler, steps=STEPS, noise=again(model, first, noise, 3 + 1))
    found = sample(add_free_init(model, changed(rounds=2)), sampler=sampler, steps=STEPS)
    assert same(found, second, rounding=1e-4)
    assert not same(found, first, rounding=1e-2)


def test_one_round_is_the_plain_run(pair, animate) -> None:
    model = animate(pair.model)
    assert torch.equal(sample(add_free_init(model, changed(rounds=1)), steps=STEPS), sample(model, steps=STEPS))


@pytest.mark.parametrize("long", [windowed, host_windowed], ids=["ours", "the host's"])
@pytest.mark.parametrize("before", [True, False])
def test_free_noise_shuffles_the_first_round_only(pair, animate, long, before: bool) -> None:
    """Whichever node is first. The settings keep the noise as it is, so both rounds are alike."""
    keeping = changed(rounds=2, filter="ideal", spatial=1.5, temporal=1.5, sigma=1e6)
    model, shuffled = animate(pair.model), partial(long, freenoise=True)
    both = shuffled(add_free_init(model, keeping)) if before else add_free_init(shuffled(model), keeping)
    found, expected, plain = (long_sample(each, steps=1) for each in (both, shuffled(model), long(model)))
    assert same(found, expected, rounding=1e-2)
    assert not same(plain, expected, rounding=1e-2)


def test_clips_of_a_batch_are_separate(pair, animate) -> None:
    model = animate(pair.model, settings=dataclasses.replace(SETTINGS, clip_frames=4))
    noise = start_noise(8)
    other = torch.cat([noise[:4], start_noise(4, seed=99)])
    found = [sample(add_free_init(model, FREE_INIT), steps=2, noise=given) for given in (noise, other)]
    assert same(found[0][:4], found[1][:4]) and not same(found[0][4:], found[1][4:])


def test_kept_parts_of_a_picture_stay(pair, animate) -> None:
    """With latents, a mask and a denoise of 0.6. The sampler adds its noise to the latents in each round."""
    model, noise = add_free_init(animate(pair.model), FREE_INIT), start_noise()
    latents, mask = start_noise(seed=5), torch.zeros(4, 1, 8, 8)
    mask[..., 4:] = 1
    found = comfy.sample.sample(
        model, noise, STEPS, 5.0, "euler", "normal", conditioning(1), conditioning(2), latents, denoise=0.6,
        noise_mask=mask, disable_pbar=True, seed=3,
    )  # fmt: skip
    assert same(found[..., :4], latents[..., :4]) and not same(found[..., 4:], latents[..., 4:])


def test_progress_counts_the_steps_of_all_rounds(pair, animate) -> None:
    seen = []
    settings = changed(coarse_to_fine=True)
    sample(
        add_free_init(animate(pair.model), settings), steps=STEPS, callback=lambda i, _x0, _x, n: seen.append((i, n))
    )
    assert seen == [(step, 7) for step in range(7)]


def test_a_part_of_a_run_is_sampled_once(pair, animate) -> None:
    """Sigmas that do not end at 0, or a sampler that adds no noise."""
    warnings: list[str] = []
    model = animate(pair.model)
    again = add_free_init(model, changed(on_report=lambda _, found: warnings.extend(found)))
    zeros = torch.zeros(4, 4, 8, 8)
    for given in ({"noise": zeros}, {"last_step": 2}):
        noise = given.pop("noise", start_noise())
        runs = [
            comfy.sample.sample(
                each, noise, STEPS, 5.0, "euler", "normal", conditioning(1), conditioning(2), zeros, disable_pbar=True,
                seed=3, **given,
            )
            for each in (again, model)
        ]  # fmt: skip
        assert torch.equal(*runs) and warnings.pop() == NEEDS_WHOLE_RUN


@pytest.mark.parametrize("coarse_to_fine", [False, True])
def test_a_run_without_steps_is_that_of_the_model(pair, animate, coarse_to_fine: bool) -> None:
    """As behind the last step of Split Sigmas."""
    model = animate(pair.model)
    again = add_free_init(model, changed(coarse_to_fine=coarse_to_fine))
    euler, sigmas, zeros = comfy.samplers.sampler_object("euler"), torch.zeros(1), torch.zeros(4, 4, 8, 8)
    runs = [
        comfy.sample.sample_custom(
            each, start_noise(), 5.0, euler, sigmas, conditioning(1), conditioning(2), zeros, disable_pbar=True, seed=3
        )
        for each in (again, model)
    ]
    assert torch.equal(*runs)


def test_each_round_begins_with_an_empty_step_cache(pair, animate) -> None:
    skipped = []
    settings = StepCacheSettings(1e9, 0.0, 1.0, lambda report, _: skipped.append(report))
    sample(add_step_cache(add_free_init(animate(pair.model), FREE_INIT), settings), steps=STEPS)
    sample(add_step_cache(animate(pair.model), settings), steps=STEPS)
    assert skipped == ["Skipped 3 of 12 predictions in 4 steps.", "Skipped 1 of 4 predictions in 4 steps."]


def test_the_largest_seed_works(pair) -> None:
    """No seed of torch is larger, so that the next round has seed 0."""
    noise = start_noise(2)
    found = comfy.sample.sample(
        add_free_init(pair.model, FREE_INIT), noise, 1, 1.0, "euler", "normal", conditioning(1), conditioning(2),
        torch.zeros_like(noise), disable_pbar=True, seed=2**64 - 1,
    )  # fmt: skip
    assert found.isfinite().all()


def test_video_latents_are_refused(pair) -> None:
    reported: list[str] = []
    model = add_free_init(pair.model, changed(on_report=lambda report, _: reported.append(report)))
    with pytest.raises(MotionError, match="needs latents with one entry for each frame"):
        sample(model, noise=torch.zeros(1, 4, 3, 8, 8))
    assert len(reported) == 1


def test_trainings_run_once(pair, animate, monkeypatch: pytest.MonkeyPatch) -> None:
    model = animate(pair.model)
    monkeypatch.setattr(comfy.model_management, "in_training", True)
    assert torch.equal(sample(add_free_init(model, FREE_INIT)), sample(model))
