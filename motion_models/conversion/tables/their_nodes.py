"""The widgets of AnimateDiff-Evolved's nodes, in the order in which the page saves their values (version 1.5.7)."""

from collections.abc import Mapping
from typing import Any

THEIR_PREFIX = "ADE_"
THEIR_OTHERS = ("AnimateDiffLoaderV1", "CheckpointLoaderSimpleWithNoiseSelect")
"""Classes without the prefix."""

Widgets = Mapping[str, Any]
"""Defaults by names. The type of a default is the type of the value."""

FUSE = {"fuse_method": "pyramid"}
USE_ON_EQUAL = {"use_on_equal_length": False}
STARTS = {"start_percent": 0.0, "guarantee_steps": 1}
WINDOW_END = FUSE | USE_ON_EQUAL | STARTS
PERCENTS = {"start_percent": 0.0, "end_percent": 1.0}
NOISE = {"batch_offset": 0, "noise_type": "default"}
LENGTH, OVERLAP, STRIDE = {"context_length": 16}, {"context_overlap": 4}, {"context_stride": 1}
VIEW, VIEW_OVERLAP, VIEW_STRIDE = {"view_length": 16}, {"view_overlap": 4}, {"view_stride": 1}
PLAN = {"sampler_name": "euler", "scheduler": "simple", "visual_width": 1440, "latents_length": 32, "steps": 20}
MOTION_SCALES = {"min_motion_scale": 1.0, "max_motion_scale": 1.0}
AREA = {"strength": 1.0, "set_cond_area": "default"}

THEIR_WIDGETS: dict[str, Widgets] = {
    "ADE_UseEvolvedSampling": {"beta_schedule": "autoselect"},
    "ADE_LoadAnimateDiffModel": {"model_name": ""},
    "ADE_LoadAnimateDiffModelWithCameraCtrl": {"model_name": "", "camera_ctrl": ""},
    "ADE_ApplyAnimateDiffModel": PERCENTS,
    "ADE_ApplyAnimateDiffModelWithCameraCtrl": PERCENTS,
    "ADE_AnimateDiffLoRALoader": {"name": "", "strength": 1.0},
    "ADE_AnimateDiffLoaderGen1": {"model_name": "", "beta_schedule": "autoselect"},
    "ADE_AnimateDiffLoaderWithContext": {
        "model_name": "",
        "beta_schedule": "autoselect",
        "motion_scale": 1.0,
        "apply_v2_models_properly": True,
    },
    "AnimateDiffLoaderV1": {
        "model_name": "",
        "unlimited_area_hack": False,
        "beta_schedule": "sqrt_linear (AnimateDiff)",
    },
    "ADE_AnimateDiffLoaderV1Advanced": {
        "model_name": "",
        "unlimited_area_hack": False,
        "context_length": 16,
        "context_stride": 1,
        "context_overlap": 4,
        "context_schedule": "uniform",
        "closed_loop": False,
        "beta_schedule": "sqrt_linear (AnimateDiff)",
    },
    "ADE_AnimateDiffSamplingSettings": NOISE | {"seed_gen": "comfy", "seed_offset": 0, "adapt_denoise_steps": False},
    "ADE_AnimateDiffKeyframe": {"start_percent": 0.0, "inherit_missing": True, "guarantee_steps": 1},
    "ADE_CameraCtrlAnimateDiffKeyframe": {"start_percent": 0.0, "inherit_missing": True, "guarantee_steps": 1},
    "ADE_MultivalDynamic": {"float_val": 1.0},
    "ADE_MultivalScaledMask": {"min_float_val": 0.0, "max_float_val": 1.0, "scaling": "absolute"},
    "ADE_StandardStaticContextOptions": LENGTH | OVERLAP | WINDOW_END,
    "ADE_StandardUniformContextOptions": LENGTH | STRIDE | OVERLAP | WINDOW_END,
    "ADE_LoopedUniformContextOptions": LENGTH | STRIDE | OVERLAP | {"closed_loop": False} | WINDOW_END,
    "ADE_AnimateDiffUniformContextOptions": LENGTH
    | STRIDE
    | OVERLAP
    | {"context_schedule": "uniform", "closed_loop": False, "fuse_method": "flat"}
    | USE_ON_EQUAL
    | STARTS,
    "ADE_BatchedContextOptions": LENGTH | STARTS,
    "ADE_ViewsOnlyContextOptions": STARTS,
    "ADE_StandardStaticViewOptions": VIEW | VIEW_OVERLAP | FUSE,
    "ADE_StandardUniformViewOptions": VIEW | VIEW_STRIDE | VIEW_OVERLAP | FUSE,
    "ADE_LoopedUniformViewOptions": VIEW | VIEW_STRIDE | VIEW_OVERLAP | {"closed_loop": False} | FUSE | USE_ON_EQUAL,
    "ADE_VisualizeContextOptionsK": PLAN | {"denoise": 1.0},
    "ADE_VisualizeContextOptionsKAdv": PLAN | {"start_step": 0, "end_step": 20},
    "ADE_VisualizeContextOptionsSCustom": {"visual_width": 1440, "latents_length": 32},
    "ADE_IterationOptsDefault": {"iterations": 1, "iter_batch_offset": 0, "iter_seed_offset": 0},
    "ADE_IterationOptsFreeInit": {
        "iterations": 2,
        "filter": "gaussian",
        "d_s": 0.25,
        "d_t": 0.25,
        "n_butterworth": 4,
        "sigma_step": 999,
        "apply_to_1st_iter": False,
        "init_type": "FreeInit [sampler sigma]",
    },
    "ADE_CustomCFGSimple": {"cfg": 8.0},
    "ADE_CustomCFGKeyframeSimple": {"cfg": 8.0} | STARTS,
    "ADE_CustomCFGKeyframe": STARTS,
    "ADE_CustomCFGKeyframeInterpolation": PERCENTS
    | {"cfg_start": 8.0, "cfg_end": 8.0, "interpolation": "linear", "intervals": 50, "print_keyframes": False},
    "ADE_CFGExtrasPAGSimple": {"scale": 3.0},
    "ADE_CFGExtrasRescaleCFGSimple": {"multiplier": 0.7},
    "ADE_SigmaSchedule": {"beta_schedule": "sqrt_linear (AnimateDiff)"},
    "ADE_PromptScheduling": {"prompts": "", "print_schedule": False, "max_length": 0, "tensor_interp": "lerp"},
    "ADE_PromptSchedulingLatents": {"prompts": "", "print_schedule": False, "tensor_interp": "lerp"},
    "ADE_ValueScheduling": {"values": "", "print_schedule": False, "max_length": 0},
    "ADE_ValueSchedulingLatents": {"values": "", "print_schedule": False},
    "ADE_AdjustPESweetspotStretch": {"sweetspot": 16, "new_sweetspot": 16},
    "ADE_AdjustPEFullStretch": {"pe_stretch": 0},
    "ADE_AnimateDiffModelSettings_Release": MOTION_SCALES,
    "ADE_AnimateDiffModelSettingsSimple": {"motion_pe_stretch": 0} | MOTION_SCALES,
    "ADE_EmptyLatentImageLarge": {"width": 512, "height": 512, "batch_size": 1},
    "CheckpointLoaderSimpleWithNoiseSelect": {
        "ckpt_name": "",
        "beta_schedule": "use existing",
        "use_custom_scale_factor": False,
        "scale_factor": 0.18215,
    },
    "ADE_AnimateDiffCombine": {
        "frame_rate": 8,
        "loop_count": 0,
        "filename_prefix": "AnimateDiff",
        "format": "image/gif",
        "pingpong": False,
        "save_image": True,
    },
    "ADE_RegisterLoraHook": {"lora_name": "", "strength_model": 1.0, "strength_clip": 1.0},
    "ADE_RegisterLoraHookModelOnly": {"lora_name": "", "strength_model": 1.0},
    "ADE_RegisterModelAsLoraHook": {"ckpt_name": "", "strength_model": 1.0, "strength_clip": 1.0},
    "ADE_RegisterModelAsLoraHookModelOnly": {"ckpt_name": "", "strength_model": 1.0},
    "ADE_LoraHookKeyframe": {"strength_model": 1.0} | STARTS,
    "ADE_LoraHookKeyframeInterpolation": PERCENTS
    | {
        "strength_start": 1.0,
        "strength_end": 1.0,
        "interpolation": "linear",
        "intervals": 5,
        "print_keyframes": False,
    },
    "ADE_PairedConditioningSetMask": AREA,
    "ADE_ConditioningSetMask": AREA,
    "ADE_PairedConditioningSetMaskAndCombine": AREA,
    "ADE_ConditioningSetMaskAndCombine": AREA,
    "ADE_TimestepsConditioning": PERCENTS,
}
"""Only nodes whose values the conversion uses."""

OLDER_WIDGETS: dict[str, Widgets] = {
    "ADE_AnimateDiffSamplingSettings": NOISE
    | {"seed_gen": "comfy", "seed_offset": 0, "seed_override": 0, "adapt_denoise_steps": False},
    "ADE_PromptScheduling": {
        "prompts": "",
        "prepend_text": "",
        "append_text": "",
        "print_schedule": False,
        "max_length": 0,
        "tensor_interp": "lerp",
    },
    "ADE_PromptSchedulingLatents": {
        "prompts": "",
        "prepend_text": "",
        "append_text": "",
        "print_schedule": False,
        "tensor_interp": "lerp",
    },
}
"""As the page saved them before 2025, when these inputs were widgets. The types of the values show which it is."""

OLDER_INPUTS = {"ad_settings": "motion_model_settings"}
"""Names in older graphs, by the current ones."""


def is_theirs(kind: str) -> bool:
    return kind.startswith(THEIR_PREFIX) or kind in THEIR_OTHERS
