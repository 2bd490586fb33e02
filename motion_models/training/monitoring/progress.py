"""A training on its node: a bar, a report and a picture."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from ... import host
from ...drawing.sheet import stacked
from ...errors import sentence
from ..engine import Training
from ..memory import use_report
from .curve import draw_curve, smoothed
from .strip import MOST_ROWS, PreviewStrip

log = logging.getLogger(__name__)

PICTURE_SECONDS = 5
"""Between two pictures. A new preview is shown at once."""
NEWEST_ROWS = 3
"""Previews in the picture of the bar, which is small on the node. The file has more."""
LOSS_FILE, PREVIEW_FILE = "loss.png", "preview.png"


class Progress:
    """Shows a training on its node, and keeps its pictures in a folder."""

    def __init__(self, steps: int, steps_done: int, folder: Path, show: Callable[[str], None], seconds: float = 1.0):
        """steps_done: in earlier runs. folder: of the state and the pictures. show: shows a report on the node.

        seconds: least time between two reports.
        """
        self.bar, self.steps, self.folder = host.progress_bar(steps), steps, folder
        self.show, self.seconds = show, seconds
        self.strip = PreviewStrip(folder, steps_done)
        self.losses: Sequence[float] = ()
        self.began, self.first = time.monotonic(), steps_done
        self.reported = self.pictured = 0.0

    def on_step(self, training: Training) -> None:
        done, now, self.losses = training.steps_done, time.monotonic(), training.losses
        if now - self.pictured >= PICTURE_SECONDS:
            self.show_picture(done)
        else:
            self.bar.update_absolute(done, self.steps)
        if now - self.reported >= self.seconds or done == self.steps:
            self.reported = now
            seconds_left = (now - self.began) / (done - self.first) * (self.steps - done)
            self.show("\n".join([self.report(done, seconds_left), *use_report(training.device)]))

    def on_preview(self, step: int, clip: np.ndarray) -> None:
        with self.picture_errors():
            self.strip.add(step, clip)
        self.show_picture(step)
        if step == self.first:  # it is not counted as time of the steps
            self.began = time.monotonic()

    def report(self, done: int, seconds_left: float) -> str:
        values = {"step": done, "steps": self.steps, "loss": f"{smoothed(self.losses)[-1]:.4f}"}
        minutes_left = seconds_left / 60
        if minutes_left < 2:
            return sentence(
                "Step {step} of {steps}, {seconds} s left. Loss {loss}.", seconds=round(seconds_left), **values
            )
        if minutes_left < 120:
            return sentence(
                "Step {step} of {steps}, {minutes} min left. Loss {loss}.", minutes=round(minutes_left), **values
            )
        return sentence(
            "Step {step} of {steps}, {hours} h left. Loss {loss}.", hours=f"{minutes_left / 60:.1f}", **values
        )

    def report_stop(self, training: Training, file: Path, resumes: bool) -> None:
        """file: what has been saved. resumes: whether the same run would go on."""
        values = {"step": training.steps_done, "steps": self.steps, "file": file.name}
        if resumes:
            text = sentence("Stopped after step {step} of {steps}. {file} is saved: run it again to go on.", **values)
        else:
            text = sentence(
                "Stopped after step {step} of {steps}. {file} is saved: set resume to 'auto' to go on.",
                **values,
            )
        self.show(text)

    @contextmanager
    def picture_errors(self) -> Iterator[None]:
        """A picture that cannot be written does not end a training, whose weights may still be saved."""
        try:
            yield
        except OSError as error:
            log.warning("A picture of the training cannot be written to %s: %s", self.folder, error)

    def pictures(self, rows: int) -> dict[str, Image.Image]:
        """The strip of previews and the loss curve, by the names of their files. Both can be missing before a step."""
        strip = {PREVIEW_FILE: self.strip.picture(rows)} if self.strip.rows else {}
        return strip | ({LOSS_FILE: draw_curve(self.losses)} if self.losses else {})

    def finish(self, training: Training) -> None:
        """Write the pictures into the folder, and show them a last time.

        The page shows the last picture of a bar until the next run. It would hide pictures in the result of the node,
        and Vue nodes would show it a second time in their place (ComfyUI_frontend 1.39 to 1.47).
        """
        self.losses = training.losses
        with self.picture_errors():
            for name, picture in self.pictures(MOST_ROWS).items():
                picture.save(self.folder / name)
        self.show_picture(training.steps_done)

    def show_picture(self, step: int) -> None:
        """Show all of them as the picture of the bar."""
        self.pictured = time.monotonic()
        picture = stacked(list(self.pictures(NEWEST_ROWS).values()))
        self.bar.update_absolute(step, self.steps, ("JPEG", picture, None))
