"""Clips with given frames, sampled on the small models by the host."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import comfy.sample
import comfy.samplers
import pytest
import torch
from animatediff_xl.motion_models import host
from animatediff_xl.motion_models.errors import MotionError
from animatediff_xl.motion_models.files.loading import open_motion_file
from animatediff_xl.motion_models.pictures import sampling
from animatediff_xl.motion_models.pictures.clip import KeptFrames, cross_faded, noise_mask
from animatediff_xl.motion_models.sampling.apply import KEEP_BETA_SCHEDULE
from animatediff_xl.motion_models.sampling.motion_config import log_warnings
from comfy_extras.nodes_differential_diffusion import DifferentialDiffusion
from torch import Tensor

from nodes import KSamplerAdvanced, RepeatLatentBatch
from tests.motion_models.conftest import SETTINGS
from tests.small import SD15, conditioning, save, small_pair
from tests.windowed import CLIP, host_windowed, same, windowed


def with_given_frames(model, on_error=log_warnings):
    return sampling.with_given_frames(model, on_error)


def given_clip(places: tuple[int, ...] = (0, CLIP - 1), hold: float = 8.0, frames: int = CLIP) -> dict[str, Tensor]:
    """A LATENT with random given frames."""
    latents = torch.randn(len(places), 4, 8, 8, generator=torch.Generator().manual_seed(5))
    kept = KeptFrames(latents, places, frames)
    return {"samples": cross_faded(kept), "noise_mask": noise_mask(kept, hold)}


def run(model, latent: dict[str, Tensor], sampler: str = "euler", scheduler: str = "normal", steps: int = 3,
        seed: int = 7) -> Tensor:  # fmt: skip
    """KSampler's own function."""
    noise = comfy.sample.prepare_noise(latent["samples"], seed)
    return comfy.sample.sample(
        model, noise, steps, 5.0, sampler, scheduler, conditioning(1), conditioning(2), latent["samples"],
        noise_mask=latent.get("noise_mask"), disable_pbar=True, seed=seed,
    )  # fmt: skip


def keeps_given_frames(found: Tensor, latent: dict[str, Tensor]) -> bool:
    """Whether the given frames are equal bit for bit, and no other frame is."""
    is_equal = (found == latent["samples"]).flatten(1).all(1)
    return torch.equal(is_equal, latent["noise_mask"].amax((1, 2, 3)) == 0)


@dataclass
class Spy:
    """The noise masks of the steps of a run."""

    model: host.ModelPatcher

    def __post_init__(self) -> None:
        self.masks: list[list[float]] = []
        inner = self.model.model_options["denoise_mask_function"]

        def spied(sigma: Tensor, mask: Tensor, extra_options: dict) -> Tensor:
            found = inner(sigma, mask, extra_options=extra_options)
            self.masks.append(found.flatten(1).amax(1).tolist())
            return found

        self.model.set_model_denoise_mask_function(spied)


WINDOWS: dict[str, Callable] = {
    "one window": lambda model: model,
    "our windows": windowed,
    "our windows, FreeNoise": lambda model: windowed(model, free_noise=True),
    "our windows, a closed loop": lambda model: windowed(model, schedule="looped_uniform", closed_loop=True),
    "the host's windows": host_windowed,
}


@pytest.mark.parametrize("windows", WINDOWS)
def test_given_frames_stay_in_windows(pair, animate, windows: str) -> None:
    latent = given_clip()
    model = with_given_frames(WINDOWS[windows](animate(pair.model)))
    found = run(model, latent)
    assert keeps_given_frames(found, latent)


FEW_SAMPLERS = ("euler", "euler_ancestral", "heun", "dpm_fast", "dpmpp_2m_sde", "ddpm", "lcm", "uni_pc")
SAMPLERS = [
    pytest.param(name, marks=() if name in FEW_SAMPLERS else pytest.mark.nightly)
    for name in comfy.samplers.KSampler.SAMPLERS
]


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_given_frames_stay_with_every_sampler(pair, sampler: str) -> None:
    """Some evaluate a step twice, and some leave noise at the end."""
    latent = given_clip(frames=4, places=(0, 3), hold=2.0)
    found = run(with_given_frames(pair.model), latent, sampler, steps=2)
    assert found.isfinite().all() and keeps_given_frames(found, latent)


@pytest.mark.parametrize("scheduler", comfy.samplers.KSampler.SCHEDULERS)
def test_given_frames_stay_with_every_scheduler(pair, scheduler: str) -> None:
    latent = given_clip(frames=4, places=(0, 3), hold=2.0)
    assert keeps_given_frames(run(with_given_frames(pair.model), latent, scheduler=scheduler), latent)


def test_given_frames_are_never_denoised(pair) -> None:
    """Not even in a step at the smallest sigma, where the host's own node sets every frame free."""
    latent = given_clip(frames=4, places=(0, 3))
    spy = Spy(with_given_frames(pair.model))
    run(spy.model, latent)
    assert [[mask[0], mask[3]] for mask in spy.masks] == [[0, 0]] * 3
    host_spy = Spy(DifferentialDiffusion.execute(pair.model)[0])
    run(host_spy.model, latent)
    assert [mask[0] for mask in host_spy.masks] == [0, 0, 1]


def test_a_clip_is_sampled_in_one_run(pair) -> None:
    """A second part would keep the noise of the first in the given frames."""
    reported: list[str] = []
    model = with_given_frames(pair.model, lambda text, _: reported.append(text))
    latent = given_clip(frames=4, places=(0,))

    def part(given: dict[str, Tensor], add_noise: str, start: int, end: int, leave_noise: str) -> dict[str, Tensor]:
        prompts = conditioning(1), conditioning(2)
        return KSamplerAdvanced().sample(
            model, add_noise, 7, 4, 5.0, "euler", "normal", *prompts, given, start, end, leave_noise
        )[0]

    first = part(latent, "enable", 0, 2, "enable")
    assert not torch.equal(first["samples"][0], latent["samples"][0])
    with pytest.raises(MotionError, match="cannot be sampled in two parts") as error:
        part(first, "disable", 2, 4, "disable")
    assert reported == [f"Error: {error.value}"]
    assert keeps_given_frames(part(latent, "enable", 0, 4, "disable")["samples"], latent)


def test_given_frames_stay_on_sd15(animate, tmp_path) -> None:
    pair = small_pair(base=SD15, mid=True)
    motion = open_motion_file(save(pair.motion, tmp_path / "mm_sd_v15_v2.safetensors"))
    latent = given_clip()
    found = run(with_given_frames(animate(pair.model, motion)), latent)
    assert keeps_given_frames(found, latent)


class OwnGuider(comfy.samplers.CFGGuider):
    """A guider that predicts in its own way, as other packs have them."""

    def predict_noise(self, x: Tensor, timestep: Tensor, model_options: dict | None = None, seed: int | None = None):
        positive, negative = comfy.samplers.calc_cond_batch(
            self.inner_model, [self.conds["positive"], self.conds["negative"]], x, timestep, model_options
        )
        return 2 * positive - negative


@pytest.mark.parametrize("guider", [comfy.samplers.CFGGuider, OwnGuider])
def test_given_frames_stay_with_every_guider(pair, animate, guider: type[comfy.samplers.CFGGuider]) -> None:
    latent = given_clip()
    guides = guider(with_given_frames(animate(pair.model)))
    guides.set_conds(conditioning(1), conditioning(2))
    sigmas = comfy.samplers.calculate_sigmas(guides.model_patcher.get_model_object("model_sampling"), "normal", 3)
    noise = comfy.sample.prepare_noise(latent["samples"], 7)
    euler = comfy.samplers.sampler_object("euler")
    found = guides.sample(
        noise, latent["samples"], euler, sigmas, denoise_mask=latent["noise_mask"], disable_pbar=True, seed=7
    )
    assert keeps_given_frames(found, latent)


def test_frames_are_set_free_by_their_distance(pair) -> None:
    """The mask rises by 0.2 a frame. In 4 steps the thresholds are 1, 0.67, 0.33 and 0."""
    spy = Spy(with_given_frames(pair.model))
    run(spy.model, given_clip(places=(0,), hold=5.0, frames=6), steps=4)
    assert spy.masks == [
        [0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 1, 1],
        [0, 0, 1, 1, 1, 1],
        [0, 1, 1, 1, 1, 1],
    ]


def test_denoising_is_that_of_the_hosts_node(pair, animate) -> None:
    """Where no step is at the smallest sigma."""
    model, latent = animate(pair.model), given_clip()
    is_free = latent["noise_mask"].amax((1, 2, 3)) > 0
    ours = run(with_given_frames(model), latent, scheduler="ddim_uniform")
    theirs = run(DifferentialDiffusion.execute(model)[0], latent, scheduler="ddim_uniform")
    assert torch.equal(ours[is_free], theirs[is_free])


def test_without_hold_the_mask_is_an_ordinary_noise_mask(pair, animate) -> None:
    model, latent = animate(pair.model), given_clip(hold=0.0)
    is_free = latent["noise_mask"].amax((1, 2, 3)) > 0
    assert torch.equal(run(with_given_frames(model), latent)[is_free], run(model, latent)[is_free])


def test_nothing_changes_without_a_noise_mask(pair, animate) -> None:
    model = animate(pair.model)
    latent = {"samples": torch.zeros(4, 4, 8, 8)}
    before = run(model, latent)
    assert torch.equal(run(with_given_frames(model), latent), before)
    assert torch.equal(run(model, latent), before)
    assert "denoise_mask_function" not in model.model_options


def test_several_clips_in_a_batch_equal_each_alone(pair, motion, animate) -> None:
    """The host's Repeat Latent Batch makes several clips with the same pictures of one."""
    settings = replace(SETTINGS, clip_frames=4)
    model = with_given_frames(animate(pair.model, motion, settings, KEEP_BETA_SCHEDULE))
    latent = given_clip(places=(0,), hold=2.0, frames=4)
    (both,) = RepeatLatentBatch().repeat(latent, 2)
    together = run(model, both)
    noise = comfy.sample.prepare_noise(both["samples"], 7)
    for clip in range(2):
        frames = slice(4 * clip, 4 * clip + 4)
        alone = comfy.sample.sample(
            model, noise[frames], 3, 5.0, "euler", "normal", conditioning(1), conditioning(2), latent["samples"],
            noise_mask=latent["noise_mask"], disable_pbar=True, seed=7,
        )  # fmt: skip
        assert same(together[frames], alone)
    assert not same(together[:4], together[4:], 1e-2)


def test_a_second_pass_keeps_the_given_frames(pair, animate) -> None:
    """The host's samplers pass the noise mask on."""
    latent = given_clip()
    model = with_given_frames(animate(pair.model))
    again = run(model, latent | {"samples": run(model, latent)}, seed=8)
    assert keeps_given_frames(again, latent)
