"""Sample settings become FreeNoise, Clip Noise, FreeInit, and the guidance of custom CFG."""

from collections.abc import Callable
from typing import Any

import pytest

from .graphs import Box, Converted, Graph, box, gen2, link, page, with_settings

Convert = Callable[[Graph], Converted]
WINDOWS, NOISE, OPTIONS = "ADXL_ContextWindows", "ADXL_ClipNoise", "ADXL_MotionOptions"
GUIDANCE, SCHEDULE, APPLY = "ADXL_GuidanceSchedule", "ADXL_StrengthSchedule", "ADXL_ApplyMotionModel"
SETTINGS = "ADE_AnimateDiffSamplingSettings"
USUAL = {
    "batch_offset": 0,
    "noise_type": "default",
    "seed_gen": "comfy",
    "seed_offset": 0,
    "adapt_denoise_steps": False,
}
CONTEXT = box("ADE_StandardStaticContextOptions", context_length=16, context_overlap=4)


def settings_graph(**inputs: Any) -> Graph:
    """Use Evolved Sampling with sample settings."""
    graph = with_settings(gen2(), sample_settings=link("settings", "SAMPLE_SETTINGS"))
    return graph | {"settings": box(SETTINGS, **USUAL | inputs)}


def test_usual_sample_settings_need_no_node(converted: Convert) -> None:
    result = converted(settings_graph())
    assert result.kinds == sorted([APPLY, "ADXL_LoadMotionModel", "CheckpointLoaderSimple", "KSampler"])
    assert "without it" in result.said(SETTINGS)


def test_freenoise_is_that_of_context_windows(converted: Convert) -> None:
    graph = settings_graph(noise_type="FreeNoise")
    assert "needs windows" in converted(graph).said(SETTINGS)
    graph = with_settings(graph, context_options=link("context", "CONTEXT_OPTIONS")) | {"context": CONTEXT}
    result = converted(graph)
    assert result.inputs(WINDOWS)["freenoise"] is True
    assert result.said(SETTINGS).strip() == "Its settings are now in AnimateDiff Context Windows."


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [({"seed_gen": "auto1111"}, ("one seed a frame", 1)), ({"noise_type": "constant"}, ("one seed a frame", 0))],
)
def test_noise_types_become_clip_noise(converted: Convert, theirs: dict[str, Any], ours: tuple[str, int]) -> None:
    result = converted(settings_graph(**theirs))
    noise = result.inputs(NOISE)
    assert (noise["kind"], noise["seed_step"]) == ours
    assert noise["model"] == (APPLY, 0) and result.inputs("KSampler")["model"] == (NOISE, 0)


@pytest.mark.parametrize(
    ("theirs", "word"),
    [
        ({"noise_type": "empty"}, "without noise"),
        ({"noise_type": "repeated_context"}, "FreeNoise"),
        ({"seed_gen": "comfy [gpu]"}, "CPU"),
        ({"seed_offset": 7}, "Add 7 to the seed"),
        ({"batch_offset": 5}, "5"),
    ],
)
def test_settings_of_noise_without_counterpart_are_reported(converted: Convert, theirs: dict, word: str) -> None:
    assert word in converted(settings_graph(**theirs)).said(SETTINGS)


def test_freeinit_goes_into_motion_options(converted: Convert) -> None:
    graph = settings_graph(iteration_opts=link("freeinit", "ITERATION_OPTS"))
    graph["freeinit"] = box(
        "ADE_IterationOptsFreeInit",
        iterations=3,
        filter="butterworth",
        d_s=0.2,
        d_t=0.3,
        n_butterworth=4,
        sigma_step=999,
        apply_to_1st_iter=False,
        init_type="FreeInit [model sigma]",
    )
    options = converted(graph).inputs(OPTIONS)
    assert (options["freeinit_rounds"], options["freeinit_filter"]) == (3, "butterworth")
    assert (options["freeinit_spatial"], options["freeinit_temporal"]) == (0.2, 0.3)


def cfg_graph(**nodes: Box) -> Graph:
    """Sample settings whose custom CFG is the node `cfg`."""
    return settings_graph(custom_cfg=link("cfg", "CUSTOM_CFG")) | nodes


def test_a_custom_cfg_goes_to_the_sampler(converted: Convert) -> None:
    result = converted(cfg_graph(cfg=box("ADE_CustomCFGSimple", cfg=3.5)))
    values = result.inputs("KSampler")
    if "cfg" not in values:  # in a page's graph, values of other packs have no names
        values = {"cfg": next(n for n in result.graph["nodes"] if n["type"] == "KSampler")["widgets_values"][3]}
    assert values["cfg"] == 3.5
    assert GUIDANCE not in result.kinds


def test_keyframes_of_cfg_multiply_that_of_the_sampler(converted: Convert) -> None:
    first = box("ADE_CustomCFGKeyframeSimple", cfg=4.0, start_percent=0.0)
    second = box(
        "ADE_CustomCFGKeyframeSimple", cfg=12.0, start_percent=0.5, prev_custom_cfg=link("first", "CUSTOM_CFG")
    )
    result = converted(cfg_graph(first=first, cfg=second))
    assert result.inputs(SCHEDULE)["points"] == "0: 0.5, 15: 1.5"  # 30 steps at cfg 8
    assert result.inputs(SCHEDULE)["interpolation"] == "step"
    assert result.inputs(GUIDANCE)["schedule"] == (SCHEDULE, 0)
    assert result.inputs("KSampler")["model"] == (GUIDANCE, 0)
    assert "Keep cfg 8" in result.said("ADE_CustomCFGKeyframeSimple")


def test_interpolated_cfg_is_a_line(converted: Convert) -> None:
    cfg = box(
        "ADE_CustomCFGKeyframeInterpolation",
        start_percent=0.0,
        end_percent=1.0,
        cfg_start=8.0,
        cfg_end=4.0,
        interpolation="linear",
        intervals=50,
        print_keyframes=False,
    )
    schedule = converted(cfg_graph(cfg=cfg)).inputs(SCHEDULE)
    assert (schedule["points"], schedule["interpolation"]) == ("0: 1, 30: 0.5", "linear")


def test_changes_of_the_guidance_are_those_of_comfyui(converted: Convert) -> None:
    cfg = box("ADE_CustomCFGSimple", cfg=8.0, cfg_extras=link("rescale", "CFG_EXTRAS"))
    rescale = box("ADE_CFGExtrasRescaleCFGSimple", multiplier=0.6, prev_extras=link("pag", "CFG_EXTRAS"))
    result = converted(cfg_graph(cfg=cfg, rescale=rescale, pag=box("ADE_CFGExtrasPAGSimple", scale=2.0)))
    assert result.inputs("RescaleCFG") == {"multiplier": 0.6, "model": (APPLY, 0)}
    assert result.inputs("PerturbedAttentionGuidance") == {"scale": 2.0, "model": ("RescaleCFG", 0)}
    assert result.inputs("KSampler")["model"] == ("PerturbedAttentionGuidance", 0)


def test_older_sample_settings_have_one_widget_more() -> None:
    """The page saved a seed before the last value. Read by position alone, its 0 would be a switch."""
    graph = page(settings_graph(seed_offset=3))
    node = next(node for node in graph["nodes"] if node["type"] == SETTINGS)
    node["widgets_values"] = [0, "constant", "comfy", 3, 11, False, ""]
    result = Converted(graph)
    assert result.inputs(NOISE)["seed_step"] == 0
    assert "seed_override" in result.said(SETTINGS) and "cannot be read" not in result.said(SETTINGS)
