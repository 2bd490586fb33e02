"""The routes of this pack on ComfyUI's server. Each takes JSON by POST, and replies with JSON."""

import asyncio
from collections.abc import Callable
from typing import Any

from ...motion_models.conversion.text import json_of
from ...motion_models.errors import MotionError
from ..conversion import route as conversion
from . import previews, window_plan

ANSWERS: dict[str, Callable[[bytes], str]] = {
    "/animatediff_xl/convert": conversion.answer,
    "/animatediff_xl/preview": previews.answer,
    "/animatediff_xl/window_plan": window_plan.answer,
}
"""The reply to the content of a request, by path. A MotionError becomes {"error"}, a sentence."""

BAD_REQUEST = 400


def status_and_text(answer: Callable[[bytes], str], content: bytes) -> tuple[int, str]:
    try:
        return 200, answer(content)
    except MotionError as error:
        return BAD_REQUEST, json_of({"error": str(error)})


def add_routes() -> None:
    """Add the routes to ComfyUI's server."""
    from aiohttp import web  # scripts may lack both
    from server import PromptServer

    server: Any = PromptServer.instance

    def add(path: str, answer: Callable[[bytes], str]) -> None:
        @server.routes.post(path)
        async def reply(request: web.Request) -> web.Response:
            content = await request.read()
            # in a thread, so that the server goes on while a large graph is converted
            status, text = await asyncio.to_thread(status_and_text, answer, content)
            return web.Response(status=status, text=text, content_type="application/json")

    for path, answer in ANSWERS.items():
        add(path, answer)
