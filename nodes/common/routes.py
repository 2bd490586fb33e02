"""Routes of ComfyUI's server that the page asks."""

from collections.abc import Callable
from typing import Any

BAD_REQUEST = 400


def add_route(path: str, answer: Callable[[bytes], tuple[int, str]]) -> None:
    """Answer POST requests to a path. answer: status and JSON of the reply to the content of a request."""
    from aiohttp import web  # scripts may lack both
    from server import PromptServer

    server: Any = PromptServer.instance

    @server.routes.post(path)
    async def reply(request: web.Request) -> web.Response:
        status, text = answer(await request.read())
        return web.Response(status=status, text=text, content_type="application/json")
