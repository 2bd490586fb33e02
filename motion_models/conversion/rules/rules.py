"""The rule for each class of their nodes, and the order in which rules run."""

from collections.abc import Callable

from ...errors import sentence
from ..formats.graph import ACTIVE
from ..reading.their_node import Conversion, TheirNode
from ..tables.direct import DIRECT
from ..tables.their_nodes import is_theirs
from ..tables.unsupported import advice_for
from .direct import convert_directly
from .guidance import EXTRAS
from .motion import GEN2, LOADERS, convert_motion, is_replaced
from .outputs import (
    convert_checkpoint,
    convert_guidance,
    convert_latents,
    convert_plan,
    convert_saving,
    convert_unload,
)
from .prompts import convert_prompts

Rule = Callable[[Conversion, TheirNode], None]

RULES: dict[str, Rule] = {
    **dict.fromkeys((GEN2, *LOADERS), convert_motion),
    "ADE_PromptScheduling": convert_prompts,
    "ADE_PromptSchedulingLatents": convert_prompts,
    "ADE_VisualizeContextOptionsK": convert_plan,
    "ADE_VisualizeContextOptionsKAdv": convert_plan,
    "ADE_VisualizeContextOptionsSCustom": convert_plan,
    **dict.fromkeys((kind for kind in EXTRAS if not kind.startswith("ADE_CFG")), convert_guidance),
    "ADE_EmptyLatentImageLarge": convert_latents,
    "CheckpointLoaderSimpleWithNoiseSelect": convert_checkpoint,
    "ADE_AnimateDiffUnload": convert_unload,
    "ADE_AnimateDiffCombine": convert_saving,
    **dict.fromkeys(DIRECT, convert_directly),
}
"""In the order in which they run: motion needs latents, checkpoints and schedules as they were."""


def convert_level(conversion: Conversion) -> None:
    """Convert one level of a graph. Each of their nodes is in the report afterwards."""
    graph = conversion.graph
    theirs = [TheirNode(conversion, number, kind) for number, kind in graph.kinds().items() if is_theirs(kind)]
    conversion.replaced = {node.id for node in theirs if is_replaced(conversion, node)}
    for kind, rule in RULES.items():
        for node in theirs:
            if node.kind == kind:
                rule(conversion, node)
    remove_unused(conversion, theirs)


def remove_unused(conversion: Conversion, theirs: list[TheirNode]) -> None:
    """Remove their nodes that nothing uses any more, and report what became of those that no rule has used."""
    graph = conversion.graph
    left = {node.id: node for node in theirs}
    switched_off = {node.id: node.state != ACTIVE and node.id not in conversion.done for node in theirs}
    unused = [node for node in theirs if not graph.consumers(node.id)]
    while unused:
        node = unused.pop()
        sources = [output.node for output in graph.links_of(node.id).values()]
        graph.remove(node.id)
        del left[node.id]
        if switched_off[node.id]:
            node.add(
                sentence("It was bypassed or muted, and was left out."),
                sentence("If you need it, open the old graph, switch it on, and convert again."),
            )
        elif node.id not in conversion.done:
            node.add(sentence("It has no counterpart, and was left out."), advice_for(node.kind))
        unused += {
            source: left[source] for source in sources if source in left and not graph.consumers(source)
        }.values()
    for node in left.values():
        node.add(sentence("It stays, because a node that is not converted uses it."), advice_for(node.kind))
