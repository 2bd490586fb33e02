"""Their settings of motion modules, blocks and iterations: Motion Options."""

from typing import Any

from ...errors import sentence
from ..formats.graph import Output
from ..reading.strengths import fixed, multival
from ..reading.their_node import Conversion, TheirNode, limited, title
from ..tables.values import LEAST_STRETCH, MOST_ROUNDS, MOST_SHARPNESS, MOST_STRENGTH, MOST_STRETCH

OPTIONS = "ADXL_MotionOptions"
FREEINIT, ITERATIONS = "ADE_IterationOptsFreeInit", "ADE_IterationOptsDefault"
FILTERS = ("gaussian", "butterworth", "ideal")
SCALES = ("ADE_AnimateDiffModelSettings_Release", "ADE_AnimateDiffModelSettingsSimple")
"""Settings of motion models in graphs of 2023."""
SWEETSPOT, FULL_STRETCH = "ADE_AdjustPESweetspotStretch", "ADE_AdjustPEFullStretch"
USUAL_POSITIONS = 32
"""That most motion models were trained with."""
BLOCKS = ("ADE_ADBlockCombo", "ADE_ADBlockIndiv")
BY_PLACE = (
    "ADE_PerBlockHighLevel",
    "ADE_PerBlock_SD15_MidLevel",
    "ADE_PerBlock_SD15_LowLevel",
    "ADE_PerBlock_SDXL_MidLevel",
    "ADE_PerBlock_SDXL_LowLevel",
)


def motion_options(
    conversion: Conversion, user: TheirNode, motion: TheirNode, settings: TheirNode | None, model: Output | None
) -> Output | None:
    """The MODEL with Motion Options, if something sets them.

    motion: the node with the strengths of the motion model. settings: sample settings.
    """
    fields: dict[str, Any] = {}
    sharpness = motion_scale(conversion, user, motion)
    for node in settings_of_model(conversion, motion):
        sharpness *= scale_of(node)
        fields |= stretch_of(conversion, node)
    if sharpness != 1:
        fields["sharpness"] = limited(motion, "scale_multival", sharpness, 0.0, MOST_SHARPNESS)
    fields |= block_strengths(conversion, motion)
    if settings:
        fields |= iterations(conversion, settings)
    return conversion.make(OPTIONS, motion.id, user.state, model=model, **fields) if fields else model


def motion_scale(conversion: Conversion, user: TheirNode, motion: TheirNode) -> float:
    """The factor of the scores in the temporal attention."""
    scale = fixed(motion, multival(conversion, motion, "scale_multival", OPTIONS), 1.0)
    return scale * user.number("motion_scale") if "motion_scale" in user.values() else scale


def settings_of_model(conversion: Conversion, motion: TheirNode) -> list[TheirNode]:
    """Settings of the node that loads the motion model."""
    loader = conversion.their(motion.link("motion_model")) or motion
    settings = conversion.their(loader.link("ad_settings"))
    if settings is None:
        return []
    if settings.kind != "ADE_AnimateDiffSettings":
        return [settings]
    conversion.done.add(settings.id)
    settings.add(sentence("Its settings are read from the nodes that are connected to it."))
    return conversion.chain(settings.link("pe_adjust"), "prev_pe_adjust")


def scale_of(node: TheirNode) -> float:
    if node.kind not in SCALES:
        return 1.0
    if node.link("mask_motion_scale"):
        node.add(
            sentence("A mask of the motion scale has no counterpart: the whole picture has the largest scale now."),
            sentence("Connect the mask to Apply AnimateDiff Motion Model, if you want less motion there."),
        )
    node.went_into(OPTIONS)
    return node.number("max_motion_scale")


def stretch_of(conversion: Conversion, node: TheirNode) -> dict[str, float]:
    if node.kind == SWEETSPOT:
        stretch = node.number("new_sweetspot") / max(node.number("sweetspot"), 1)
    elif node.kind in (FULL_STRETCH, SCALES[1]):
        added = node.number("pe_stretch" if node.kind == FULL_STRETCH else "motion_pe_stretch")
        stretch = (USUAL_POSITIONS + added) / USUAL_POSITIONS
        if added:
            node.add(
                sentence("The stretch is for a motion model with {positions} positions.", positions=USUAL_POSITIONS),
                sentence(
                    "If it has 24, set stretch to {value} on {node}.",
                    value=f"{(24 + added) / 24:.3g}",
                    node=title(OPTIONS),
                ),
            )
    else:
        return {}
    node.went_into(OPTIONS)
    return {} if stretch == 1 else {"stretch": limited(node, "stretch", round(stretch, 4), LEAST_STRETCH, MOST_STRETCH)}


def block_strengths(conversion: Conversion, motion: TheirNode) -> dict[str, str]:
    node = conversion.their(motion.link("per_block"))
    if node is None or node.kind not in BY_PLACE:
        return {}
    parts = []
    for name, output in sorted(node.links().items()):
        block = conversion.their(output)
        if block and block.kind in BLOCKS:
            side, _, rest = name.partition("_")
            effect = fixed(block, multival(conversion, block, "effect", OPTIONS), 1.0)
            effect = limited(block, "effect", effect, 0.0, MOST_STRENGTH)
            parts.append(f"{side} {rest.replace('__', '.')}".strip() + f": {effect:g}")
            report_scales(block)
            block.went_into(OPTIONS)
    node.went_into(OPTIONS)
    return {"block_strengths": ", ".join(parts)} if parts else {}


def report_scales(block: TheirNode) -> None:
    if any(name.startswith("scale") for name in block.links()):
        block.add(
            sentence("The scale of a single block has no counterpart."),
            sentence("Use sharpness on {node}, for all blocks.", node=title(OPTIONS)),
        )


def iterations(conversion: Conversion, settings: TheirNode) -> dict[str, Any]:
    node = conversion.their(settings.link("iteration_opts"))
    if node is None or node.kind not in (FREEINIT, ITERATIONS):
        return {}
    rounds = node.number("iterations")
    if rounds == 1:
        conversion.done.add(node.id)
        node.add(sentence("Its settings are those that ComfyUI has without it."))
    if rounds == 1 or node.kind == ITERATIONS:
        return {}
    node.went_into(OPTIONS)
    values = node.values()
    if values["apply_to_1st_iter"] or not values["init_type"].startswith("FreeInit"):
        node.add(
            sentence("FreeInit is used as in its paper, without {values}.", values="apply_to_1st_iter, DinkInit"),
            sentence("Compare the clip."),
        )
    chosen = values["filter"] if values["filter"] in FILTERS else FILTERS[0]
    return {
        "freeinit_rounds": limited(node, "iterations", rounds, 1, MOST_ROUNDS),
        "freeinit_filter": chosen,
        "freeinit_spatial": limited(node, "d_s", values["d_s"], 0.01, 1.0),
        "freeinit_temporal": limited(node, "d_t", values["d_t"], 0.01, 1.0),
    }
