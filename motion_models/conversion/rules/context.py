"""Their context options: the inputs of Context Windows."""

from typing import Any

from ...errors import sentence
from ..formats.graph import Output
from ..reading.their_node import Conversion, TheirNode, limited, title
from ..tables.their_nodes import THEIR_WIDGETS
from ..tables.values import CONTEXT_SCHEDULES, FUSE_METHODS

WINDOWS = "ADXL_ContextWindows"
VIEWS_ONLY = "ADE_ViewsOnlyContextOptions"
COPIED = ("context_length", "context_overlap", "context_stride", "closed_loop")


def context_options(
    conversion: Conversion, output: Output | None, goes_into: str = WINDOWS
) -> tuple[TheirNode, dict[str, Any]] | None:
    """The node of context options that is used from the start, and the inputs of ours. None if there is none."""
    given = [
        node
        for link in conversion.graph.upstream(output, ("context_opts", "prev_context"))
        if (node := conversion.their(link))
    ]
    found = [node for node in given if node.kind in CONTEXT_SCHEDULES or node.kind == VIEWS_ONLY]
    if not found:
        return None
    first = min(reversed(found), key=lambda node: node.value("start_percent"))
    for node in found:
        if node is not first:
            node.add(
                sentence("Only one set of context options is possible, and this one was left out."),
                sentence("If you need it, sample in two parts, each with its own {node}.", node=title(WINDOWS)),
            )
    if first.kind == VIEWS_ONLY:
        return views(conversion, first, goes_into)
    first.went_into(goes_into)
    report_rest(first)
    return first, window_inputs(first)


def views(conversion: Conversion, node: TheirNode, goes_into: str) -> tuple[TheirNode, dict[str, Any]] | None:
    """The inputs of ours for windows inside the motion modules."""
    view = conversion.their(node.link("view_opts_req"))
    if view is None or view.kind not in CONTEXT_SCHEDULES:
        return None
    node.went_into(goes_into)
    view.went_into(goes_into)
    report_rest(node)
    inside = {"windows_in": "motion modules"} if goes_into == WINDOWS else {}
    return view, window_inputs(view) | inside


def window_inputs(node: TheirNode) -> dict[str, Any]:
    """The inputs of ours for a node with context or view options."""
    table = THEIR_WIDGETS[node.kind]
    inputs = {}
    for name in COPIED:
        for theirs in (name, name.replace("context_", "view_")):
            if theirs in table:
                inputs[name] = node.field(theirs)
    inputs["context_schedule"] = CONTEXT_SCHEDULES[node.kind]
    if "fuse_method" in table:
        inputs["fuse_method"] = fuse_method(node)
    elif node.kind == "ADE_BatchedContextOptions":
        inputs["context_overlap"] = 0
    else:
        inputs["fuse_method"] = "flat"
    within = {
        name: limited(node, name, value, *LIMITS[name]) if name in LIMITS else value for name, value in inputs.items()
    }
    length, overlap = within["context_length"], within.get("context_overlap", 0)
    if not isinstance(length, Output) and not isinstance(overlap, Output):
        within["context_overlap"] = limited(node, "context_overlap", overlap, 0, length - 1)
    return within


LIMITS = {"context_length": (2, 1024), "context_stride": (1, 8)}


def fuse_method(node: TheirNode) -> Any:
    method = node.number("fuse_method")
    if method in FUSE_METHODS:
        return method
    node.add(
        sentence(
            "Fuse method {their_value} has no counterpart: {value} is used.", their_value=method, value=FUSE_METHODS[0]
        ),
        sentence("Choose another fuse method if seams show."),
    )
    return FUSE_METHODS[0]


def report_rest(node: TheirNode) -> None:
    """Report the settings of context options that ours has no input for, if they do something."""
    values = node.values()
    if values.get("use_on_equal_length"):
        node.add(
            sentence("A clip of exactly one window runs without windows, so use_on_equal_length has no counterpart."),
            sentence("Make the window one frame shorter if you want windows there."),
        )
    if values.get("start_percent"):
        node.add(
            sentence(
                "Windows work from the first step on: the start at {percent} has no counterpart.",
                percent=values["start_percent"],
            ),
            sentence("To start them later, sample in two parts, the first without {node}.", node=title(WINDOWS)),
        )
