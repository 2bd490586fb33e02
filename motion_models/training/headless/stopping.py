"""Stopping a training from outside: by SIGTERM, by Ctrl-C, or by a file."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class StoppedError(Exception):
    """A training was stopped, and its state is saved."""


@contextmanager
def wishes_to_stop(file: Path) -> Iterator[Callable[[], bool]]:
    """A function that says whether someone wishes to stop: whether a signal came, or whether the file exists."""
    received: list[int] = []
    before = {number: signal.signal(number, lambda number, _: received.append(number)) for number in SIGNALS}
    try:
        yield lambda: bool(received) or file.exists()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
