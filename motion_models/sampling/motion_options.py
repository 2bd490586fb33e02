"""Options of all motion models of a MODEL, which the node AnimateDiff Motion Options sets.

They are an attachment of the MODEL. So the node works before and after Apply AnimateDiff Motion Model.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .. import host
from ..errors import MotionError, sentence
from ..network.block_strengths import BlockStrengths, Place, missing_places, places
from ..network.motion_module import MotionModel, MotionShape
from ..network.temporal_options import has_sinusoidal_positions, positions_set, sharpened, stretched_positions
from .motion_config import LoadedMotion, loaded_motions, log_warnings
from .run import SamplingRun

KEY = "animatediff_xl_options"
"""Of the options among the attachments of a MODEL, and of their wrapper."""


@dataclass(frozen=True)
class MotionOptions:
    """Every default changes nothing."""

    strengths: BlockStrengths = ()
    """Factors of the strength of single motion modules."""
    stretch: float = 1.0
    """Frames for each position that the motion model was trained with."""
    sharpness: float = 1.0
    """Factor of the scores of the temporal attention, before the softmax."""
    report: str = ""
    """What the options do, for the user."""
    on_report: Callable[[str, list[str]], None] = log_warnings
    """Called with a report and its warnings, and with the message of an error."""

    def frames_for(self, positions: int) -> int:
        """The most frames that a number of positions is enough for."""
        return math.floor(positions * self.stretch)

    @contextmanager
    def hooks(
        self, motion: MotionModel, frames: int, x: Tensor, dtype: torch.dtype, run: SamplingRun
    ) -> Iterator[None]:
        """Inside the context, the temporal attention of a motion model has these options.

        frames: of a clip, or of a window of it. x: latents of the call. dtype: in which the motion model computes.
        """
        tables: dict[int, Tensor] = {}
        if self.stretch != 1:
            key = ("positions", motion.shape, frames, self.stretch, x.device, dtype)
            tables = run.once(key, lambda: stretched_positions(motion, frames, self.stretch, x.device, dtype))
        with positions_set(motion, tables), sharpened(motion, self.sharpness):
            yield


def options_of(model: host.ModelPatcher) -> MotionOptions:
    """The options of a MODEL. Trainings do not use them."""
    options = None if host.in_training() else model.get_attachment(KEY)
    return options or MotionOptions()


def describe(strengths: BlockStrengths, stretch: float, sharpness: float, rounds: int) -> str:
    """What the options do, for the user. rounds: of FreeInit."""
    named = ", ".join(f"{place}: {strength:g}" for place, strength in strengths)
    parts = [
        sentence("Strength by block: {strengths}.", strengths=named) if strengths else "",
        sentence("Positions are stretched {stretch} times.", stretch=f"{stretch:g}") if stretch != 1 else "",
        sentence("Sharpness of the temporal attention: {sharpness}.", sharpness=f"{sharpness:g}")
        if sharpness != 1
        else "",
        sentence("FreeInit samples {rounds} times.", rounds=rounds) if rounds > 1 else "",
    ]
    return "\n".join(filter(None, parts)) or sentence("Every option has its default, so nothing changes.")


def add_motion_options(model: host.ModelPatcher, options: MotionOptions) -> host.ModelPatcher:
    """A clone of MODEL with options. Raises MotionError if MODEL has some already."""
    if model.get_attachment(KEY):
        raise MotionError(
            "This MODEL has AnimateDiff Motion Options already: remove one of the two nodes, and set everything on the "
            "other."
        )
    changed = model.clone()
    changed.set_attachments(KEY, options)
    host.wrap(changed, {host.WrappedCall.OUTER_SAMPLE: on_sampling}, KEY)
    return changed


def on_sampling(executor: host.Executor, *args: Any, **kw: Any) -> Any:
    """Check that the motion models of the MODEL can have its options."""
    guider: Any = executor.class_obj
    options, motions = options_of(guider.model_patcher), loaded_motions(guider.model_patcher)
    try:
        check_options(options, motions)
    except MotionError as error:
        options.on_report(error.report(), [])
        raise
    if not motions:
        options.on_report(options.report, [sentence(NO_MOTION)])
    return executor(*args, **kw)


NO_MOTION = (
    "This MODEL has no motion, so only FreeInit changes the clip: connect the node between Apply AnimateDiff Motion "
    "Model and the sampler."
)


def check_options(options: MotionOptions, motions: list[LoadedMotion]) -> None:
    """Raises MotionError if none of the motion models has a place that is named, or if one cannot be stretched."""
    missing = [set(missing_places(options.strengths, one.motion.shape)) for one in motions]
    nowhere = set.intersection(*missing) if missing else set()
    if nowhere:
        raise MotionError(
            "{file} has no motion module at {place}: choose from {places}.",
            file=motions[0].config.file.path.name,
            place=min(nowhere, key=str),
            places=named_places(motions[0].motion.shape),
        )
    for one in motions:
        if options.stretch != 1 and not has_sinusoidal_positions(one.motion):
            raise MotionError(
                "{file} has a positional encoding of its own, which has nothing between two frames: set stretch to 1.",
                file=one.config.file.path.name,
            )


def named_places(shape: MotionShape) -> str:
    """The levels of a motion model, for messages."""
    levels = (Place(place.side, place.level) for place in places(shape).values())
    return ", ".join(map(str, dict.fromkeys(levels)))
