"""Their multivals, keyframes and value schedules: strengths of ours, over frames or steps, and masks."""

from dataclasses import dataclass
from typing import Any

from ...errors import sentence
from ..formats.graph import Output
from .schedules import points_of, written
from .their_node import Conversion, TheirNode, title

SCHEDULE = "ADXL_StrengthSchedule"
USUAL_STEPS = 20
KEYFRAMES = ("ADE_AnimateDiffKeyframe", "ADE_CameraCtrlAnimateDiffKeyframe")
VALUES = ("ADE_ValueScheduling", "ADE_ValueSchedulingLatents")
LINKED = {"ADE_MultivalDynamicFloatInput": "float_val", "ADE_MultivalDynamicFloats": "floats"}
"""Multivals whose numbers are linked."""


@dataclass(frozen=True)
class Multival:
    number: Any = 1.0
    """A number, or an output with one."""
    schedule: Output | None = None
    """Of strengths over frames."""
    mask: Output | None = None


def multival(conversion: Conversion, user: TheirNode, name: str, goes_into: str) -> Multival | None:
    """What a multival means, or None if there is none or it has no counterpart.

    name: the input of `user` that it is linked to. goes_into: class of the new node.
    """
    output = user.link(name)
    node = conversion.their(output)
    if output is None:
        return None
    if node and node.kind == "ADE_MultivalScaledMask":
        read = scaled_mask(node)
    elif node and node.kind == "ADE_MultivalDynamic":
        read = Multival(node.field("float_val"), mask=node.link("mask_optional"))
    elif node and node.kind in LINKED:
        read = from_numbers(conversion, node)
    else:
        user.add(
            sentence("{their_input} comes from a node that the conversion does not know.", their_input=name),
            sentence("Set it again on {node}.", node=title(goes_into)),
        )
        return None
    node.went_into(goes_into)
    return read


def scaled_mask(node: TheirNode) -> Multival:
    if node.number("min_float_val") or node.number("scaling") != "absolute":
        node.add(
            sentence("Black in the mask means no motion now, and its shades are used as they are."),
            sentence("Change the mask, so that its shades are the strengths you want."),
        )
    return Multival(node.field("max_float_val"), mask=node.link("mask"))


def from_numbers(conversion: Conversion, node: TheirNode) -> Multival:
    name, mask = LINKED[node.kind], node.link("mask_optional")
    source = node.link(name)
    through = conversion.their(source)
    if through and through.kind == "ADE_FloatToFloats":
        through.went_into(SCHEDULE)
        name, source = "float_val", through.link("FLOAT")
        through = conversion.their(source)
    if through and through.kind in VALUES:
        return Multival(schedule=value_schedule(conversion, through), mask=mask)
    if source and name == "float_val":
        return Multival(schedule=shared_schedule(conversion, node, values=source), mask=mask)
    # ComfyUI refuses a link from FLOATS into FLOAT
    node.add(
        sentence("Its list of numbers has no counterpart, and the strength is 1 now."),
        sentence("Write the numbers into {node}, or connect a list of type FLOAT to its values.", node=title(SCHEDULE)),
    )
    return Multival(mask=mask)


def value_schedule(conversion: Conversion, node: TheirNode) -> Output | None:
    """A Strength Schedule with the text of a value schedule."""
    if node.kind == "ADE_ValueScheduling":
        frames = node.number("max_length")
    else:
        frames = conversion.frames_of(node.link("latent")) or 0
    points = points_of(node.number("values"), frames)
    if points is None:
        node.add(
            sentence("Its values cannot be read as points."),
            sentence("Write them into {node}, such as '0: 1, 8: 0.5'.", node=title(SCHEDULE)),
        )
        return None
    node.became(SCHEDULE)
    return shared_schedule(conversion, node, points=points)


def shared_schedule(conversion: Conversion, node: TheirNode, **fields: Any) -> Output:
    """A Strength Schedule in the place of one of their nodes. The same one for the same fields."""
    key = (SCHEDULE, node.id, *fields.items())
    if key not in conversion.shared:
        conversion.shared[key] = conversion.make(SCHEDULE, node.id, **fields)
    return conversion.shared[key]


def keyframes(conversion: Conversion, user: TheirNode, sampled: Output, schedule: Output | None) -> Output | None:
    """A Strength Schedule over steps from the keyframes of a motion model, times another schedule.

    sampled: the MODEL that is sampled. Without keyframes it is the other schedule.
    """
    chain = conversion.chain(user.link("ad_keyframes"), "prev_ad_keyframes")
    found = [keyframe for keyframe in chain if keyframe.kind in KEYFRAMES]
    if not found:
        return schedule
    strengths = [(0.0, 1.0)]
    for keyframe in sorted(found, key=lambda keyframe: keyframe.value("start_percent")):
        before = strengths[-1][1] if keyframe.value("inherit_missing") else 1.0
        effect = multival(conversion, keyframe, "effect_multival", SCHEDULE)
        strengths.append((keyframe.number("start_percent"), fixed(keyframe, effect, before)))
        keyframe.went_into(SCHEDULE)
    return over_steps(conversion, found[0], sampled, strengths, multiply_by=schedule)


def fixed(node: TheirNode, effect: Multival | None, otherwise: float) -> float:
    """The number of a multival that must be one number for all frames and pixels. It is reported if it is not."""
    if effect is None:
        return otherwise
    if not isinstance(effect.number, Output) and not effect.schedule and not effect.mask:
        return effect.number
    node.add(
        sentence("A mask, or numbers for frames, have no counterpart here. The value is {value} now.", value=otherwise),
        sentence("Set the value again on {node}.", node=title(SCHEDULE)),
    )
    return otherwise


def over_steps(
    conversion: Conversion,
    node: TheirNode,
    sampled: Output,
    values: list[tuple[float, float]],
    interpolation: str = "step",
    multiply_by: Output | None = None,
) -> Output:
    """A Strength Schedule over steps. values: by the part of the sampling, 0 to 1. A later one counts."""
    steps = conversion.steps_after(sampled)
    points = sorted({round(percent * (steps or USUAL_STEPS), 3): value for percent, value in values}.items())
    node.add(
        sentence(
            "Percents of the sampling are steps now: for a sampler with {steps} steps.", steps=steps or USUAL_STEPS
        ),
        sentence("If the sampler has another number of steps, change the points of {node}.", node=title(SCHEDULE)),
    )
    return shared_schedule(
        conversion,
        node,
        points=written(points),
        interpolation=interpolation,
        over="sampling steps",
        multiply_by=multiply_by,
    )
