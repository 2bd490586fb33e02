"""Their custom CFG: Guidance Schedule, and ComfyUI's nodes that change the guidance."""

from typing import Any

from ...errors import sentence
from ..formats.graph import Output
from ..reading.strengths import SCHEDULE, fixed, multival, over_steps, shared_schedule
from ..reading.their_node import Conversion, TheirNode, limited
from ..tables.values import CFG, MOST_CFG

GUIDANCE = "ADXL_GuidanceSchedule"
SIMPLE = "ADE_CustomCFGSimple"
CONSTANT = (SIMPLE, "ADE_CustomCFG")
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
    """The MODEL with the guidance of sample settings. sampled: the MODEL that the samplers have now."""
    nodes = conversion.chain(settings.link("custom_cfg"), "prev_custom_cfg")
    nodes = [node for node in nodes if node.kind in CONSTANT or node.kind in KEYFRAMES or node.kind == INTERPOLATED]
    if not nodes:
        return model
    if nodes[0].kind == SIMPLE:
        set_cfg(conversion, nodes[0], sampled)
    else:
        schedule = cfg_schedule(conversion, nodes, sampled)
        model = conversion.make(GUIDANCE, nodes[0].id, settings.state, model=model, schedule=schedule)
        for node in nodes:
            node.went_into(GUIDANCE)
    for extra in conversion.chain(nodes[-1].link("cfg_extras"), "prev_extras"):
        if extra.kind in EXTRAS:
            model = changed_guidance(conversion, extra, model)
    return model


def set_cfg(conversion: Conversion, node: TheirNode, sampled: Output) -> None:
    """Set cfg of the samplers, which that of the node overrode."""
    cfg = cfg_of(node, node.number("cfg"))
    samplers = conversion.samplers_after(sampled, CFG)
    for sampler in samplers:
        conversion.graph.set_value(sampler, *CFG[conversion.graph.kind(sampler)], cfg)
    conversion.done.add(node.id)
    if samplers:
        node.add(sentence("Its cfg {value} is on the sampler now.", value=cfg))
    else:
        node.add(
            sentence("Its cfg {value} overrode that of the sampler, which the conversion does not find.", value=cfg),
            sentence("Set cfg to {value} on the sampler.", value=cfg),
        )


def cfg_schedule(conversion: Conversion, nodes: list[TheirNode], sampled: Output) -> Output:
    """A Strength Schedule that makes the cfg of keyframes, or of a multival, from that of the sampler."""
    first = nodes[0]
    sampler = next(iter(conversion.samplers_after(sampled, CFG).values()), 0.0)
    first.add(
        sentence("Its values multiply the cfg of the sampler now, and are for cfg {value}.", value=usable(sampler)),
        sentence("Keep cfg {value} on the sampler.", value=usable(sampler)),
    )
    if first.kind in CONSTANT:
        return from_multival(conversion, first, usable(sampler))
    if len(nodes) == 1 and first.kind == INTERPOLATED:
        ours = "linear" if first.number("interpolation") == "linear" else "ease"
        return over_steps(conversion, first, sampled, divided(ends(first), usable(sampler)), ours)
    values = [value for node in reversed(nodes) for value in cfg_values(conversion, node)]
    start = min(values)[1]
    return over_steps(conversion, first, sampled, divided([(0.0, start), *values], usable(sampler)))


def usable(cfg: float) -> float:
    """At cfg 1 or below, ComfyUI does not use the negative prompt, so that a factor does nothing."""
    return cfg if cfg > 1 else USUAL_CFG


def divided(values: list[tuple[float, float]], cfg: float) -> list[tuple[float, float]]:
    return [(percent, value / cfg) for percent, value in values]


def from_multival(conversion: Conversion, node: TheirNode, sampler: float) -> Output:
    cfg = multival(conversion, node, "cfg_multival", SCHEDULE)
    if cfg and cfg.schedule and not cfg.mask:
        return conversion.make(SCHEDULE, node.id, points=f"0: {1 / sampler:.6g}", multiply_by=cfg.schedule)
    return shared_schedule(conversion, node, points=f"0: {cfg_of(node, fixed(node, cfg, USUAL_CFG)) / sampler:.6g}")


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


def cfg_of(node: TheirNode, cfg: float) -> float:
    return limited(node, "cfg", cfg, 0.0, MOST_CFG)


def changed_guidance(conversion: Conversion, node: TheirNode, model: Output | None) -> Output:
    """The MODEL with ComfyUI's node for a change of the guidance."""
    kind, name, theirs = EXTRAS[node.kind]
    if theirs.endswith("multival"):
        value: Any = fixed(node, multival(conversion, node, theirs, kind), 1.0)
    else:
        value = node.field(theirs)
    node.became(kind)
    return conversion.make(kind, node.id, node.state, model=model, **{name: value})
