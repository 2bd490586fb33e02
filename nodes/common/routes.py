"""Routes of ComfyUI's server that the page asks."""

import asyncio
from collections.abc import Callable
from typing import Any

from ...motion_models.errors import MotionError
from ...motion_models.json_text import json_of

BAD_REQUEST = 400

Reply = Callable[[bytes], Any]
"""What a route answers to the content of a request, to be sent as JSON. It raises MotionError for what it refuses."""


def answered(reply: Reply, content: bytes) -> tuple[int, str]:
    """Status and JSON of a reply. A refusal has {"error"}, a sentence."""
    try:
        return 200, json_of(reply(content))
    except MotionError as error:
        return BAD_REQUEST, json_of({"error": str(error)})


def add_route(path: str, reply: Reply) -> None:
    """Answer POST requests to a path."""
    from aiohttp import web  # scripts may lack both
    from server import PromptServer

    server: Any = PromptServer.instance

    @server.routes.post(path)
    async def answer(request: web.Request) -> web.Response:
        content = await request.read()
        # in a thread, so that the server goes on meanwhile
        status, text = await asyncio.to_thread(answered, reply, content)
        return web.Response(status=status, text=text, content_type="application/json")
