"""Text that a node shows below its widgets."""

import logging
from collections.abc import Callable

from comfy_api.latest import io
from server import PromptServer

log = logging.getLogger(__name__)


def show(node: type[io.ComfyNode], text: str) -> None:
    """Show `text` in a node that is being executed."""
    send(node.hidden.unique_id, text)


def teller(node: type[io.ComfyNode], report: str) -> Callable[[str], None]:
    """What shows further text below a node's own report later on, when it is not being executed; logs it as well."""
    node_id = node.hidden.unique_id

    def tell(text: str) -> None:
        if text:
            log.warning(text)
        send(node_id, f"{report}\n{text}".strip())

    return tell


def send(node_id: str, text: str) -> None:
    PromptServer.instance.send_progress_text(text, node_id)
