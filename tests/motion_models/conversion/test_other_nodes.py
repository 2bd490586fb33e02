"""Latents, saving, pictures of windows and hooks become ComfyUI's own nodes, and the rest is reported."""

from collections.abc import Callable
from typing import Any

import pytest
from animatediff_xl.motion_models.conversion.rules.rules import RULES
from animatediff_xl.motion_models.conversion.tables.direct import DIRECT
from animatediff_xl.motion_models.conversion.tables.made_nodes import MADE
from animatediff_xl.motion_models.conversion.tables.their_nodes import THEIR_WIDGETS

from .graphs import CHECKPOINT, Converted, Graph, box, gen2, link

Convert = Callable[[Graph], Converted]
FRAMES = box("LoadImage", image="frame.png")


def test_large_empty_latents_are_comfyuis(converted: Convert) -> None:
    graph = {"latents": box("ADE_EmptyLatentImageLarge", width=768, height=512, batch_size=120)}
    graph["sampler"] = box("KSampler", seed=1, latent_image=link("latents", "LATENT"))
    result = converted(graph)
    assert result.inputs("EmptyLatentImage") == {"width": 768, "height": 512, "batch_size": 120}
    assert result.inputs("KSampler")["latent_image"] == ("EmptyLatentImage", 0)


def test_a_clip_is_saved_as_it_was(converted: Convert) -> None:
    values: dict[str, Any] = {"frame_rate": 12, "loop_count": 0, "filename_prefix": "clip"}
    combine = {"pingpong": False, "save_image": True, "images": link("frames", "IMAGE")}
    graph = {"frames": FRAMES, "save": box("ADE_AnimateDiffCombine", **values, format="image/gif", **combine)}
    saved = converted(graph).inputs("SaveAnimatedWEBP")
    assert (saved["fps"], saved["filename_prefix"], saved["images"]) == (12.0, "clip", ("LoadImage", 0))
    graph["save"] = box("ADE_AnimateDiffCombine", **values, format="video/h264-mp4", **combine | {"pingpong": True})
    result = converted(graph)
    assert result.inputs("CreateVideo")["fps"] == 12.0
    assert result.inputs("SaveVideo")["video"] == ("CreateVideo", 0)
    assert "back and forth" in result.said("ADE_AnimateDiffCombine")


def test_a_picture_of_windows_is_a_window_plan(converted: Convert) -> None:
    graph = {
        "checkpoint": CHECKPOINT,
        "context": box("ADE_LoopedUniformContextOptions", context_length=12, context_stride=2, context_overlap=3),
        "plan": box(
            "ADE_VisualizeContextOptionsK",
            sampler_name="euler",
            scheduler="simple",
            visual_width=1440,
            latents_length=64,
            steps=25,
            denoise=1.0,
            model=link("checkpoint", "MODEL"),
            context_opts=link("context", "CONTEXT_OPTIONS"),
        ),
        "preview": box("PreviewImage", images=link("plan", "IMAGE")),
    }
    plan = converted(graph).inputs("ADXL_WindowPlan")
    assert (plan["frames"], plan["steps"], plan["context_length"], plan["context_stride"]) == (64, 25, 12, 2)
    assert plan["context_schedule"] == "looped_uniform"


def test_hooks_and_conditions_become_comfyuis(converted: Convert) -> None:
    graph = {
        "checkpoint": CHECKPOINT,
        "hook": box(
            "ADE_RegisterLoraHook",
            lora_name="style.safetensors",
            strength_model=0.8,
            strength_clip=0.6,
            model=link("checkpoint", "MODEL"),
            clip=link("checkpoint", "CLIP", 1),
        ),
        "keyed": box(
            "ADE_SetLoraHookKeyframe", lora_hook=link("hook", "HOOKS", 2), hook_kf=link("keyframe", "HOOK_KEYFRAMES")
        ),
        "keyframe": box("ADE_LoraHookKeyframe", strength_model=0.5, start_percent=0.4, guarantee_steps=1),
        "text": box("CLIPTextEncode", text="a cat", clip=link("hook", "CLIP", 1)),
        "props": box(
            "ADE_ConditioningSetMask",
            strength=0.9,
            set_cond_area="default",
            cond_ADD=link("text", "CONDITIONING"),
            opt_lora_hook=link("keyed", "HOOKS"),
        ),
        "sampler": box("KSampler", seed=1, model=link("hook", "MODEL"), positive=link("props", "CONDITIONING")),
    }
    result = converted(graph)
    assert result.inputs("CreateHookLora") == {
        "lora_name": "style.safetensors",
        "strength_model": 0.8,
        "strength_clip": 0.6,
    }
    assert result.inputs("CreateHookKeyframe") == {"strength_mult": 0.5, "start_percent": 0.4}
    assert result.inputs("SetHookKeyframes") == {"hooks": ("CreateHookLora", 0), "hook_kf": ("CreateHookKeyframe", 0)}
    properties = result.inputs("ConditioningSetProperties")
    assert properties["hooks"] == ("SetHookKeyframes", 0) and properties["cond_NEW"] == ("CLIPTextEncode", 0)
    assert result.inputs("CLIPTextEncode")["clip"] == ("CheckpointLoaderSimple", 1)
    sampler = result.inputs("KSampler")
    assert sampler["model"] == ("CheckpointLoaderSimple", 0)
    assert sampler["positive"] == ("ConditioningSetProperties", 0)


@pytest.mark.parametrize("kind", DIRECT)
def test_inputs_of_direct_conversions_exist(kind: str) -> None:
    made = MADE[DIRECT[kind].kind]
    letters = {name for name in DIRECT[kind].inputs.values() if name.startswith("hooks_")}
    assert set(DIRECT[kind].inputs.values()) - letters <= {*made.sockets, *made.widgets}
    assert all(target < len(made.outputs) for target in DIRECT[kind].slots.values() if isinstance(target, int))


KINDS = sorted({*THEIR_WIDGETS, *DIRECT, *RULES, "ADE_NoiseLayerAdd", "ADE_ContextExtras_ContextRef", "ADE_Unheard"})


@pytest.mark.parametrize("used", [False, True], ids=["alone", "used by another pack"])
@pytest.mark.parametrize("kind", KINDS)
def test_each_node_of_theirs_is_converted_or_named(converted: Convert, kind: str, used: bool) -> None:
    graph = {"theirs": box(kind)}
    if used:
        graph["other"] = box("OtherPack", value=link("theirs", "ANY"))
    result = converted(graph)
    assert [entry["id"] for entry in result.report if entry["node"] == kind]
    assert all(entry["what"] for entry in result.report)
    converted_kinds = [node for node in result.kinds if node not in (kind, "OtherPack")]
    assert converted_kinds or "converted" in result.said(kind) or any(entry["advice"] for entry in result.report)
    assert ("OtherPack" in result.kinds) == used


def test_a_graph_without_their_nodes_is_unchanged(converted: Convert) -> None:
    graph = {"checkpoint": CHECKPOINT, "text": box("CLIPTextEncode", text="", clip=link("checkpoint", "CLIP", 1))}
    result = converted(graph)
    assert not result.report
    assert result.kinds == ["CLIPTextEncode", "CheckpointLoaderSimple"]


def test_shared_settings_serve_both_samplers(converted: Convert) -> None:
    """Two samplers with one motion model and one node of context options: loaded once, windows for each."""
    graph = gen2()
    graph["context"] = box("ADE_StandardStaticContextOptions", context_length=16, context_overlap=4)
    for name in ("use", "again"):
        graph[name] = box(
            "ADE_UseEvolvedSampling",
            beta_schedule="autoselect",
            model=link("checkpoint", "MODEL"),
            m_models=link("apply", "M_MODELS"),
            context_options=link("context", "CONTEXT_OPTIONS"),
        )
    graph["second"] = box("KSampler", seed=2, model=link("again", "MODEL"))
    kinds = converted(graph).kinds
    assert kinds.count("ADXL_LoadMotionModel") == 1
    assert kinds.count("ADXL_ApplyMotionModel") == kinds.count("ADXL_ContextWindows") == 2
