"""The conditions of one window: a batch with one entry for each frame is sliced to the frames of the window.

Prompt travel, masks, inpainting latents and ControlNet hints are such batches. A batch of one applies to the whole clip
and is not sliced. A batch of another length is first repeated or truncated to the clip's length, as ComfyUI does
without windows.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor

from .. import host

FrameSelect = Callable[[Tensor], Tensor]
"""A function that slices a batch to some frames."""


def select_frames(frames: Tensor, clip: int) -> FrameSelect:
    """A function that slices a batch (n ...) of a clip to the frames (f,). It returns a batch of one unchanged."""

    def select(batch: Tensor) -> Tensor:
        return batch if batch.shape[0] == 1 else host.repeated(batch, clip)[frames]

    return select


def conditions_of(side: host.Conditions | None, select: FrameSelect) -> host.Conditions | None:
    """The sliced conditions, except for their ControlNets, which `sliced_controls` slices."""
    if side is None:
        return None
    return [
        {
            name: {inner: select_value(part, select) for inner, part in value.items()}
            if name == "model_conds"
            else select_value(value, select)
            for name, value in condition.items()
        }
        for condition in side
    ]


def select_value(value: Any, select: FrameSelect) -> Any:
    """The sliced value, if it is a tensor or one of ComfyUI's condition objects. Other values stay the same."""
    if isinstance(value, Tensor):
        return select(value) if value.ndim else value
    inner = getattr(value, "cond", None)
    return value._copy_with(select(inner)) if isinstance(inner, Tensor) and inner.ndim else value


@contextmanager
def sliced_controls(conditions: list[host.Conditions | None], select: FrameSelect) -> Iterator[None]:
    """Inside the context, the ControlNets of the conditions use the hints of the selected frames."""
    controls = [control for control in host.controls_of(conditions) if not host.knows_windows(control)]
    with host.sliced_hints(controls, select):
        yield
