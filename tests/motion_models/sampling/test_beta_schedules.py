"""Beta schedules against the formulas of the papers and against diffusers' schedulers."""

import comfy.samplers
import pytest
import torch
from animatediff_xl.motion_models.sampling.apply import AUTO_BETA_SCHEDULE, KEEP_BETA_SCHEDULE
from animatediff_xl.motion_models.sampling.beta_schedules import BETA_SCHEDULES, training_sigmas
from comfy_extras.nodes_model_advanced import ModelSamplingDiscrete
from diffusers import DDIMScheduler, EulerDiscreteScheduler, LCMScheduler

from tests.sampling import sample

SIGMA_MAX = {
    "AnimateDiff SDXL": 65.929,
    "AnimateDiff SD1.5": 25.146,
    "SDXL": 14.615,
    "AnimateLCM": 25.146,
    "AnimateLCM-I2V": 41.668,
}
DIFFUSERS = {
    "AnimateDiff SDXL": ("scaled_linear", 0.020),
    "AnimateDiff SD1.5": ("linear", 0.012),
    "SDXL": ("scaled_linear", 0.012),
    "AnimateLCM": ("linear", 0.012),
    "AnimateLCM-I2V": ("linear", 0.014),
}


@pytest.mark.parametrize("name", BETA_SCHEDULES)
def test_sigmas_equal_those_of_diffusers(name: str) -> None:
    beta_schedule, end = DIFFUSERS[name]
    alphas = DDIMScheduler(beta_start=0.00085, beta_end=end, beta_schedule=beta_schedule).alphas_cumprod.double()
    ours = training_sigmas(BETA_SCHEDULES[name])
    assert (ours / ((1 - alphas) / alphas).sqrt() - 1).abs().max() < 3e-5
    assert ours[-1] == pytest.approx(SIGMA_MAX[name], abs=1e-3)


@pytest.mark.parametrize("choice", [AUTO_BETA_SCHEDULE, *BETA_SCHEDULES])
def test_the_chosen_beta_schedule_reaches_the_sampler(pair, animate, choice: str) -> None:
    expected = SIGMA_MAX["AnimateDiff SDXL" if choice == AUTO_BETA_SCHEDULE else choice]
    sampling = animate(pair.model, schedule=choice).get_model_object("model_sampling")
    assert sampling.sigma_max == pytest.approx(expected, abs=1e-3)
    assert pair.model.get_model_object("model_sampling").sigma_max == pytest.approx(14.615, abs=1e-3)


def test_the_reference_settings_give_the_authors_sigmas(pair, animate) -> None:
    """Euler over 100 steps with leading spacing, as the authors run it, is the host's ddim_uniform."""
    sampling = animate(pair.model, schedule=AUTO_BETA_SCHEDULE).get_model_object("model_sampling")
    ours = comfy.samplers.calculate_sigmas(sampling, "ddim_uniform", 100)
    euler = EulerDiscreteScheduler(
        beta_start=0.00085, beta_end=0.020, beta_schedule="scaled_linear", timestep_spacing="leading", steps_offset=1
    )
    euler.set_timesteps(100)
    assert torch.allclose(ours, euler.sigmas, rtol=3e-5)
    assert ours[0] == pytest.approx(60.8368, rel=3e-5)


@pytest.mark.parametrize("kind", ["eps", "v_prediction", "lcm"])
def test_the_prediction_type_is_kept(pair, animate, kind: str) -> None:
    (base,) = ModelSamplingDiscrete().patch(pair.model, kind, False)
    before = base.get_model_object("model_sampling")
    after = animate(base, schedule=AUTO_BETA_SCHEDULE).get_model_object("model_sampling")
    assert isinstance(after, type(before))
    assert after.sigma_max == pytest.approx(65.929, abs=1e-3)
    noisy, output, sigma = torch.randn(1, 4, 2, 2), torch.randn(1, 4, 2, 2), torch.tensor([2.0])
    if kind != "lcm":  # LCM's formula takes the timestep, which the schedule is meant to change
        assert torch.equal(
            after.calculate_denoised(sigma, output, noisy), before.calculate_denoised(sigma, output, noisy)
        )


def test_lcm_keeps_its_steps_with_new_sigmas(pair, animate) -> None:
    (base,) = ModelSamplingDiscrete().patch(pair.model, "lcm", False)
    after = animate(base, schedule="AnimateDiff SD1.5").get_model_object("model_sampling")
    expected = training_sigmas(BETA_SCHEDULES["AnimateDiff SD1.5"])[19::20].float()
    assert torch.equal(after.sigmas, expected)


@pytest.mark.parametrize(("name", "steps"), [("AnimateLCM", 100), ("AnimateLCM-I2V", 200)])
def test_consistency_models_use_the_steps_of_their_distillation(pair, animate, name: str, steps: int) -> None:
    _, end = DIFFUSERS[name]
    lcm = LCMScheduler(beta_schedule="linear", beta_start=0.00085, beta_end=end, original_inference_steps=steps)
    lcm.set_timesteps(steps)
    alphas = lcm.alphas_cumprod[lcm.timesteps.flip(0)]
    sampling = animate(pair.model, schedule=name).get_model_object("model_sampling")
    assert torch.allclose(sampling.sigmas, ((1 - alphas) / alphas).sqrt(), rtol=3e-5)
    assert torch.equal(sampling.timestep(sampling.sigmas), lcm.timesteps.flip(0))


def test_consistency_models_denoise_as_diffusers_does(pair, animate) -> None:
    lcm = LCMScheduler(beta_schedule="linear", beta_start=0.00085, beta_end=0.012, original_inference_steps=100)
    lcm.set_timesteps(100)
    sampling = animate(pair.model, schedule="AnimateLCM").get_model_object("model_sampling")
    noisy, predicted = torch.randn(2, 1, 4, 3, 3, generator=torch.Generator().manual_seed(0))
    for timestep in (999, 509, 19):
        alpha = lcm.alphas_cumprod[timestep]
        sigma = ((1 - alpha) / alpha).sqrt().reshape(1)
        ours = sampling.calculate_denoised(sigma, predicted, noisy)
        theirs = lcm.step(predicted, timestep, noisy * alpha.sqrt()).denoised
        c_skip = lcm.get_scalings_for_boundary_condition_discrete(timestep)[0]
        # the two scale the term of c_skip differently; it is 1e-5 or less at these steps
        assert (ours - theirs).abs().max() < 1e-4 + c_skip * noisy.abs().max()


def test_a_zero_terminal_snr_model_keeps_zero_terminal_snr(pair, animate) -> None:
    (base,) = ModelSamplingDiscrete().patch(pair.model, "v_prediction", True)
    after = animate(base, schedule=AUTO_BETA_SCHEDULE).get_model_object("model_sampling")
    assert after.sigma_max > 4000
    assert after.sigma_min == pytest.approx(0.0292, abs=1e-4)


@pytest.mark.parametrize("schedule", ["AnimateDiff SDXL", "AnimateLCM"])
def test_models_sampled_in_turn_keep_their_own_sigmas(pair, still, animate, schedule: str) -> None:
    """With dynamic VRAM the host would give one the sigmas of the other (Comfy-Org/ComfyUI issue 16490)."""
    models = pair.model, animate(pair.model, still, schedule=schedule), animate(pair.model, schedule="SDXL")
    sampling = [model.get_model_object("model_sampling") for model in models]
    sigmas = [one.sigmas.clone() for one in sampling]
    first = [sample(model) for model in models]
    for _ in range(2):
        assert all(torch.equal(sample(model), clip) for model, clip in zip(models, first, strict=True))
    assert all(torch.equal(one.sigmas, own) for one, own in zip(sampling, sigmas, strict=True))
    assert not torch.equal(first[0], first[1])


def test_keeping_the_beta_schedule_changes_nothing(pair, animate) -> None:
    kept = animate(pair.model, schedule=KEEP_BETA_SCHEDULE)
    assert kept.get_model_object("model_sampling") is pair.model.get_model_object("model_sampling")
