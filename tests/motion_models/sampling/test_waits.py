"""A step does not wait for the device or copy to it: its inputs are copied once in a run.

The device of these tests is torch's `meta`, whose numbers cannot be read. On a GPU `benchmarks/waits.py` counts.
"""

import dataclasses

import pytest
import torch
from animatediff_xl.motion_models.conditioning.curves import FRAMES, STEPS, from_values
from animatediff_xl.motion_models.files.loading import open_motion_file
from animatediff_xl.motion_models.sampling.apply import AUTO_BETA_SCHEDULE
from animatediff_xl.motion_models.sampling.forward import is_active
from animatediff_xl.motion_models.sampling.motion_config import motion_configs
from animatediff_xl.motion_models.sampling.run import RUN, SamplingRun, run_of

from tests.counting import Crossings
from tests.motion_models.conftest import SETTINGS
from tests.small import CONTEXT, host_model

CLIP, CONDITIONS = 4, 2
RISING = (from_values([0.0, 0.5, 1.0], FRAMES),)
FALLING = (from_values([1.0, 0.0], STEPS),)

CASES = {
    "as it comes": SETTINGS,
    "strength over frames": dataclasses.replace(SETTINGS, strength_schedule=RISING),
    "one mask": dataclasses.replace(SETTINGS, mask=torch.rand(1, 24, 24)),
    "a mask for each frame": dataclasses.replace(SETTINGS, mask=torch.rand(CLIP, 24, 24), strength_schedule=RISING),
    "several clips": dataclasses.replace(SETTINGS, clip_frames=2),
    "negative strength": dataclasses.replace(SETTINGS, negative_strength=0.7),
}


def crossings_of_a_step(model) -> list[str]:
    """Copies between devices and reads from them in a model call, after the start of the run."""
    model.pre_run()
    base = model.model
    model.model_options["transformer_options"][RUN] = SamplingRun()
    for config in motion_configs(model):  # a run reads the sampling object once, which fails on `meta`
        is_active(config.settings, base.model_sampling, 1.0, run_of(model.model_options["transformer_options"]))
    for network in (base, *(other.model for other in model.get_additional_models())):
        network.to("meta")
    x = torch.empty(CONDITIONS * CLIP, 4, 8, 8, device="meta")
    sigmas = torch.tensor([5.0, 1.0, 0.0])
    options = model.model_options["transformer_options"] | {
        "cond_or_uncond": list(range(CONDITIONS)), "sigmas": sigmas[:1], "sample_sigmas": sigmas,
    }  # fmt: skip
    given = {"c_crossattn": torch.empty(len(x), 7, CONTEXT, device="meta"), "transformer_options": options}
    given["y"] = torch.empty(len(x), base.diffusion_model.label_emb[0][0].in_features, device="meta")
    for _call in range(2):
        with Crossings() as crossings:
            base.apply_model(x, torch.empty(len(x), device="meta"), **given)
    return crossings.seen


@pytest.fixture
def own_motion(motion):
    """The same file, whose weights may be moved to another device."""
    return open_motion_file(motion.path)


@pytest.fixture
def model(pair):
    """A MODEL that may be moved to another device."""
    weights = {key: value.clone() for key, value in pair.model.model.diffusion_model.state_dict().items()}
    return host_model(weights)


@pytest.mark.parametrize("case", CASES)
def test_motion_adds_no_device_wait_or_copy(model, own_motion, animate, case: str) -> None:
    animated = animate(model, own_motion, CASES[case])
    assert crossings_of_a_step(animated) == crossings_of_a_step(model)


def test_clip_norms_and_beta_schedules_add_no_device_wait(model, own_motion, animate) -> None:
    animated = animate(model, open_motion_file(own_motion.path, "HotshotXL"), schedule=AUTO_BETA_SCHEDULE)
    assert crossings_of_a_step(animated) == crossings_of_a_step(model)


def test_a_scheduled_lora_adds_no_device_wait(model, own_motion, animate, rising_lora) -> None:
    animated = animate(model, own_motion, loras=(rising_lora,))
    assert crossings_of_a_step(animated) == crossings_of_a_step(model)


@pytest.mark.parametrize(
    "settings",
    [dataclasses.replace(SETTINGS, strength_schedule=FALLING), dataclasses.replace(SETTINGS, start_percent=0.1)],
    ids=["schedule over steps", "start_percent"],
)
def test_settings_over_steps_read_sigma_only_once(model, own_motion, animate, settings) -> None:
    twice = animate(animate(model, own_motion, settings), own_motion, settings)
    assert sorted(crossings_of_a_step(twice)) == sorted([*crossings_of_a_step(model), Crossings.ASKED])
