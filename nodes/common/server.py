"""ComfyUI's server, which scripts do without."""

from typing import Any


def running_server() -> Any:
    """The server that runs the nodes. None in a script."""
    try:
        from server import PromptServer  # needs aiohttp, which scripts may lack
    except ImportError:
        return None
    return getattr(PromptServer, "instance", None)
