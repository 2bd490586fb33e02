"""Motion guidance adds the difference of the positive side from the same with weaker motion."""

import dataclasses

import pytest
import torch
from animatediff_xl.motion_models.errors import MotionError
from animatediff_xl.motion_models.predictions.motion_guidance import set_motion_guidance
from animatediff_xl.motion_models.sampling.motion_config import GuidanceSettings
from comfy_extras.nodes_custom_sampler import Guider_Basic

from tests.motion_models.conftest import SETTINGS
from tests.sampling import guided, sample
from tests.small import conditioning
from tests.windowed import host_windowed, long_sample, same, windowed

SCALE, WEAK = 1.5, 0.4


def with_guidance(model, scale: float = SCALE, strength: float = WEAK, start: float = 0.0, end: float = 1.0):
    return set_motion_guidance(model, GuidanceSettings(scale, strength, start, end))


def basic(model):
    guider = Guider_Basic(model)
    guider.set_conds(conditioning(1))
    return guided(guider, steps=1)


def at_cfg_one(model):
    return long_sample(model, 8, cfg=1.0, steps=1)


MASKED = dataclasses.replace(SETTINGS, mask=torch.rand(8, 8, 8))
RUNS = {
    "cfg 1": (SETTINGS, lambda model: model, at_cfg_one),
    "basic guider": (SETTINGS, lambda model: model, basic),
    "masks in windows": (MASKED, windowed, at_cfg_one),
    "the host's windows": (SETTINGS, host_windowed, at_cfg_one),
}


@pytest.mark.parametrize("case", RUNS)
def test_the_result_moves_away_from_weaker_motion(pair, animate, case: str) -> None:
    """The result of a single step is the prediction itself."""
    settings, in_windows, run = RUNS[case]
    weaker = dataclasses.replace(settings, strength=WEAK)
    full, weak = (run(in_windows(animate(pair.model, settings=each))) for each in (settings, weaker))
    expected = full + SCALE * (full - weak)
    assert same(run(with_guidance(in_windows(animate(pair.model, settings=settings)))), expected)
    assert same(run(animate(in_windows(with_guidance(pair.model)), settings=settings)), expected)
    assert not same(full, expected, rounding=1e-2)


def test_guidance_works_together_with_cfg_and_negative_strength(pair, animate) -> None:
    settings = dataclasses.replace(SETTINGS, negative_strength=0.6)
    weaker = dataclasses.replace(SETTINGS, strength=WEAK)
    both, free = (sample(model, steps=1) for model in (
        with_guidance(animate(pair.model, settings=settings)), animate(pair.model, settings=settings)
    ))  # fmt: skip
    full, weak = (sample(animate(pair.model, settings=each), cfg=1.0, steps=1) for each in (SETTINGS, weaker))
    assert same(both, free + SCALE * (full - weak))


@pytest.mark.parametrize("neutral", [{"scale": 0.0}, {"strength": 1.0}], ids=str)
def test_neutral_guidance_is_bit_equal_to_none(pair, animate, neutral: dict) -> None:
    model = animate(pair.model)
    assert torch.equal(sample(with_guidance(model, **neutral)), sample(model))


@pytest.mark.parametrize(("start", "end", "more"), [(0.0, 1.0, 4), (0.0, 0.5, 2), (0.5, 1.0, 2)])
def test_guidance_takes_a_model_call_in_its_steps(pair, animate, start: float, end: float, more: int) -> None:
    def calls(model) -> int:
        seen: list[int] = []
        model = model.clone()

        def counted(apply_model, args: dict) -> torch.Tensor:
            seen.append(1)
            return apply_model(args["input"], args["timestep"], **args["c"])

        model.set_model_unet_function_wrapper(counted)
        sample(model, cfg=1.0, steps=4)
        return len(seen)

    model = animate(pair.model)
    assert calls(with_guidance(model, start=start, end=end)) == calls(model) + more


def test_guidance_without_motion_is_refused(pair) -> None:
    with pytest.raises(MotionError, match="needs motion: put Apply AnimateDiff Motion Model"):
        sample(with_guidance(pair.model))


def test_a_model_takes_one_motion_guidance(pair, animate) -> None:
    with pytest.raises(MotionError, match="two AnimateDiff Motion Guidance nodes"):
        with_guidance(with_guidance(animate(pair.model)))
    with pytest.raises(MotionError, match="set end_percent to more than start_percent"):
        with_guidance(pair.model, start=0.5, end=0.5)
