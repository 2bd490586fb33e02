"""The conversion of a whole graph."""

from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import MotionError, sentence
from .formats.api import ApiGraph
from .formats.graph import check_size
from .formats.page import Ids, PageGraph, listed
from .reading.their_node import Conversion
from .report import Report
from .rules.rules import convert_level
from .subgraphs import unpack_crossing
from .tables.their_nodes import is_theirs

MOST_OF_THEIRS = 1_000
"""Their nodes in a graph. The largest known graphs have some fifty."""


def convert(graph: Any, files: Mapping[str, list[str]] | None = None) -> dict[str, Any]:
    """A graph with this pack's nodes in place of AnimateDiff-Evolved's, and a report.

    graph: as the page saves it, or as the API takes it. It is not changed. files: names of the files that are there, by
    folders of models. Returns {"graph", "report"}; each entry of the report has the class of a node, its id,
    what became of it, and what to do. Raises MotionError for anything that is not a graph.
    """
    if not isinstance(graph, dict):
        raise MotionError("This is not a graph of ComfyUI: open a file that ComfyUI's page or API has saved.")
    report = Report()
    files = files or {}
    if isinstance(graph.get("nodes"), list):
        return {"graph": converted_page(graph, report, files), "report": report.entries}
    if graph and all(isinstance(node, dict) and isinstance(node.get("class_type"), str) for node in graph.values()):
        return {"graph": converted_api(graph, report, files), "report": report.entries}
    raise MotionError("This is not a graph of ComfyUI: open a file that ComfyUI's page or API has saved.")


def converted_api(graph: dict[str, Any], report: Report, files: Mapping[str, list[str]]) -> dict[str, Any]:
    inputs = [node.get("inputs") for node in graph.values()]
    check_size(len(graph), sum(len(fields) for fields in inputs if isinstance(fields, dict)))
    check_number([node["class_type"] for node in graph.values()])
    level = ApiGraph(graph)
    convert_level(Conversion(level, report, files))
    return level.finished()


def converted_page(graph: dict[str, Any], report: Report, files: Mapping[str, list[str]]) -> dict[str, Any]:
    inside = subgraphs_of(graph)
    levels = [graph, *inside]
    check_size(sum(len(level["nodes"]) for level in levels), sum(len(listed(level.get("links"))) for level in levels))
    check_number([node.get("type") for level in levels for node in level["nodes"] if isinstance(node, dict)])
    ids = Ids(levels)
    graphs = [PageGraph(level, ids) for level in levels]
    unpack_crossing(graphs, {level.get("id"): opened for level, opened in zip(inside, graphs[1:], strict=True)}, report)
    report_node_groups(graph, report)
    for level, opened in zip(levels, graphs, strict=True):
        report.level = "" if level is graph else str(level.get("name", ""))
        convert_level(Conversion(opened, report, files))
    done = [counted(opened.finished(), ids) for opened in graphs]
    if not inside:
        return done[0]
    kinds = {kind for opened in graphs for kind in opened.kinds().values()}
    before = {str(node.get("type")) for level in levels for node in level["nodes"]}
    kept = [level for level in done[1:] if level.get("id") in kinds or level.get("id") not in before]
    return done[0] | {"definitions": graph["definitions"] | {"subgraphs": kept}}


def subgraphs_of(graph: dict[str, Any]) -> list[dict[str, Any]]:
    """Raises MotionError for a damaged one."""
    definitions = graph.get("definitions")
    found = listed(definitions.get("subgraphs")) if isinstance(definitions, dict) else []
    for level in found:
        if not isinstance(level, dict) or not isinstance(level.get("nodes"), list):
            raise MotionError("This graph is damaged: {value} is not a subgraph.", value=level)
        if not isinstance(level.get("id"), str):
            raise MotionError("This graph is damaged: {value} is not the id of a subgraph.", value=level.get("id"))
    return found


def counted(level: dict[str, Any], ids: Ids) -> dict[str, Any]:
    """A level with the largest ids, which the page goes on from."""
    counts = {"last_node_id": ids.node, "last_link_id": ids.link}
    level = level | {name: number for name, number in counts.items() if name in level}
    if isinstance(level.get("state"), dict):
        level["state"] = level["state"] | {"lastNodeId": ids.node, "lastLinkId": ids.link}
    return level


def report_node_groups(graph: dict[str, Any], report: Report) -> None:
    """Report their nodes in node groups, which ComfyUI had before subgraphs."""
    extra = graph.get("extra")
    groups = extra.get("groupNodes") if isinstance(extra, dict) else None
    for name, group in groups.items() if isinstance(groups, dict) else ():
        nodes = listed(group.get("nodes")) if isinstance(group, dict) else []
        kinds = [str(node.get("type")) for node in nodes if isinstance(node, dict)]
        for kind in filter(is_theirs, kinds):
            report.add(
                kind,
                name,
                sentence("It is in the node group {group}, which the conversion does not open.", group=name),
                sentence("Right-click the group, convert it to nodes, and convert again."),
            )


def is_their_kind(kind: Any) -> bool:
    return isinstance(kind, str) and is_theirs(kind)


def check_number(kinds: Iterable[Any]) -> None:
    """Raises MotionError if there are too many of their nodes."""
    count = sum(map(is_their_kind, kinds))
    if count > MOST_OF_THEIRS:
        raise MotionError(
            "This graph is too large to convert: it has {count} nodes of AnimateDiff-Evolved, and {most} are possible.",
            count=count,
            most=MOST_OF_THEIRS,
        )
