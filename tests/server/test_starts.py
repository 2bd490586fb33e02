"""The measurements of `python -m tests.host.starts`, with the ComfyUI of this test run."""

import pytest

from tests.host.server import Server
from tests.host.starts import look


@pytest.mark.measured
def test_clips_follow_their_prompts_in_this_start(server: Server) -> None:
    seen = look(server)
    assert seen.right, seen
