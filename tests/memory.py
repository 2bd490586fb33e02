"""Peak memory of this process, as Linux reports it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROCESS = Path("/proc/self")


def status(name: str) -> int:
    """A figure of /proc/self/status in bytes."""
    line = next(line for line in (PROCESS / "status").read_text().splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024


@contextmanager
def peak_growth() -> Iterator[list[int]]:
    """Yields a list. When the block has ended, it holds the peak growth of the process in bytes."""
    (PROCESS / "clear_refs").write_text("5")  # resets the peak
    before, grown = status("VmRSS"), []
    yield grown
    grown.append(status("VmHWM") - before)
