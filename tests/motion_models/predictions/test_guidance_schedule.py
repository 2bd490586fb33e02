"""Guidance that follows a strength schedule."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from animatediff_xl.motion_models.conditioning.curves import FRAMES as OVER_FRAMES
from animatediff_xl.motion_models.conditioning.curves import STEPS as OVER_STEPS
from animatediff_xl.motion_models.conditioning.curves import Curve, from_text, from_values
from animatediff_xl.motion_models.predictions.guidance_schedule import add_guidance_schedule
from comfy_extras.nodes_model_advanced import RescaleCFG
from torch import Tensor

from tests.motion_models.conftest import SETTINGS
from tests.motion_models.sampling.test_composition import basic, dual_cfg, perp_neg
from tests.sampling import FRAMES, sample
from tests.windowed import CLIP, host_windowed, long_sample, same, windowed

CFG = 5.0


def scheduled(model: Any, *curves: Curve, reports: list | None = None) -> Any:
    return add_guidance_schedule(model, curves, lambda _, warnings: reports is None or reports.extend(warnings))


def over_frames(*values: float) -> Curve:
    return from_values(values, OVER_FRAMES)


def check_frames(found: Tensor, model: Any, factors: Sequence[float]) -> None:
    """Each frame must be that of a sampling with its own cfg. Frames of MODEL must not see each other."""
    for frame, factor in enumerate(factors):
        assert same(found[frame], sample(model, cfg=CFG * factor)[frame], rounding=1e-4)


FACTORS = (1.0, 0.5, 0.2, 1.4)


@pytest.mark.parametrize("run", [sample, basic, dual_cfg, perp_neg])
def test_a_schedule_of_ones_changes_nothing(pair, animate, run) -> None:
    model = animate(pair.model)
    ones = scheduled(model, over_frames(1, 1, 1), from_text("0: 1, 9: 1", "cubic", OVER_STEPS))
    assert torch.equal(run(ones), run(model)) and ones is not model


@pytest.mark.parametrize("cfg", [2.0, 0.0, 9.0])
def test_a_constant_schedule_is_another_cfg(pair, animate, cfg: float) -> None:
    model = animate(pair.model)
    for curve in (over_frames(cfg / CFG), from_values([cfg / CFG], OVER_STEPS)):
        assert same(sample(scheduled(model, curve), cfg=CFG), sample(model, cfg=cfg), rounding=1e-4)


def test_each_frame_has_its_own_cfg(pair) -> None:
    check_frames(sample(scheduled(pair.model, over_frames(*FACTORS)), cfg=CFG), pair.model, FACTORS)


@pytest.mark.parametrize("windows", [windowed, host_windowed])
def test_frames_are_those_of_the_clip_in_windows(pair, windows) -> None:
    values = [0.2 + 0.1 * frame for frame in range(CLIP)]
    found = long_sample(windows(scheduled(pair.model, over_frames(*values))), cfg=CFG)
    for frame in (0, 3, 9):
        expected = long_sample(windows(pair.model), cfg=CFG * values[frame])[frame]
        assert same(found[frame], expected, rounding=1e-4)


def test_each_clip_of_a_batch_has_the_same_schedule(pair, animate, still) -> None:
    model = animate(pair.model, still, settings=dataclasses.replace(SETTINGS, clip_frames=2))
    check_frames(sample(scheduled(model, over_frames(1, 0.5)), cfg=CFG), model, (1, 0.5, 1, 0.5))


@pytest.mark.parametrize("sampler", ["euler", "heun"])
def test_each_step_has_its_own_cfg(pair, animate, monkeypatch, sampler: str) -> None:
    """Also with a sampler that looks twice at a step."""
    model = animate(pair.model)
    scales = []
    watched = model.clone()
    watched.set_model_sampler_cfg_function(lambda args: scales.append(args["cond_scale"]) or args["cond"])
    sample(scheduled(watched, from_values([1, 0.5, 0.2], OVER_STEPS)), cfg=CFG, steps=3, sampler=sampler)
    steps = [0, 1, 2] if sampler == "euler" else [0, 1, 1, 2, 2]
    assert scales == pytest.approx([CFG * (1, 0.5, 0.2)[step] for step in steps])


def test_schedules_are_multiplied(pair, animate) -> None:
    model = animate(pair.model)
    once = scheduled(model, over_frames(0.5), from_values([0.8], OVER_STEPS))
    twice = scheduled(scheduled(model, over_frames(0.5)), from_values([0.8], OVER_STEPS))
    for found in (once, twice):
        assert same(sample(found, cfg=CFG), sample(model, cfg=0.4 * CFG), rounding=1e-4)


def test_the_cfg_function_of_an_earlier_node_is_called(pair) -> None:
    (rescaled,) = RescaleCFG().patch(pair.model, 0.7)
    check_frames(sample(scheduled(rescaled, over_frames(*FACTORS)), cfg=CFG), rescaled, FACTORS)


def test_the_guidance_of_a_later_cfg_function_is_scaled(pair) -> None:
    """It replaces that of the schedule, because a MODEL has only one."""
    model = scheduled(pair.model, over_frames(0.5))
    model.set_model_sampler_cfg_function(lambda args: args["uncond"] + 2 * (args["cond"] - args["uncond"]))
    assert same(sample(model, cfg=CFG), sample(pair.model, cfg=1.0), rounding=1e-4)


@pytest.mark.parametrize("run", [basic, dual_cfg, perp_neg])
def test_schedules_work_with_any_guider(pair, animate, run) -> None:
    model = animate(pair.model)
    found = run(scheduled(model, over_frames(*[0.5] * FRAMES)))
    assert not same(found, run(model), rounding=1e-2)


def test_perp_neg_has_the_scheduled_cfg(pair, monkeypatch) -> None:
    """Its guider computes its guidance itself."""
    found = perp_neg(scheduled(pair.model, over_frames(0.5)))
    monkeypatch.setattr("comfy_extras.nodes_perpneg.Guider_PerpNeg.set_cfg", half_cfg)
    assert same(found, perp_neg(pair.model), rounding=1e-4)


def half_cfg(guider: Any, cfg: float, neg_scale: float) -> None:
    guider.cfg, guider.neg_scale = cfg / 2, neg_scale


def test_cfg_1_is_reported_and_changes_nothing(pair, animate) -> None:
    model, reports = animate(pair.model), []
    found = sample(scheduled(model, over_frames(0.5, 2), reports=reports), cfg=1.0)
    assert same(found, sample(model, cfg=1.0))
    (report,) = reports
    assert report.startswith("The schedule changes nothing, because ComfyUI leaves out the negative prompt at cfg 1")
    sample(scheduled(model, over_frames(0.5, 2), reports=reports), cfg=2.0)
    assert len(reports) == 1


def test_scheduled_guidance_leaves_its_model_unchanged(pair, animate) -> None:
    model = animate(pair.model)
    before, options = sample(model), set(model.model_options)
    sample(scheduled(model, over_frames(0.5)))
    assert torch.equal(sample(model), before) and set(model.model_options) == options
