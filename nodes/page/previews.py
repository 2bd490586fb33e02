"""Which pages play previews, and the event that says what a preview shows.

A page says so when it opens, with POST /animatediff_xl/preview and {"client_id", "plays"}. Others, such as programs
that show ComfyUI's previews, get the first frame as ever.
"""

from ...motion_models import host
from ...motion_models.errors import MotionError
from ...motion_models.json_text import read_json
from ...motion_models.previews.sheet import Sheet
from ..common.server import running_server

PATH = "/animatediff_xl/preview"
EVENT = "animatediff_xl.preview"

playing: set[str] = set()
"""Ids of the clients that play previews."""


def reply(content: bytes) -> dict[str, bool]:
    given = read_json(content)
    client = given.get("client_id") if isinstance(given, dict) else None
    if not isinstance(client, str):
        raise MotionError("This request names no page: send an object with the key 'client_id'.")
    playing.intersection_update(running_server().sockets)  # those that are still connected
    playing.discard(client)
    if given.get("plays"):
        playing.add(client)
    return {"plays": client in playing}


def announce(sheet: Sheet) -> bool:
    """Announce to the page that the next preview of the running node is a sheet. Returns whether it plays sheets."""
    server = running_server()
    client = getattr(server, "client_id", None)
    if client not in playing:
        return False
    node = host.executing_node() or server.last_node_id
    data = {"node": node, "columns": sheet.columns, "rows": sheet.rows, "moments": sheet.moments}
    server.send_sync(EVENT, data, client)
    return True
