"""Their nodes that one node of ComfyUI replaces."""

from ...errors import sentence
from ..formats.graph import Output
from ..reading.their_node import Conversion, TheirNode
from ..tables.direct import DIRECT
from ..tables.made_nodes import MADE
from ..tables.their_nodes import THEIR_WIDGETS


def convert_directly(conversion: Conversion, node: TheirNode) -> None:
    direct = DIRECT[node.kind]
    widgets = THEIR_WIDGETS.get(node.kind, {})
    fields = {
        ours: node.field(theirs) if theirs in widgets else node.link(theirs) for theirs, ours in direct.inputs.items()
    }
    made = MADE[direct.kind]
    fields = {name: value for name, value in fields.items() if name in made.sockets or name in made.widgets}
    new = conversion.make(direct.kind, node.id, node.state, **fields)
    node.became(direct.kind)
    values = node.values()
    for name in direct.dropped:
        if values[name] != widgets[name]:
            node.add(
                sentence("Its {their_input} {value} has no counterpart.", their_input=name, value=values[name]),
                sentence("Compare the clip. It matters only for very few steps."),
            )
    for slot, target in direct.slots.items():
        to = node.link(target) if isinstance(target, str) else Output(new.node, target)
        conversion.graph.redirect(Output(node.id, slot), to)
