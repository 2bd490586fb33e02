"""The conditions of one window: whatever has one entry a frame is cut to the frames of the window.

Prompt travel, masks, inpainting latents, hints of ControlNets: all of them follow. What has one entry for the whole
clip stays as it is, and a batch of another length counts as it does without windows, where the host repeats or cuts it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor

from .. import host

FrameSelect = Callable[[Tensor], Tensor]


def select_frames(frames: Tensor, clip: int) -> FrameSelect:
    """What cuts a batch (n ...) of a clip to some of its frames (f,); a batch of one is for all of them."""

    def select(batch: Tensor) -> Tensor:
        return batch if batch.shape[0] == 1 else host.repeated(batch, clip)[frames]

    return select


def conditions_of(side: host.Conditions | None, select: FrameSelect) -> host.Conditions | None:
    """The conditions of one side with everything cut but the ControlNets, which `sliced_controls` takes care of."""
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
    """A tensor, or a tensor in the host's wrapping that says how it is batched; anything else is not a batch."""
    if isinstance(value, Tensor):
        return select(value) if value.ndim else value
    inner = getattr(value, "cond", None)
    return value._copy_with(select(inner)) if isinstance(inner, Tensor) and inner.ndim else value


@contextmanager
def sliced_controls(conditions: list[host.Conditions | None], select: FrameSelect) -> Iterator[None]:
    """While open, the ControlNets of the conditions give the hints of a window."""
    controls = [control for control in host.controls_of(conditions) if not host.knows_windows(control)]
    with host.sliced_hints(controls, select):
        yield
