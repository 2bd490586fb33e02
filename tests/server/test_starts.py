"""What `python -m tests.host.starts` measures, in the way this test run starts ComfyUI."""

from tests.host.server import Server
from tests.host.starts import look


def test_clips_of_this_start_show_what_was_asked_for(server: Server) -> None:
    seen = look(server)
    assert seen.right, seen
