"""One real ComfyUI for the whole test run, imported into this process; `tests/server` starts another as a server."""

import os
from collections.abc import Callable

import pytest

from tests.host.boot import import_host, import_pack
from tests.host.obtain import comfyui_root

os.environ.setdefault("TRITON_INTERPRET", "1")
"""Triton runs its kernels on the CPU. It reads this when it is imported, which ComfyUI may do."""
COMFYUI = comfyui_root()
DYNAMIC_VRAM = bool(os.environ.get("DYNAMIC_VRAM"))
"""Whether the host keeps models as on an NVIDIA GPU in this test run."""

import_host(COMFYUI, dynamic_vram=DYNAMIC_VRAM)
import_pack()

MEASURED = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session")
def report(pytestconfig: pytest.Config) -> Callable[[str], None]:
    """Prints a line of measured figures at the end of the test run, for docs/measurements.md."""
    return pytestconfig.stash.setdefault(MEASURED, []).append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for line in config.stash.get(MEASURED, []):
        terminalreporter.write_line(line)
