"""The nodes that the conversion makes: this pack's, and ComfyUI's own. Names and orders are those of their schemas."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

OURS, CORE = "animatediff-xl", "comfy-core"


@dataclass(frozen=True)
class MadeNode:
    title: str
    """Its display name in English."""
    sockets: Mapping[str, str]
    """Types by the names of inputs."""
    widgets: Mapping[str, Any]
    """Defaults by the names of inputs, in the order in which the page saves them."""
    outputs: tuple[tuple[str, str], ...]
    """(name, type)."""
    pack: str = OURS

    def widget_type(self, name: str) -> str:
        """The type of a link into a widget."""
        return WIDGET_TYPES.get(type(self.widgets[name]), "COMBO")


WIDGET_TYPES = {bool: "BOOLEAN", int: "INT", float: "FLOAT", str: "STRING"}

MODEL = {"model": "MODEL"}
MODEL_OUT = (("MODEL", "MODEL"),)
CONDITIONING_OUT = (("CONDITIONING", "CONDITIONING"),)
PAIR_OUT = (("positive", "CONDITIONING"), ("negative", "CONDITIONING"))
PAIR = {"positive": "CONDITIONING", "negative": "CONDITIONING"}
NEW_PAIR = {"positive_NEW": "CONDITIONING", "negative_NEW": "CONDITIONING"}
PROPERTIES = {"mask": "MASK", "hooks": "HOOKS", "timesteps": "TIMESTEPS_RANGE"}
AREA = {"strength": 1.0, "set_cond_area": "default"}
HOOKS_OUT = (("HOOKS", "HOOKS"),)
KEYFRAMES_OUT = (("HOOK_KF", "HOOK_KEYFRAMES"),)
PERCENTS = {"start_percent": 0.0, "end_percent": 1.0}
WINDOWS = {
    "context_length": 16,
    "context_overlap": 4,
    "context_stride": 1,
    "context_schedule": "standard_static",
    "fuse_method": "pyramid",
    "closed_loop": False,
}

MADE: dict[str, MadeNode] = {
    "ADXL_LoadMotionModel": MadeNode(
        "Load AnimateDiff Motion Model",
        {},
        {"motion_model": "", "family": "auto"},
        (("motion model", "ADXL_MOTION_MODEL"),),
    ),
    "ADXL_ApplyMotionModel": MadeNode(
        "Apply AnimateDiff Motion Model",
        {
            "model": "MODEL",
            "motion_model": "ADXL_MOTION_MODEL",
            "motion_lora": "ADXL_MOTION_LORA",
            "schedule": "ADXL_SCHEDULE",
            "mask": "MASK",
        },
        {"beta_schedule": "auto", "strength": 1.0, "start_percent": 0.0, "end_percent": 1.0, "clip_frames": 0},
        MODEL_OUT,
    ),
    "ADXL_LoadMotionLoRA": MadeNode(
        "Load AnimateDiff Motion LoRA",
        {"schedule": "ADXL_SCHEDULE", "previous": "ADXL_MOTION_LORA"},
        {"lora": "", "strength": 1.0},
        (("motion lora", "ADXL_MOTION_LORA"),),
    ),
    "ADXL_StrengthSchedule": MadeNode(
        "AnimateDiff Strength Schedule",
        {"values": "FLOAT", "curve": "CURVE", "multiply_by": "ADXL_SCHEDULE"},
        {"points": "0: 0, 8: 1, 15: 0", "interpolation": "linear", "over": "frames", "length": 16},
        (("schedule", "ADXL_SCHEDULE"),),
    ),
    "ADXL_ContextWindows": MadeNode(
        "AnimateDiff Context Windows",
        MODEL,
        WINDOWS
        | {
            "freenoise": False,
            "windows_per_batch": 0,
            "reference_weight": 0.0,
            "reference_frame": 0,
            "windows_in": "whole model",
        },
        MODEL_OUT,
    ),
    "ADXL_WindowPlan": MadeNode(
        "AnimateDiff Window Plan",
        MODEL,
        {"frames": 48} | WINDOWS | {"steps": 20},
        (("plan", "IMAGE"), ("cost", "STRING")),
    ),
    "ADXL_PromptTravel": MadeNode(
        "AnimateDiff Prompt Travel",
        {"clip": "CLIP"},
        {
            "prompts": "0: a forest in spring\n8: a forest in autumn",
            "frames": 16,
            "interpolation": "linear",
            "mix": "text",
            "closed_loop": False,
            "before": "",
            "after": "",
        },
        CONDITIONING_OUT,
    ),
    "ADXL_ClipNoise": MadeNode(
        "AnimateDiff Clip Noise", MODEL, {"kind": "shared", "share": 0.5, "seed_step": 1}, MODEL_OUT
    ),
    "ADXL_MotionOptions": MadeNode(
        "AnimateDiff Motion Options",
        MODEL,
        {
            "block_strengths": "",
            "stretch": 1.0,
            "sharpness": 1.0,
            "freeinit_rounds": 1,
            "freeinit_filter": "butterworth",
            "freeinit_spatial": 0.25,
            "freeinit_temporal": 0.25,
            "freeinit_coarse_to_fine": False,
            "freeinit_sigma": 0.0,
        },
        MODEL_OUT,
    ),
    "ADXL_GuidanceSchedule": MadeNode(
        "AnimateDiff Guidance Schedule", {"model": "MODEL", "schedule": "ADXL_SCHEDULE"}, {}, MODEL_OUT
    ),
    "EmptyLatentImage": MadeNode(
        "Empty Latent Image", {}, {"width": 512, "height": 512, "batch_size": 1}, (("LATENT", "LATENT"),), CORE
    ),
    "CheckpointLoaderSimple": MadeNode(
        "Load Checkpoint",
        {},
        {"ckpt_name": ""},
        (("MODEL", "MODEL"), ("CLIP", "CLIP"), ("VAE", "VAE")),
        CORE,
    ),
    "SaveAnimatedWEBP": MadeNode(
        "Save Animated WEBP",
        {"images": "IMAGE"},
        {"filename_prefix": "ComfyUI", "fps": 6.0, "lossless": True, "quality": 80, "method": "default"},
        (),
        CORE,
    ),
    "CreateVideo": MadeNode(
        "Create Video", {"images": "IMAGE", "audio": "AUDIO"}, {"fps": 30.0}, (("VIDEO", "VIDEO"),), CORE
    ),
    "SaveVideo": MadeNode(
        "Save Video",
        {"video": "VIDEO"},
        {"filename_prefix": "video/ComfyUI", "format": "auto", "codec": "auto"},
        (),
        CORE,
    ),
    "PreviewImage": MadeNode("Preview Image", {"images": "IMAGE"}, {}, (), CORE),
    "PerturbedAttentionGuidance": MadeNode("Perturbed Attention Guidance", MODEL, {"scale": 3.0}, MODEL_OUT, CORE),
    "RescaleCFG": MadeNode("RescaleCFG", MODEL, {"multiplier": 0.7}, MODEL_OUT, CORE),
    "ConditioningCombine": MadeNode(
        "Conditioning (Combine)",
        {"conditioning_1": "CONDITIONING", "conditioning_2": "CONDITIONING"},
        {},
        CONDITIONING_OUT,
        CORE,
    ),
    "ConditioningSetProperties": MadeNode(
        "Cond Set Props", {"cond_NEW": "CONDITIONING"} | PROPERTIES, AREA, CONDITIONING_OUT, CORE
    ),
    "ConditioningSetPropertiesAndCombine": MadeNode(
        "Cond Set Props Combine",
        {"cond": "CONDITIONING", "cond_NEW": "CONDITIONING"} | PROPERTIES,
        AREA,
        CONDITIONING_OUT,
        CORE,
    ),
    "ConditioningSetDefaultCombine": MadeNode(
        "Cond Set Default Combine",
        {"cond": "CONDITIONING", "cond_DEFAULT": "CONDITIONING", "hooks": "HOOKS"},
        {},
        CONDITIONING_OUT,
        CORE,
    ),
    "PairConditioningCombine": MadeNode(
        "Cond Pair Combine",
        {
            "positive_A": "CONDITIONING",
            "negative_A": "CONDITIONING",
            "positive_B": "CONDITIONING",
            "negative_B": "CONDITIONING",
        },
        {},
        PAIR_OUT,
        CORE,
    ),
    "PairConditioningSetProperties": MadeNode("Cond Pair Set Props", NEW_PAIR | PROPERTIES, AREA, PAIR_OUT, CORE),
    "PairConditioningSetPropertiesAndCombine": MadeNode(
        "Cond Pair Set Props Combine", PAIR | NEW_PAIR | PROPERTIES, AREA, PAIR_OUT, CORE
    ),
    "PairConditioningSetDefaultCombine": MadeNode(
        "Cond Pair Set Default Combine",
        PAIR | {"positive_DEFAULT": "CONDITIONING", "negative_DEFAULT": "CONDITIONING", "hooks": "HOOKS"},
        {},
        PAIR_OUT,
        CORE,
    ),
    "ConditioningTimestepsRange": MadeNode(
        "Timesteps Range",
        {},
        PERCENTS,
        (
            ("TIMESTEPS_RANGE", "TIMESTEPS_RANGE"),
            ("BEFORE_RANGE", "TIMESTEPS_RANGE"),
            ("AFTER_RANGE", "TIMESTEPS_RANGE"),
        ),
        CORE,
    ),
    "SetClipHooks": MadeNode(
        "Set CLIP Hooks",
        {"clip": "CLIP", "hooks": "HOOKS"},
        {"apply_to_conds": True, "schedule_clip": False},
        (("CLIP", "CLIP"),),
        CORE,
    ),
    "CreateHookLora": MadeNode(
        "Create Hook LoRA",
        {"prev_hooks": "HOOKS"},
        {"lora_name": "", "strength_model": 1.0, "strength_clip": 1.0},
        HOOKS_OUT,
        CORE,
    ),
    "CreateHookLoraModelOnly": MadeNode(
        "Create Hook LoRA (MO)", {"prev_hooks": "HOOKS"}, {"lora_name": "", "strength_model": 1.0}, HOOKS_OUT, CORE
    ),
    "CreateHookModelAsLora": MadeNode(
        "Create Hook Model as LoRA",
        {"prev_hooks": "HOOKS"},
        {"ckpt_name": "", "strength_model": 1.0, "strength_clip": 1.0},
        HOOKS_OUT,
        CORE,
    ),
    "CreateHookModelAsLoraModelOnly": MadeNode(
        "Create Hook Model as LoRA (MO)",
        {"prev_hooks": "HOOKS"},
        {"ckpt_name": "", "strength_model": 1.0},
        HOOKS_OUT,
        CORE,
    ),
    "SetHookKeyframes": MadeNode(
        "Set Hook Keyframes", {"hooks": "HOOKS", "hook_kf": "HOOK_KEYFRAMES"}, {}, HOOKS_OUT, CORE
    ),
    "CreateHookKeyframe": MadeNode(
        "Create Hook Keyframe",
        {"prev_hook_kf": "HOOK_KEYFRAMES"},
        {"strength_mult": 1.0, "start_percent": 0.0},
        KEYFRAMES_OUT,
        CORE,
    ),
    "CreateHookKeyframesInterpolated": MadeNode(
        "Create Hook Keyframes Interp.",
        {"prev_hook_kf": "HOOK_KEYFRAMES"},
        {"strength_start": 1.0, "strength_end": 1.0, "interpolation": "linear"}
        | PERCENTS
        | {"keyframes_count": 5, "print_keyframes": False},
        KEYFRAMES_OUT,
        CORE,
    ),
    "CombineHooks2": MadeNode(
        "Combine Hooks [2]", {f"hooks_{letter}": "HOOKS" for letter in "AB"}, {}, HOOKS_OUT, CORE
    ),
    "CombineHooks4": MadeNode(
        "Combine Hooks [4]", {f"hooks_{letter}": "HOOKS" for letter in "ABCD"}, {}, HOOKS_OUT, CORE
    ),
    "CombineHooks8": MadeNode(
        "Combine Hooks [8]", {f"hooks_{letter}": "HOOKS" for letter in "ABCDEFGH"}, {}, HOOKS_OUT, CORE
    ),
}
