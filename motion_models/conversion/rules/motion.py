"""Their loaders and Use Evolved Sampling: Load, Apply and Context Windows."""

from dataclasses import dataclass
from typing import Any

from ...errors import sentence
from ..formats.graph import Output
from ..reading.strengths import keyframes, multival
from ..reading.their_node import Conversion, TheirNode, limited, title
from ..tables.values import AUTO, BETA_SCHEDULES, KEEP, MOST_STRENGTH
from .context import WINDOWS, context_options, window_inputs
from .guidance import custom_cfg
from .noise import clip_noise, sample_settings
from .options import motion_options

LOAD, APPLY, LORA = "ADXL_LoadMotionModel", "ADXL_ApplyMotionModel", "ADXL_LoadMotionLoRA"
GEN2 = "ADE_UseEvolvedSampling"
WITH_WINDOWS = "ADE_AnimateDiffLoaderV1Advanced"
LOADERS = (
    "ADE_AnimateDiffLoaderGen1",
    "ADE_AnimateDiffLoaderWithContext",
    "AnimateDiffLoaderV1",
    WITH_WINDOWS,
)
"""Nodes that load a motion model and apply it."""

THEIR_APPLY = (
    "ADE_ApplyAnimateDiffModelSimple",
    "ADE_ApplyAnimateDiffModel",
    "ADE_ApplyAnimateDiffModelWithCameraCtrl",
)
THEIR_LOAD = ("ADE_LoadAnimateDiffModel", "ADE_LoadAnimateDiffModelWithCameraCtrl")
WITHOUT_COUNTERPART = (
    "ADE_ApplyAnimateDiffModelWithPIA",
    "ADE_ApplyAnimateLCMI2VModel",
    "ADE_InjectPIAIntoAnimateDiffModel",
    "ADE_InjectI2VIntoAnimateDiffModel",
    "ADE_LoadAnimateLCMI2VModel",
)
THEIR_LORA = "ADE_AnimateDiffLoRALoader"
NOISE_SELECT = "CheckpointLoaderSimpleWithNoiseSelect"


@dataclass(frozen=True)
class Motion:
    """A motion model to apply."""

    node: TheirNode
    """The node that applies it, which has the strengths and MotionLoRAs as inputs."""
    loaded: Output
    start_percent: Any = 0.0
    end_percent: Any = 1.0


def convert_motion(conversion: Conversion, node: TheirNode) -> None:
    """Convert a node that gives a MODEL with motion."""
    if node.id in conversion.replaced:
        node.add(
            sentence("A later node replaced all of its settings, so it was left out."),
            sentence("To combine two motion models, use {node} twice.", node=title(APPLY)),
        )
        conversion.done.add(node.id)
        pass_on(conversion, node, node.link("model"))
        return
    motions = applied(conversion, node) if node.kind == GEN2 else [loaded_and_applied(conversion, node)]
    if motions is None:
        node.add(
            sentence("It stays, because its motion model is of a kind that AnimateDiff XL does not run."),
            sentence("Keep AnimateDiff-Evolved for this part, or choose another motion model there."),
        )
        return
    model = animated(conversion, node, motions)
    pass_on(conversion, node, model)
    if motions:
        node.became(APPLY)
        node.add(
            sentence("The same seed gives another clip, because the motion is computed as its authors do."),
            sentence("Try a few seeds."),
        )
    else:
        conversion.done.add(node.id)
        node.add(
            sentence("It has no motion model, so that only its other settings were converted."),
            sentence("If there was a motion model before it, it took that away. Here it works."),
        )


def is_replaced(conversion: Conversion, node: TheirNode) -> bool:
    """Whether all that a node gives goes straight into another one with a motion model, which starts anew."""
    graph = conversion.graph
    if node.kind not in (GEN2, *LOADERS):
        return False
    targets = [end.node for end in graph.consumers(node.id) if end.slot == 0]
    return bool(targets) and all(
        (graph.kind(target) in LOADERS or (graph.kind(target) == GEN2 and "m_models" in graph.links_of(target)))
        and graph.links_of(target).get("model") == Output(node.id, 0)
        for target in targets
    )


def pass_on(conversion: Conversion, node: TheirNode, model: Output | None) -> None:
    conversion.graph.redirect(Output(node.id, 0), model)
    conversion.graph.redirect(Output(node.id, 1), node.link("latents"))


def applied(conversion: Conversion, user: TheirNode) -> list[Motion] | None:
    """The motion models of Use Evolved Sampling, in the order in which they run. None if one cannot run here."""
    motions = []
    for node in conversion.chain(user.link("m_models"), "prev_m_models"):
        loader = conversion.their(node.link("motion_model"))
        if node.kind in WITHOUT_COUNTERPART or (loader and loader.kind in WITHOUT_COUNTERPART):
            return None
        if node.kind in THEIR_APPLY and loader and loader.kind in THEIR_LOAD:
            percents = (
                {}
                if node.kind == THEIR_APPLY[0]
                else {name: node.field(name) for name in ("start_percent", "end_percent")}
            )
            motions.append(Motion(node, loaded(conversion, loader), **percents))
            node.went_into(APPLY)
        else:
            node.add(
                sentence("Its motion model comes from a node that the conversion does not know, and was left out."),
                sentence("Add Load AnimateDiff Motion Model and Apply AnimateDiff Motion Model for it."),
            )
    return motions


def loaded_and_applied(conversion: Conversion, node: TheirNode) -> Motion:
    return Motion(node, loaded(conversion, node))


def loaded(conversion: Conversion, node: TheirNode) -> Output:
    """Load AnimateDiff Motion Model with the file of a node."""
    key = (LOAD, node.id)
    if key not in conversion.shared:
        file = node.field("model_name")
        if not isinstance(file, Output):
            file = conversion.file("animatediff_models", file)
        conversion.shared[key] = conversion.make(LOAD, node.id, motion_model=file)
        node.became(LOAD)
    return conversion.shared[key]


def animated(conversion: Conversion, node: TheirNode, motions: list[Motion]) -> Output | None:
    """The MODEL with all that a node did to it."""
    model, sampled = node.link("model"), Output(node.id, 0)
    beta_schedule = beta_schedule_of(conversion, node)
    for motion in motions:
        model = apply_motion(conversion, node, motion, model, beta_schedule)
        beta_schedule = KEEP  # the first one decides
    settings = sample_settings(conversion, node.link("sample_settings"))
    if motions:
        model = motion_options(conversion, node, motions[0].node, settings and settings.node, model)
    context = context_options(conversion, node.link("context_options"))
    if node.kind == WITH_WINDOWS:
        context = node, window_inputs(node)
    if context:
        beside, windows = context
        freenoise = bool(settings and settings.freenoise)
        model = conversion.make(WINDOWS, beside.id, node.state, model=model, freenoise=freenoise, **windows)
    elif settings and settings.freenoise:
        settings.node.add(
            sentence("FreeNoise needs windows, and this graph has none: noise is independent now."),
            sentence("Add {node} if the clip is longer than one window.", node=title(WINDOWS)),
        )
    if settings and model:
        model = clip_noise(conversion, settings, model)
        model = custom_cfg(conversion, settings.node, model, sampled)
    return model


def apply_motion(
    conversion: Conversion, user: TheirNode, motion: Motion, model: Output | None, beta_schedule: str
) -> Output:
    node = motion.node
    effect = multival(conversion, node, "effect_multival", APPLY)
    strength = effect.number if effect else 1.0
    return conversion.make(
        APPLY,
        user.id,
        user.state,
        model=model,
        motion_model=motion.loaded,
        beta_schedule=beta_schedule,
        strength=limited(node, "effect_multival", strength, 0.0, MOST_STRENGTH),
        start_percent=motion.start_percent,
        end_percent=motion.end_percent,
        motion_lora=motion_loras(conversion, node),
        schedule=keyframes(conversion, node, Output(user.id, 0), effect.schedule if effect else None),
        mask=effect.mask if effect else None,
    )


def motion_loras(conversion: Conversion, user: TheirNode) -> Output | None:
    """The chain of MotionLoRAs of a node. The last one that loads is the first of the chain."""
    previous = None
    for node in reversed(conversion.chain(user.link("motion_lora"), "prev_motion_lora")):
        if node.kind != THEIR_LORA:
            continue
        key = (LORA, node.id)
        if key not in conversion.shared:
            lora = node.field("name")
            if not isinstance(lora, Output):
                lora = conversion.file("animatediff_motion_lora", lora)
            strength = limited(node, "strength", node.field("strength"), -MOST_STRENGTH, MOST_STRENGTH)
            conversion.shared[key] = conversion.make(LORA, node.id, lora=lora, strength=strength, previous=previous)
            node.became(LORA)
        previous = conversion.shared[key]
    return previous


def beta_schedule_of(conversion: Conversion, node: TheirNode) -> str:
    """Our beta schedule for the first motion model."""
    chooser, name = node, node.number("beta_schedule")
    settings = conversion.their(node.link("sample_settings"))
    override = conversion.their(settings.link("sigma_schedule")) if settings else None
    checkpoint = conversion.loader_of(node.link("model"), NOISE_SELECT) if name == "use existing" else None
    if override and override.kind == "ADE_SigmaSchedule":
        chooser, name = override, override.number("beta_schedule")
        override.went_into(APPLY)
    elif checkpoint:
        chooser, name = checkpoint, checkpoint.number("beta_schedule")
    ours, same = BETA_SCHEDULES.get(name, (AUTO, False))
    if not same:
        chooser.add(
            sentence("Beta schedule {their_value} has no counterpart: {value} is used.", their_value=name, value=ours),
            sentence("Compare the clip with other choices of beta_schedule on {node}.", node=title(APPLY)),
        )
    return ours
