"""Reports, warnings and errors that a node shows below its widgets; js/main.js draws them."""

import logging
from collections.abc import Callable
from typing import Any

from comfy_api.latest import io, ui

from .server import running_server

EVENT = "animatediff_xl.report"

SHOWS_ERRORS: dict[str, Any] = {"hidden": [io.Hidden.unique_id]}
"""Settings of a node that shows only its errors."""

KEEPS_REPORT: dict[str, Any] = SHOWS_ERRORS | (
    {"has_intermediate_output": True} if "has_intermediate_output" in io.Schema.__dataclass_fields__ else {}
)
"""Settings of a node whose report is its result. ComfyUI 0.30 and newer send it again if the node is cached."""

REPORTS_IN_RUNS: dict[str, Any] = SHOWS_ERRORS | {"not_idempotent": True}
"""Settings of a node that also reports while another one samples. ComfyUI must not give its result to another node."""

log = logging.getLogger(__name__)


def with_report(*outputs: object, report: str) -> io.NodeOutput:
    """The outputs of a node, and its report as a result that ComfyUI keeps with them."""
    return io.NodeOutput(*outputs, ui=ui.PreviewText(report))


def reporter(node: type[io.ComfyNode]) -> Callable[[str, list[str]], None]:
    """A function that shows a report and warnings in a node, also after the node has run. It logs warnings too."""
    node_id = node_id_of(node)

    def report_all(report: str, warnings: list[str]) -> None:
        for warning in warnings:
            log.warning(warning)
        send(node_id, "\n".join(line for line in (report, *warnings) if line))

    return report_all


def node_id_of(node: type[io.ComfyNode]) -> str | None:
    """None if no ComfyUI runs the node, as in a script."""
    return getattr(getattr(node, "hidden", None), "unique_id", None)


def send(node_id: str | None, text: str) -> None:
    """Show a text in a node, in the page that started the run. A script has no page."""
    server = running_server()
    if node_id is None or getattr(server, "client_id", None) is None:
        return
    data = {"node": node_id, "text": text, "prompt_id": getattr(server, "last_prompt_id", None)}
    server.send_sync(EVENT, data, server.client_id)
