"""Loaders, Use Evolved Sampling, MotionLoRAs and context options become Load, Apply and Context Windows."""

from collections.abc import Callable

import pytest
from animatediff_xl.motion_models.conversion.tables.values import BETA_SCHEDULES
from animatediff_xl.motion_models.sampling.apply import BETA_SCHEDULE_CHOICES

from .graphs import CHECKPOINT, MODEL, Box, Converted, Graph, box, gen2, link, sampler, with_settings

Convert = Callable[[Graph], Converted]

LOAD, APPLY, LORA, WINDOWS = (
    "ADXL_LoadMotionModel",
    "ADXL_ApplyMotionModel",
    "ADXL_LoadMotionLoRA",
    "ADXL_ContextWindows",
)
SAMPLED = (APPLY, 0)


@pytest.mark.parametrize(
    "loader",
    [
        box("ADE_AnimateDiffLoaderGen1", model_name="mm.ckpt", beta_schedule="autoselect", model=MODEL),
        box("ADE_AnimateDiffLoaderWithContext", model_name="mm.ckpt", beta_schedule="autoselect", model=MODEL),
    ],
    ids=lambda loader: loader.kind,
)
def test_a_loader_becomes_load_and_apply(converted: Convert, loader: Box) -> None:
    result = converted({"checkpoint": CHECKPOINT, "use": loader, "sampler": sampler()})
    assert result.kinds == [APPLY, LOAD, "CheckpointLoaderSimple", "KSampler"]
    assert result.inputs("KSampler")["model"] == SAMPLED
    applied = result.inputs(APPLY)
    assert applied["model"] == ("CheckpointLoaderSimple", 0) and applied["motion_model"] == (LOAD, 0)
    assert result.inputs(LOAD)["motion_model"] == "mm.ckpt"
    assert (applied["beta_schedule"], applied["strength"]) == ("auto", 1.0)


def test_the_oldest_loader_passes_its_latents_on(converted: Convert) -> None:
    graph = {
        "checkpoint": CHECKPOINT,
        "latents": box("EmptyLatentImage", width=512, height=512, batch_size=16),
        "use": box(
            "AnimateDiffLoaderV1",
            model_name="mm.ckpt",
            unlimited_area_hack=False,
            model=MODEL,
            latents=link("latents", "LATENT"),
            beta_schedule="sqrt_linear (AnimateDiff)",
        ),
        "sampler": box("KSampler", seed=1, model=link("use", "MODEL"), latent_image=link("use", "LATENT", 1)),
    }
    result = converted(graph)
    assert result.inputs("KSampler")["latent_image"] == ("EmptyLatentImage", 0)
    assert result.inputs(APPLY)["beta_schedule"] == "AnimateDiff SD1.5"


def test_use_evolved_sampling_becomes_load_and_apply(converted: Convert) -> None:
    result = converted(gen2())
    assert result.kinds == [APPLY, LOAD, "CheckpointLoaderSimple", "KSampler"]
    assert result.inputs("KSampler")["model"] == SAMPLED
    assert result.inputs(LOAD)["motion_model"] == "mm_sdxl_v10_beta.ckpt"
    assert "same seed gives another clip" in result.said("ADE_UseEvolvedSampling")


def test_two_motion_models_run_in_the_same_order(converted: Convert) -> None:
    graph = gen2()
    second = box("ADE_LoadAnimateDiffModel", model_name="second.ckpt")
    previous = box(
        "ADE_ApplyAnimateDiffModel", start_percent=0.2, end_percent=0.9, motion_model=link("load", "MOTION_MODEL_ADE")
    )
    graph = {"previous": previous, "second": second} | graph
    graph["apply"] = box(
        "ADE_ApplyAnimateDiffModel",
        start_percent=0.0,
        end_percent=1.0,
        motion_model=link("second", "MOTION_MODEL_ADE"),
        prev_m_models=link("previous", "M_MODELS"),
    )
    result = converted(graph)
    first, last = result.inputs(APPLY), result.inputs(APPLY, 1)
    # AnimateDiff-Evolved puts a later one before the earlier ones
    assert first["model"] == ("CheckpointLoaderSimple", 0) and last["model"] == (APPLY, 0)
    assert (first["start_percent"], last["start_percent"]) == (0.0, 0.2)
    assert (last["end_percent"], last["beta_schedule"]) == (0.9, "keep the model's")
    assert [result.inputs(LOAD, number)["motion_model"] for number in range(2)] == [
        "second.ckpt",
        "mm_sdxl_v10_beta.ckpt",
    ]


def test_a_chain_of_motion_loras_keeps_its_order_and_strengths(converted: Convert) -> None:
    graph = gen2(motion_lora=link("second", "MOTION_LORA"))
    graph["first"] = box("ADE_AnimateDiffLoRALoader", name="v2_lora_PanLeft.ckpt", strength=0.7)
    graph["second"] = box(
        "ADE_AnimateDiffLoRALoader",
        name="v2_lora_ZoomIn.ckpt",
        strength=0.4,
        prev_motion_lora=link("first", "MOTION_LORA"),
    )
    result = converted(graph)
    pan, zoom = result.inputs(LORA), result.inputs(LORA, 1)
    assert (pan["lora"], pan["strength"]) == ("v2_lora_PanLeft.ckpt", 0.7) and "previous" not in pan
    assert (zoom["lora"], zoom["strength"], zoom["previous"]) == ("v2_lora_ZoomIn.ckpt", 0.4, (LORA, 0))
    assert result.inputs(APPLY)["motion_lora"] == (LORA, 0)


CONTEXTS = {
    "ADE_StandardStaticContextOptions": (
        {"context_length": 12, "context_overlap": 3, "fuse_method": "relative"},
        "standard_static",
    ),
    "ADE_StandardUniformContextOptions": (
        {"context_length": 12, "context_stride": 2, "context_overlap": 3, "fuse_method": "overlap-linear"},
        "standard_uniform",
    ),
    "ADE_LoopedUniformContextOptions": (
        {"context_length": 12, "context_stride": 2, "context_overlap": 3, "closed_loop": True, "fuse_method": "flat"},
        "looped_uniform",
    ),
    "ADE_AnimateDiffUniformContextOptions": (
        {
            "context_length": 12,
            "context_stride": 2,
            "context_overlap": 3,
            "context_schedule": "uniform",
            "closed_loop": True,
        },
        "looped_uniform",
    ),
    "ADE_BatchedContextOptions": ({"context_length": 12}, "batched"),
}


@pytest.mark.parametrize("kind", CONTEXTS)
def test_context_options_keep_their_values(converted: Convert, kind: str) -> None:
    values, schedule = CONTEXTS[kind]
    graph = with_settings(gen2(), context_options=link("context", "CONTEXT_OPTIONS"))
    result = converted(graph | {"context": box(kind, **values)})
    windows = result.inputs(WINDOWS)
    expected = {name: value for name, value in values.items() if name != "context_schedule"}
    assert expected.items() <= windows.items()
    assert windows["context_schedule"] == schedule
    assert windows["model"] == (APPLY, 0) and result.inputs("KSampler")["model"] == (WINDOWS, 0)
    assert windows["freenoise"] is False
    if kind == "ADE_AnimateDiffUniformContextOptions":
        assert windows["fuse_method"] == "flat"  # its default, in graphs that do not save it


def test_views_are_windows_in_the_motion_modules(converted: Convert) -> None:
    graph = with_settings(gen2(), context_options=link("context", "CONTEXT_OPTIONS"))
    graph["context"] = box("ADE_ViewsOnlyContextOptions", view_opts_req=link("view", "VIEW_OPTS"))
    graph["view"] = box("ADE_StandardUniformViewOptions", view_length=12, view_stride=2, view_overlap=3)
    windows = converted(graph).inputs(WINDOWS)
    assert (windows["context_length"], windows["context_stride"], windows["context_overlap"]) == (12, 2, 3)
    assert (windows["context_schedule"], windows["windows_in"]) == ("standard_uniform", "motion modules")


def test_settings_of_windows_without_counterpart_are_reported(converted: Convert) -> None:
    context = box(
        "ADE_StandardStaticContextOptions",
        context_length=16,
        context_overlap=20,
        fuse_method="\U0001f52cgauss-sigma",
        use_on_equal_length=True,
        start_percent=0.3,
    )
    graph = with_settings(gen2(), context_options=link("context", "CONTEXT_OPTIONS"))
    result = converted(graph | {"context": context})
    assert (result.inputs(WINDOWS)["fuse_method"], result.inputs(WINDOWS)["context_overlap"]) == ("pyramid", 15)
    said = result.said(context.kind)
    assert all(word in said for word in ("gauss-sigma", "use_on_equal_length", "20", "0.3"))


@pytest.mark.parametrize("theirs", BETA_SCHEDULES)
def test_beta_schedules_are_ours_or_reported(converted: Convert, theirs: str) -> None:
    ours, same = BETA_SCHEDULES[theirs]
    result = converted(with_settings(gen2(), beta_schedule=theirs))
    assert result.inputs(APPLY)["beta_schedule"] == ours
    assert ours in BETA_SCHEDULE_CHOICES
    assert ("has no counterpart" in result.said("ADE_UseEvolvedSampling")) == (not same)


def test_a_sigma_schedule_overrides_the_beta_schedule(converted: Convert) -> None:
    graph = with_settings(gen2(), sample_settings=link("settings", "SAMPLE_SETTINGS"))
    graph["settings"] = box("ADE_AnimateDiffSamplingSettings", sigma_schedule=link("sigmas", "SIGMA_SCHEDULE"))
    graph["sigmas"] = box("ADE_SigmaSchedule", beta_schedule="linear (AnimateDiff-SDXL)")
    assert converted(graph).inputs(APPLY)["beta_schedule"] == "AnimateDiff SDXL"


def test_a_beta_schedule_of_the_checkpoint_is_used(converted: Convert) -> None:
    graph = with_settings(gen2(), beta_schedule="use existing")
    graph["checkpoint"] = box(
        "CheckpointLoaderSimpleWithNoiseSelect", ckpt_name="sdxl.safetensors", beta_schedule="sqrt_linear (AnimateDiff)"
    )
    result = converted(graph)
    assert result.inputs(APPLY)["beta_schedule"] == "AnimateDiff SD1.5"
    assert result.inputs("CheckpointLoaderSimple") == {"ckpt_name": "sdxl.safetensors"}


def test_a_motion_model_that_never_ran_is_left_out(converted: Convert) -> None:
    graph = gen2()
    graph["first"] = box(
        "ADE_AnimateDiffLoaderGen1", model_name="replaced.ckpt", beta_schedule="autoselect", model=MODEL
    )
    graph["use"] = Box(graph["use"].kind, graph["use"].values, graph["use"].links | {"model": link("first", "MODEL")})
    result = converted(graph)
    assert [inputs["motion_model"] for kind, inputs in result.nodes.values() if kind == LOAD] == [
        "mm_sdxl_v10_beta.ckpt"
    ]
    assert result.inputs(APPLY)["model"] == ("CheckpointLoaderSimple", 0)
    assert "left out" in result.said("ADE_AnimateDiffLoaderGen1")


def test_motion_models_that_we_cannot_run_stay(converted: Convert) -> None:
    graph = gen2()
    graph["apply"] = box(
        "ADE_ApplyAnimateDiffModelWithPIA",
        start_percent=0.0,
        end_percent=1.0,
        motion_model=link("load", "MOTION_MODEL_ADE"),
    )
    result = converted(graph)
    assert result.inputs("KSampler")["model"] == ("ADE_UseEvolvedSampling", 0)
    assert result.inputs("ADE_UseEvolvedSampling")["m_models"] == ("ADE_ApplyAnimateDiffModelWithPIA", 0)
    assert "PIA needs AnimateDiff-Evolved" in result.said("ADE_ApplyAnimateDiffModelWithPIA")
