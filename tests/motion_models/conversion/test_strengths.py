"""Multivals, keyframes and value schedules become strengths, schedules and masks."""

from collections.abc import Callable
from typing import Any

import pytest
from animatediff_xl.motion_models.conditioning.curves import from_text
from animatediff_xl.motion_models.conversion.reading.schedules import points_of

from .graphs import Converted, Graph, box, gen2, link

Convert = Callable[[Graph], Converted]
APPLY, SCHEDULE, OPTIONS = "ADXL_ApplyMotionModel", "ADXL_StrengthSchedule", "ADXL_MotionOptions"
EFFECT = link("effect", "MULTIVAL")
MASK = box("LoadImageMask", image="mask.png", channel="red")


def test_a_multival_is_a_strength_and_a_mask(converted: Convert) -> None:
    graph = gen2(effect_multival=EFFECT) | {"mask": MASK}
    graph["effect"] = box("ADE_MultivalDynamic", float_val=1.2, mask_optional=link("mask", "MASK"))
    applied = converted(graph).inputs(APPLY)
    assert (applied["strength"], applied["mask"]) == (1.2, ("LoadImageMask", 0))


def test_a_scaled_mask_is_a_mask_with_its_largest_strength(converted: Convert) -> None:
    graph = gen2(effect_multival=EFFECT) | {"mask": MASK}
    graph["effect"] = box("ADE_MultivalScaledMask", min_float_val=0.0, max_float_val=1.5, mask=link("mask", "MASK"))
    result = converted(graph)
    assert (result.inputs(APPLY)["strength"], result.inputs(APPLY)["mask"]) == (1.5, ("LoadImageMask", 0))
    assert "Black" not in result.said("ADE_MultivalScaledMask")
    graph["effect"].values["min_float_val"] = 0.5
    assert "Black in the mask means no motion now" in converted(graph).said("ADE_MultivalScaledMask")


def test_a_strength_beyond_our_limits_is_reported(converted: Convert) -> None:
    graph = gen2(effect_multival=EFFECT) | {"effect": box("ADE_MultivalDynamic", float_val=12.5)}
    result = converted(graph)
    assert result.inputs(APPLY)["strength"] == 10.0
    assert "12.5" in result.said("ADE_ApplyAnimateDiffModelSimple")


def test_a_linked_number_stays_linked(converted: Convert) -> None:
    graph = gen2(effect_multival=EFFECT) | {"number": box("PrimitiveFloat", value=0.5)}
    graph["effect"] = box("ADE_MultivalDynamic", float_val=link("number", "FLOAT"))
    assert converted(graph).inputs(APPLY)["strength"] == ("PrimitiveFloat", 0)


def test_a_value_schedule_becomes_a_strength_schedule(converted: Convert) -> None:
    graph = gen2(effect_multival=EFFECT)
    graph["effect"] = box("ADE_MultivalDynamicFloats", floats=link("values", "FLOATS", 1))
    graph["values"] = box(
        "ADE_ValueScheduling", values="0 = 0.5, 8: = 1.0, -1 = 0", print_schedule=False, max_length=24
    )
    result = converted(graph)
    assert result.inputs(APPLY)["schedule"] == (SCHEDULE, 0)
    schedule = result.inputs(SCHEDULE)
    assert (schedule["points"], schedule["over"]) == ("0: 0.5, 8: 1, 22: 1, 23: 0", "frames")
    assert schedule["interpolation"] == "linear"


def test_a_list_of_another_pack_feeds_a_strength_schedule(converted: Convert) -> None:
    graph = gen2(effect_multival=EFFECT) | {"numbers": box("SplineEditor", points="")}
    graph["effect"] = box("ADE_MultivalDynamicFloatInput", float_val=link("numbers", "FLOAT"))
    result = converted(graph)
    assert result.inputs(SCHEDULE)["values"] == ("SplineEditor", 0)
    assert result.inputs(APPLY)["schedule"] == (SCHEDULE, 0)


VALUES = [
    ("0 = 1.0, 8 = .5", 0, {0: 1.0, 4: 0.75, 8: 0.5, 20: 0.5}),
    ('"0": 1.0, "8": .5,', 0, {0: 1.0, 8: 0.5}),
    ("0: = (1.0), 8 = (0.5)", 0, {0: 1.0, 7: 1.0, 8: 0.5}),
    ("4 = 2, 8 = 0", 0, {0: 2.0, 6: 1.0}),
    ("0:4 = 1, 4 = 0", 0, {0: 1.0, 3: 1.0, 4: 0.0}),
    (".5 = 1, 1. = 0", 16, {0: 1.0, 8: 1.0, 15: 0.0}),
    ("0 = 0, -1 = 1", 11, {5: 0.5, 10: 1.0}),
]


@pytest.mark.parametrize(("text", "frames", "expected"), VALUES)
def test_points_give_the_values_of_their_grammar(text: str, frames: int, expected: dict[int, float]) -> None:
    points = points_of(text, frames)
    assert points is not None
    values = from_text(points, "linear", "frames").at(list(expected))
    assert values.tolist() == pytest.approx(list(expected.values()))


@pytest.mark.parametrize("text", ["", "8", "0 = x", "-1 = 1", ".5 = 1", "8 = 1, 0 = 2", "0 = nan", ":8 = 1"])
def test_values_that_cannot_be_read_give_no_points(text: str) -> None:
    assert points_of(text, 0) is None


def test_keyframes_become_a_schedule_over_the_steps(converted: Convert) -> None:
    graph = gen2(ad_keyframes=link("second", "AD_KEYFRAMES"))
    graph["first"] = box(
        "ADE_AnimateDiffKeyframe", start_percent=0.2, inherit_missing=True, effect_multival=link("strong", "MULTIVAL")
    )
    graph["strong"] = box("ADE_MultivalDynamic", float_val=1.5)
    graph["second"] = box(
        "ADE_AnimateDiffKeyframe",
        start_percent=0.6,
        inherit_missing=False,
        prev_ad_keyframes=link("first", "AD_KEYFRAMES"),
    )
    result = converted(graph)
    schedule = result.inputs(SCHEDULE)
    assert schedule["points"] == "0: 1, 6: 1.5, 18: 1"  # of the sampler's 30 steps
    assert (schedule["interpolation"], schedule["over"]) == ("step", "sampling steps")
    assert result.inputs(APPLY)["schedule"] == (SCHEDULE, 0)
    assert "30 steps" in result.said("ADE_AnimateDiffKeyframe")


def test_frames_and_keyframes_are_multiplied(converted: Convert) -> None:
    graph = gen2(effect_multival=EFFECT, ad_keyframes=link("keyframe", "AD_KEYFRAMES"))
    graph["effect"] = box("ADE_MultivalDynamicFloats", floats=link("values", "FLOATS", 1))
    graph["values"] = box("ADE_ValueScheduling", values="0 = 0.5, 8 = 1.0")
    graph["keyframe"] = box("ADE_AnimateDiffKeyframe", start_percent=0.5, effect_multival=link("off", "MULTIVAL"))
    graph["off"] = box("ADE_MultivalDynamic", float_val=0.0)
    result = converted(graph)
    over_frames, over_steps = result.inputs(SCHEDULE), result.inputs(SCHEDULE, 1)
    assert (over_frames["over"], over_steps["over"]) == ("frames", "sampling steps")
    assert over_steps["multiply_by"] == (SCHEDULE, 0)


PLACES: list[tuple[str, str, str]] = [
    ("ADE_PerBlockHighLevel", "down", "down: 0.5"),
    ("ADE_PerBlock_SDXL_MidLevel", "up_2", "up 2: 0.5"),
    ("ADE_PerBlock_SD15_LowLevel", "down_1__0", "down 1.0: 0.5"),
    ("ADE_PerBlock_SDXL_MidLevel", "mid", "mid: 0.5"),
]


@pytest.mark.parametrize(("kind", "place", "text"), PLACES)
def test_strengths_of_blocks_go_into_motion_options(converted: Convert, kind: str, place: str, text: str) -> None:
    graph = gen2(per_block=link("blocks", "PER_BLOCK"))
    places: dict[str, Any] = {place: link("block", "AD_BLOCK")}
    graph["blocks"] = box(kind, **places)
    graph["block"] = box("ADE_ADBlockCombo", effect=link("half", "MULTIVAL"))
    graph["half"] = box("ADE_MultivalDynamic", float_val=0.5)
    options = converted(graph).inputs(OPTIONS)
    assert options["block_strengths"] == text
    assert options["model"] == (APPLY, 0)


def test_the_motion_scale_is_the_sharpness_of_the_attention(converted: Convert) -> None:
    graph = gen2(scale_multival=link("scale", "MULTIVAL")) | {"scale": box("ADE_MultivalDynamic", float_val=1.25)}
    result = converted(graph)
    assert result.inputs(OPTIONS)["sharpness"] == 1.25
    assert result.inputs("KSampler")["model"] == (OPTIONS, 0)
    legacy = box(
        "ADE_AnimateDiffLoaderWithContext",
        model_name="mm.ckpt",
        beta_schedule="autoselect",
        motion_scale=1.1,
        apply_v2_models_properly=True,
        model=link("checkpoint", "MODEL"),
    )
    graph = {name: node for name, node in gen2().items() if name in ("checkpoint", "sampler")}
    assert converted(graph | {"use": legacy}).inputs(OPTIONS)["sharpness"] == 1.1


def test_a_longer_sweetspot_is_a_stretch(converted: Convert) -> None:
    graph = gen2()
    graph["load"].links["ad_settings"] = link("settings", "AD_SETTINGS")
    graph["settings"] = box("ADE_AnimateDiffSettings", pe_adjust=link("sweetspot", "PE_ADJUST"))
    graph["sweetspot"] = box("ADE_AdjustPESweetspotStretch", sweetspot=16, new_sweetspot=24)
    assert converted(graph).inputs(OPTIONS)["stretch"] == 1.5
