"""`negative_strength` changes the motion of the negative side of CFG, and of nothing else."""

import dataclasses

import comfy.samplers
import pytest
import torch
from animatediff_xl.motion_models.conditioning.curves import FRAMES, STEPS, from_values
from animatediff_xl.motion_models.sampling.layout import ClipLayout, side_factor
from comfy_extras.nodes_custom_sampler import Guider_Basic, Guider_DualCFG
from comfy_extras.nodes_perpneg import Guider_PerpNeg

from tests.motion_models.conftest import SETTINGS
from tests.sampling import guided, sample, start_noise
from tests.small import conditioning
from tests.windowed import host_windowed, long_sample, same, windowed

WEAK = 0.6


@pytest.fixture
def trio(pair, animate):
    """MODELs of full strength, of a weak negative side, and of a weak strength on both sides."""
    settings = (
        SETTINGS,
        dataclasses.replace(SETTINGS, negative_strength=WEAK),
        dataclasses.replace(SETTINGS, strength=WEAK),
    )
    return [animate(pair.model, settings=each) for each in settings]


def with_both_sides(model):
    """ComfyUI then computes the negative side at cfg 1 too."""

    def cfg(args: dict) -> torch.Tensor:
        return args["uncond"] + args["cond_scale"] * (args["cond"] - args["uncond"])

    model = model.clone()
    model.set_model_sampler_cfg_function(cfg, disable_cfg1_optimization=True)
    return model


def test_only_the_negative_side_is_weaker(trio) -> None:
    """At cfg 0 a clip is the negative side alone, and at cfg 1 the positive side."""
    full, guided_model, weak = map(with_both_sides, trio)
    assert same(sample(guided_model, cfg=0.0), sample(weak, cfg=0.0))
    assert same(sample(guided_model, cfg=1.0), sample(full, cfg=1.0))
    assert not same(sample(full, cfg=0.0), sample(weak, cfg=0.0), rounding=1e-2)
    assert not same(sample(full, cfg=1.0), sample(weak, cfg=1.0), rounding=1e-2)


def dual_cfg(model, of_both: float, of_negative: float):
    guider = Guider_DualCFG(model)
    guider.set_conds(conditioning(1), conditioning(5), conditioning(2))
    guider.set_cfg(of_both, of_negative)
    return guided(guider)


def perp_neg(model, cfg: float):
    guider = Guider_PerpNeg(model)
    guider.set_conds(conditioning(1), conditioning(5), conditioning(2))
    guider.set_cfg(cfg, 0.0)
    return guided(guider)


def test_every_condition_that_a_guider_leaves_is_weaker(trio) -> None:
    """In DualCFGGuider, the first condition of a batch is negative, and the last is positive."""
    full, guided_model, weak = trio
    assert same(dual_cfg(guided_model, 0.0, 0.0), dual_cfg(weak, 0.0, 0.0))
    assert same(dual_cfg(guided_model, 0.0, 1.0), dual_cfg(weak, 0.0, 1.0))
    assert same(perp_neg(guided_model, 0.0), perp_neg(weak, 0.0))
    assert same(dual_cfg(guided_model, 1.0, 1.0), dual_cfg(full, 1.0, 1.0))


def test_a_node_that_computes_one_side_gets_that_strength(trio) -> None:
    """It is the first condition of its batch, whichever side it is."""

    def only(name: str, model):
        def post_cfg(args):
            (result,) = comfy.samplers.calc_cond_batch(
                args["model"], [args[name]], args["input"], args["sigma"], args["model_options"]
            )
            return result

        model = model.clone()
        model.set_model_sampler_post_cfg_function(post_cfg)
        return sample(model)

    full, guided_model, weak = trio
    assert same(only("uncond", guided_model), only("uncond", weak))
    assert same(only("cond", guided_model), only("cond", full))


RISING, FALLING = from_values([0.1 * frame for frame in range(10)], FRAMES), from_values([0.9, 0.3], STEPS)
MASK, MASKS = torch.rand(1, 8, 8), torch.rand(8, 8, 8)
CASES = {
    "one mask": ({"mask": MASK}, lambda model: model),
    "strengths and masks of frames": ({"strength_schedule": (RISING, FALLING), "mask": MASKS}, lambda model: model),
    "in windows": ({"strength_schedule": (RISING,), "mask": MASKS}, lambda model: windowed(model, per_batch=2)),
    "in moving windows": ({"mask": MASK}, lambda model: windowed(model, schedule="looped_uniform")),
    "in windows of the motion modules": ({"mask": MASKS}, lambda model: windowed(model, in_motion_modules=True)),
    "in the host's windows": ({"mask": MASKS}, host_windowed),
    "several clips": ({"clip_frames": 4, "mask": MASKS[:4]}, lambda model: model),
    "several clips in windows": ({"clip_frames": 4, "strength_schedule": (RISING,)}, lambda model: windowed(model, 3)),
}


@pytest.mark.parametrize("case", CASES)
def test_both_sides_in_one_call_equal_two_calls(pair, animate, monkeypatch, case: str) -> None:
    """When memory is short, the host computes the sides one by one."""
    changes, in_windows = CASES[case]
    settings = dataclasses.replace(SETTINGS, negative_strength=WEAK, **changes)
    model = in_windows(animate(pair.model, settings=settings))
    plain = in_windows(animate(pair.model, settings=dataclasses.replace(settings, negative_strength=1.0)))
    together = long_sample(model, 8, steps=1)
    assert not same(long_sample(plain, 8, steps=1), together, rounding=1e-3)
    monkeypatch.setattr(type(model), "get_free_memory", lambda *_: 0)
    assert same(long_sample(model, 8, steps=1), together, rounding=1e-4)


def test_each_motion_model_has_its_own_negative_strength(pair, animate) -> None:
    def twice(name: str, first: float, second: float):
        settings = [dataclasses.replace(SETTINGS, **{name: value}) for value in (first, second)]
        return with_both_sides(animate(animate(pair.model, settings=settings[0]), settings=settings[1]))

    found = sample(twice("negative_strength", WEAK, 0.8), cfg=0.0)
    assert same(found, sample(twice("strength", WEAK, 0.8), cfg=0.0))
    assert not same(found, sample(twice("strength", 0.8, WEAK), cfg=0.0), rounding=1e-3)


def test_tiles_in_the_batch_keep_their_side() -> None:
    """The order is [tile][condition][clip][frame]."""
    layout = ClipLayout(frames=2, frame_indices=(0, 1), conditions=2, tiles=3)
    options = {"cond_or_uncond": [1, 0], "sigmas": torch.ones(2)}
    found = side_factor(0.5, layout, torch.zeros(12, 4, 2, 2), options, torch.float32)
    assert found.tolist() == [[0.5, 0.5], [1, 1]] * 3
    one_side = options | {"cond_or_uncond": [1, 1]}
    assert side_factor(0.5, layout, torch.zeros(12, 4, 2, 2), one_side, torch.float32) == 0.5
    assert side_factor(1.0, layout, torch.zeros(12, 4, 2, 2), options, torch.float32) == 1.0


def basic(model):
    guider = Guider_Basic(model)
    guider.set_conds(conditioning(1))
    return guided(guider)


@pytest.mark.parametrize("run", [lambda model: sample(model, cfg=1.0), basic], ids=["cfg 1", "basic guider"])
def test_a_run_without_negative_side_says_so_once(pair, animate, run) -> None:
    reported = []
    settings = dataclasses.replace(SETTINGS, negative_strength=WEAK, on_report=lambda _, found: reported.append(found))
    assert torch.equal(run(animate(pair.model, settings=settings)), run(animate(pair.model)))
    assert sum("negative_strength has no effect" in text for found in reported for text in found) == 1
    reported.clear()
    sample(animate(pair.model, settings=settings), noise=start_noise(8))
    run(animate(pair.model, settings=dataclasses.replace(settings, negative_strength=1.0)))
    assert not any("negative_strength" in text for found in reported for text in found)
