"""Stopping a training from outside: SIGTERM, Ctrl-C or a file."""

import signal
from pathlib import Path
from types import FrameType


class Stopped(Exception):
    """A training was stopped, and its state is saved."""


class Stop:
    """Listens for a wish to stop, from now on. A step that has begun ends first."""

    def __init__(self, file: Path):
        """file: someone makes it to stop the training."""
        self.file, self.signalled = file, False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.on_signal)

    def on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.signalled = True

    @property
    def is_wished(self) -> bool:
        return self.signalled or self.file.exists()
