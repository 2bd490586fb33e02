"""Their nodes that one node of ComfyUI replaces: the same inputs by other names, the same outputs at other places."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Direct:
    kind: str
    """ComfyUI's class."""
    inputs: Mapping[str, str]
    """Names of ours by theirs."""
    slots: Mapping[int, int | str]
    """By the slots of theirs: the slot of the new node, or the input of theirs that is passed on."""
    dropped: tuple[str, ...] = ()
    """Inputs that have no counterpart, and matter only if they are not at their default."""


def same(*names: str) -> dict[str, str]:
    return {name: name for name in names}


PROPERTIES = {"opt_mask": "mask", "opt_lora_hook": "hooks", "opt_timesteps": "timesteps"}
AREA = same("strength", "set_cond_area")
ONE, TWO = {0: 0}, {0: 0, 1: 1}
STRENGTHS = same("strength_model", "strength_clip")
PASSES_BOTH = {0: "model", 1: "clip", 2: 0}
PASSES_MODEL = {0: "model", 1: 0}
PAIR = same("positive", "negative")
ADDED = {"positive_ADD": "positive_NEW", "negative_ADD": "negative_NEW"}
HOOK_LETTERS = {f"lora_hook_{letter}": f"hooks_{letter}" for letter in "ABCDEFGH"}

DIRECT: dict[str, Direct] = {
    "ADE_RegisterLoraHook": Direct("CreateHookLora", same("lora_name") | STRENGTHS, PASSES_BOTH),
    "ADE_RegisterLoraHookModelOnly": Direct(
        "CreateHookLoraModelOnly", same("lora_name", "strength_model"), PASSES_MODEL
    ),
    "ADE_RegisterModelAsLoraHook": Direct("CreateHookModelAsLora", same("ckpt_name") | STRENGTHS, PASSES_BOTH),
    "ADE_RegisterModelAsLoraHookModelOnly": Direct(
        "CreateHookModelAsLoraModelOnly", same("ckpt_name", "strength_model"), PASSES_MODEL
    ),
    "ADE_CombineLoraHooks": Direct("CombineHooks2", HOOK_LETTERS, ONE),
    "ADE_CombineLoraHooksFour": Direct("CombineHooks4", HOOK_LETTERS, ONE),
    "ADE_CombineLoraHooksEight": Direct("CombineHooks8", HOOK_LETTERS, ONE),
    "ADE_SetLoraHookKeyframe": Direct("SetHookKeyframes", {"lora_hook": "hooks", "hook_kf": "hook_kf"}, ONE),
    "ADE_AttachLoraHookToCLIP": Direct("SetClipHooks", {"clip": "clip", "lora_hook": "hooks"}, ONE),
    "ADE_LoraHookKeyframe": Direct(
        "CreateHookKeyframe",
        {"strength_model": "strength_mult", "start_percent": "start_percent", "prev_hook_kf": "prev_hook_kf"},
        ONE,
        ("guarantee_steps",),
    ),
    "ADE_LoraHookKeyframeInterpolation": Direct(
        "CreateHookKeyframesInterpolated",
        same("start_percent", "end_percent", "strength_start", "strength_end", "interpolation", "prev_hook_kf")
        | {"intervals": "keyframes_count"},
        ONE,
    ),
    "ADE_AttachLoraHookToConditioning": Direct(
        "ConditioningSetProperties", {"conditioning": "cond_NEW", "lora_hook": "hooks"}, ONE
    ),
    "ADE_PairedConditioningSetMask": Direct("PairConditioningSetProperties", ADDED | AREA | PROPERTIES, TWO),
    "ADE_ConditioningSetMask": Direct("ConditioningSetProperties", {"cond_ADD": "cond_NEW"} | AREA | PROPERTIES, ONE),
    "ADE_PairedConditioningSetMaskAndCombine": Direct(
        "PairConditioningSetPropertiesAndCombine", PAIR | ADDED | AREA | PROPERTIES, TWO
    ),
    "ADE_ConditioningSetMaskAndCombine": Direct(
        "ConditioningSetPropertiesAndCombine", {"cond": "cond", "cond_ADD": "cond_NEW"} | AREA | PROPERTIES, ONE
    ),
    "ADE_PairedConditioningSetUnmaskedAndCombine": Direct(
        "PairConditioningSetDefaultCombine",
        PAIR | same("positive_DEFAULT", "negative_DEFAULT") | {"opt_lora_hook": "hooks"},
        TWO,
    ),
    "ADE_ConditioningSetUnmaskedAndCombine": Direct(
        "ConditioningSetDefaultCombine", same("cond", "cond_DEFAULT") | {"opt_lora_hook": "hooks"}, ONE
    ),
    "ADE_PairedConditioningCombine": Direct(
        "PairConditioningCombine", same("positive_A", "negative_A", "positive_B", "negative_B"), TWO
    ),
    "ADE_ConditioningCombine": Direct(
        "ConditioningCombine", {"cond_A": "conditioning_1", "cond_B": "conditioning_2"}, ONE
    ),
    "ADE_TimestepsConditioning": Direct("ConditioningTimestepsRange", same("start_percent", "end_percent"), ONE),
}
