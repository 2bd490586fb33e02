"""Texts that a node shows below its widgets."""

import logging
from collections.abc import Callable

from comfy_api.latest import io
from server import PromptServer

log = logging.getLogger(__name__)


def show_text(node: type[io.ComfyNode], text: str) -> None:
    """Show a text in the node that is being executed."""
    send(node.hidden.unique_id, text)


def reporter(node: type[io.ComfyNode]) -> Callable[[str, list[str]], None]:
    """A function that shows a report and warnings in a node, also after the node has run. It logs warnings too."""
    node_id = node.hidden.unique_id

    def report_all(report: str, warnings: list[str]) -> None:
        for warning in warnings:
            log.warning(warning)
        send(node_id, "\n".join([report, *warnings]))

    return report_all


def send(node_id: str, text: str) -> None:
    PromptServer.instance.send_progress_text(text, node_id)
