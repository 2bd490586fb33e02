"""Their custom CFG: Guidance Schedule, and ComfyUI's nodes that change the guidance."""

from typing import Any

from ..formats.graph import Output
from ..tables.values import MOST_CFG
from .reading import Conversion, TheirNode, limited
from .strengths import SCHEDULE, fixed, multival, over_steps, shared_schedule

GUIDANCE = "ADXL_GuidanceSchedule"
CONSTANT = {"ADE_CustomCFGSimple": "cfg", "ADE_CustomCFG": "cfg_multival"}
KEYFRAMES = {"ADE_CustomCFGKeyframeSimple": "cfg", "ADE_CustomCFGKeyframe": "cfg_multival"}
INTERPOLATED = "ADE_CustomCFGKeyframeInterpolation"
USUAL_CFG = 8.0
EXTRAS = {
    "ADE_CFGExtrasPAGSimple": ("PerturbedAttentionGuidance", "scale", "scale"),
    "ADE_CFGExtrasPAG": ("PerturbedAttentionGuidance", "scale", "scale_multival"),
    "ADE_CFGExtrasRescaleCFGSimple": ("RescaleCFG", "multiplier", "multiplier"),
    "ADE_CFGExtrasRescaleCFG": ("RescaleCFG", "multiplier", "mult_multival"),
    "ADE_PerturbedAttentionGuidanceMultival": ("PerturbedAttentionGuidance", "scale", "scale_multival"),
    "ADE_RescaleCFGMultival": ("RescaleCFG", "multiplier", "mult_multival"),
}
"""ComfyUI's node, its input, and theirs."""


def custom_cfg(conversion: Conversion, settings: TheirNode, model: Output, sampled: Output) -> Output:
    """The MODEL with the guidance of sample settings."""
    nodes = conversion.chain(settings.link("custom_cfg"), "prev_custom_cfg")
    nodes = [node for node in nodes if node.kind in CONSTANT or node.kind in KEYFRAMES or node.kind == INTERPOLATED]
    if not nodes:
        return model
    schedule = cfg_schedule(conversion, nodes, sampled)
    model = conversion.make(GUIDANCE, nodes[0].id, settings.state, model=model, schedule=schedule)
    for node in nodes:
        node.went_into(GUIDANCE)
    for extra in conversion.chain(nodes[-1].link("cfg_extras"), "prev_extras"):
        if extra.kind in EXTRAS:
            model = changed_guidance(conversion, extra, model)
    return model


def cfg_schedule(conversion: Conversion, nodes: list[TheirNode], sampled: Output) -> Output:
    """A Strength Schedule of cfg. nodes: one that is constant, or keyframes."""
    first = nodes[0]
    if first.kind in CONSTANT:
        name = CONSTANT[first.kind]
        if name == "cfg":
            return shared_schedule(conversion, first, points=f"0: {cfg_of(first, first.number('cfg')):g}")
        return from_multival(conversion, first)
    if len(nodes) == 1 and first.kind == INTERPOLATED:
        return over_steps(conversion, first, sampled, ends(first), interpolation_of(first))
    values = [value for node in reversed(nodes) for value in cfg_values(conversion, node)]
    start = min(values)
    return over_steps(conversion, first, sampled, [(0.0, start[1]), *values])


def from_multival(conversion: Conversion, node: TheirNode) -> Output:
    cfg = multival(conversion, node, "cfg_multival", SCHEDULE)
    if cfg and cfg.schedule and not cfg.mask:
        return cfg.schedule
    return shared_schedule(conversion, node, points=f"0: {cfg_of(node, fixed(node, cfg, USUAL_CFG)):g}")


def cfg_values(conversion: Conversion, node: TheirNode) -> list[tuple[float, float]]:
    """(part of the sampling, cfg) of a keyframe."""
    if node.kind == INTERPOLATED:
        (start, first), (end, last) = ends(node)
        count = min(max(node.number("intervals"), 2), 50)
        parts = [index / (count - 1) for index in range(count)]
        return [(start + part * (end - start), first + part * (last - first)) for part in parts]
    if KEYFRAMES[node.kind] == "cfg":
        cfg = node.number("cfg")
    else:
        cfg = fixed(node, multival(conversion, node, "cfg_multival", SCHEDULE), USUAL_CFG)
    return [(node.number("start_percent"), cfg_of(node, cfg))]


def ends(node: TheirNode) -> list[tuple[float, float]]:
    return [(node.number(f"{end}_percent"), cfg_of(node, node.number(f"cfg_{end}"))) for end in ("start", "end")]


def interpolation_of(node: TheirNode) -> str:
    return "linear" if node.number("interpolation") == "linear" else "ease"


def cfg_of(node: TheirNode, cfg: float) -> float:
    return limited(node, "cfg", cfg, -MOST_CFG, MOST_CFG)


def changed_guidance(conversion: Conversion, node: TheirNode, model: Output | None) -> Output:
    """The MODEL with ComfyUI's node for a change of the guidance."""
    kind, name, theirs = EXTRAS[node.kind]
    if theirs.endswith("multival"):
        value: Any = fixed(node, multival(conversion, node, theirs, kind), 1.0)
    else:
        value = node.field(theirs)
    node.became(kind)
    return conversion.make(kind, node.id, node.state, model=model, **{name: value})
