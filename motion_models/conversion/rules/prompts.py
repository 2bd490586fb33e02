"""Their prompt schedules: Prompt Travel."""

from typing import Any

from ...errors import sentence
from ..formats.graph import Output
from ..reading.schedules import last_position
from ..reading.their_node import Conversion, TheirNode, limited, title

TRAVEL = "ADXL_PromptTravel"
LATENTS = "ADE_PromptSchedulingLatents"
MOST_FRAMES = 4096


def convert_prompts(conversion: Conversion, node: TheirNode) -> None:
    values = node.values()
    travel = conversion.make(
        TRAVEL,
        node.id,
        node.state,
        clip=node.link("clip"),
        prompts=node.field("prompts"),
        frames=limited(node, "frames", frames_of(conversion, node), 1, MOST_FRAMES),
        before=text_of(node, values, "prepend_text"),
        after=text_of(node, values, "append_text"),
    )
    node.became(TRAVEL)
    node.add(
        sentence("Between two prompts the change is even now. Before, most of it came in the first frames."),
        sentence("If you want it earlier, move the second prompt to an earlier frame."),
    )
    if node.number("tensor_interp") != "lerp":
        node.add(
            sentence("Prompts are mixed linearly, and not on a circle (slerp)."),
            sentence("Compare the clip. Most look alike."),
        )
    if node.link("values_replace"):
        node.add(
            sentence("Names in backticks are not replaced with values any more."),
            sentence("Write the values into the prompts of {node}.", node=title(TRAVEL)),
        )
    conversion.graph.redirect(Output(node.id, 0), travel)
    if node.kind == LATENTS:
        conversion.graph.redirect(Output(node.id, 1), node.link("latent"))


def text_of(node: TheirNode, values: dict[str, Any], name: str) -> Any:
    """Text that is linked, or that older graphs have as a widget."""
    return node.link(name) or values.get(name, "")


def frames_of(conversion: Conversion, node: TheirNode) -> Any:
    if node.kind == LATENTS:
        found = conversion.frames_of(node.link("latent"))
    else:
        found = node.field("max_length") or last_position(node.number("prompts"))
    if found is None:
        node.add(
            sentence("The number of frames does not show in the graph, and is 16 now."),
            sentence("Set frames on {node}.", node=title(TRAVEL)),
        )
    return found or 16
