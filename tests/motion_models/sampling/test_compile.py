"""With torch.compile the motion is the same, without graph breaks."""

import dataclasses

import pytest
import torch
from animatediff_xl.motion_models.conditioning.curves import FRAMES as OVER_FRAMES
from animatediff_xl.motion_models.conditioning.curves import STEPS, from_values
from animatediff_xl.motion_models.files.loading import MotionFile, open_motion_file
from animatediff_xl.motion_models.network.block_strengths import block_strengths
from animatediff_xl.motion_models.sampling.apply import KEEP_BETA_SCHEDULE, apply_motion_model
from animatediff_xl.motion_models.sampling.motion_config import MotionSettings
from animatediff_xl.motion_models.sampling.motion_options import MotionOptions, add_motion_options
from comfy_api.torch_helpers import set_torch_compile_wrapper

from tests.motion_models.conftest import SETTINGS
from tests.sampling import sample

COMPILED = {
    "motion in every step": SETTINGS,
    "motion in some steps": dataclasses.replace(SETTINGS, start_percent=0.4, end_percent=0.7),
    "another strength in each step": dataclasses.replace(
        SETTINGS, strength_schedule=(from_values([0.0, 1.0, 0.3], STEPS),)
    ),
    "another strength in each frame": dataclasses.replace(
        SETTINGS, strength_schedule=(from_values([0.2, 1.0], OVER_FRAMES),)
    ),
}


@pytest.mark.nightly  # each traces the whole UNet several times
@pytest.mark.parametrize("family", ["AnimateDiff SDXL beta", "HotshotXL"])
@pytest.mark.parametrize("settings", COMPILED.values(), ids=COMPILED)
@pytest.mark.parametrize("compiled_first", [True, False], ids=["compiled, then animated", "animated, then compiled"])
def test_a_compiled_model_gives_the_same_clip(pair, motion, settings, family: str, compiled_first: bool) -> None:
    """In either order of the nodes, with any family and settings."""
    check_compiled(pair.model, open_motion_file(motion.path, family), settings, compiled_first)


@pytest.mark.measured  # two minutes
def test_motion_can_change_in_a_compiled_model(pair, motion, rising_lora) -> None:
    """Compiled graphs belong to the UNet and not to the MODEL, so MODELs of one UNet share them."""
    moving, with_lora = (
        apply_motion_model(pair.model, motion, SETTINGS, KEEP_BETA_SCHEDULE, loras) for loras in ((), (rising_lora,))
    )
    check_in_turn(pair.model, moving, with_lora, pair.model)


@pytest.mark.nightly
def test_settings_and_families_can_change_in_a_compiled_model(pair, motion) -> None:
    clip_norms = open_motion_file(motion.path, "HotshotXL")
    weaker = dataclasses.replace(SETTINGS, strength=0.5)
    models = (
        apply_motion_model(pair.model, file, settings, KEEP_BETA_SCHEDULE)
        for file, settings in ((motion, SETTINGS), (motion, weaker), (clip_norms, SETTINGS))
    )
    check_in_turn(*models, pair.model)


@pytest.mark.nightly
def test_options_can_change_in_a_compiled_model(pair, motion) -> None:
    plain = apply_motion_model(pair.model, motion, SETTINGS, KEEP_BETA_SCHEDULE)
    slow, sharp = (
        add_motion_options(plain, MotionOptions(**options))
        for options in ({"stretch": 2.0}, {"sharpness": 2.0, "strengths": block_strengths("up: 0")})
    )
    check_in_turn(slow, sharp, plain, slow)


def check_in_turn(*models) -> None:
    torch._dynamo.reset()
    for model in models:
        assert torch.allclose(sample(compiled(model), steps=1), sample(model, steps=1), atol=1e-5)


def check_compiled(model, file: MotionFile, settings: MotionSettings, compiled_first: bool) -> None:
    def animated(model):
        return apply_motion_model(model, file, settings, KEEP_BETA_SCHEDULE)

    torch._dynamo.reset()
    plain = animated(model)
    fast = animated(compiled(model)) if compiled_first else compiled(plain)
    breaks = torch._dynamo.utils.counters["graph_break"]
    breaks.clear()
    assert torch.allclose(sample(fast, steps=3), sample(plain, steps=3), atol=1e-5)
    assert not breaks


def compiled(model):
    """With a back end that needs no compiler. As in the host's TorchCompileModel, options have no guards."""
    model = model.clone()
    options = {"guard_filter_fn": lambda guards: ["transformer_options" not in guard.name for guard in guards]}
    set_torch_compile_wrapper(model, backend="eager", options=options)
    return model
