"""Routes of ComfyUI's server that the page asks."""

import asyncio
from collections.abc import Callable
from typing import Any

from ...motion_models.errors import MotionError
from ...motion_models.json_text import json_of

BAD_REQUEST = 400


def answered(reply: Callable[[bytes], Any], content: bytes) -> tuple[int, str]:
    """Status and JSON of a reply. A MotionError is a refusal: {"error"}, a sentence."""
    try:
        return 200, json_of(reply(content))
    except MotionError as error:
        return BAD_REQUEST, json_of({"error": str(error)})


def add_route(path: str, answer: Callable[[bytes], tuple[int, str]]) -> None:
    """Answer POST requests to a path. answer: status and JSON of the reply to the content of a request."""
    from aiohttp import web  # scripts may lack both
    from server import PromptServer

    server: Any = PromptServer.instance

    @server.routes.post(path)
    async def reply(request: web.Request) -> web.Response:
        content = await request.read()
        # in a thread, so that the server goes on meanwhile
        status, text = await asyncio.to_thread(answer, content)
        return web.Response(status=status, text=text, content_type="application/json")
