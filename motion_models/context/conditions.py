"""The conditions of one window: a batch with one entry for each frame is sliced to the frames of the window.

Prompt travel, masks, inpainting latents and ControlNet hints are such batches. A batch of one applies to the whole clip
and is not sliced. A batch of another length is first repeated or truncated to the frames of the batch, as ComfyUI does
without windows.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor

from .. import host
from ..sampling.run import SamplingRun

FrameSelect = Callable[[Tensor], Tensor]
"""A function that slices a batch to some frames."""


def select_frames(frames: Sequence[int], index_on: Callable[[Any], Tensor], batch_frames: int) -> FrameSelect:
    """A function that slices a batch (n ...) to some frames. It returns a batch of one unchanged.

    index_on: returns the frames as a tensor (f,) on a device. Consecutive frames are a slice and need no index.
    """
    first, last = frames[0], frames[-1]
    consecutive = list(frames) == list(range(first, last + 1))

    def select(batch: Tensor) -> Tensor:
        if batch.shape[0] == 1:
            return batch
        whole = batch if batch.shape[0] == batch_frames else host.repeated(batch, batch_frames)
        return whole[first : last + 1] if consecutive else whole[index_on(batch.device)]

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
def sliced_controls(
    conditions: list[host.Conditions | None], select: FrameSelect, latents: Tensor, run: SamplingRun
) -> Iterator[None]:
    """Inside the context, the ControlNets of the conditions use the hints of the selected frames."""
    controls = [control for control in host.controls_of(conditions) if not host.knows_windows(control)]
    # an area is smaller than the latents, so its hints have another size
    whole = not any("area" in condition for side in conditions for condition in side or ())

    def hint_of(control: Any) -> Tensor | None:
        if not whole:
            return control.cond_hint_original
        original = control.cond_hint_original  # cached too, so that another tensor cannot get the same id
        key = ("hint", id(control), id(original), latents.shape[-2:])
        return run.once(key, lambda: (original, host.scaled_hint(control, latents)))[1]

    with host.sliced_hints({id(control): (control, hint_of(control)) for control in controls}, select):
        yield
