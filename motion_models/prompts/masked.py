"""Conditions that count in some frames only, because their mask is empty in the others. Prompt Travel makes such.

ComfyUI would run the model for them in every call. With these wrappers a call leaves out those whose mask is empty in
all of its frames: in this pack's context windows, in ComfyUI's, and without windows.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from torch import Tensor

from .. import host
from .encoding import FRAME_MASK

ACTIVE = "animatediff_xl_active_frames"
"""Key in a condition: whether the mask has a pixel that is not 0, for each frame. The masks themselves are on the
device, where each look at them would wait."""


def with_masked_conditions(model: host.ModelPatcher) -> None:
    """Set the wrappers in MODEL, which must be a clone."""
    host.wrap(model, WRAPPERS, host.MASK_KEY)


def on_sampling(executor: host.Executor, *args: Any, **kw: Any) -> Any:
    # guiders of other packs may have no conditions of this form
    sides: dict[str, host.Conditions] = getattr(executor.class_obj, "conds", {})
    for name, side in sides.items():
        sides[name] = [with_active_frames(with_frame_mask(condition)) for condition in side]
    return executor(*args, **kw)


def with_frame_mask(condition: dict[str, Any]) -> dict[str, Any]:
    """The condition with a mask that is the product of both, if a node has replaced the mask of Prompt Travel."""
    if FRAME_MASK not in condition:
        return condition
    frame_mask, mask = condition[FRAME_MASK], condition.get("mask")
    others = {name: value for name, value in condition.items() if name != FRAME_MASK}
    if mask is None or mask is frame_mask:
        return others | {"mask": frame_mask}
    pictures = host.repeated(mask.reshape(-1, *mask.shape[-2:]), len(frame_mask))
    return others | {"mask": pictures * frame_mask.to(pictures)}


def with_active_frames(condition: dict[str, Any]) -> dict[str, Any]:
    mask = condition.get("mask")
    # a default condition covers what the masks of others leave
    if not isinstance(mask, Tensor) or mask.ndim < 3 or "default" in condition:
        return condition
    return condition | {ACTIVE: tuple((mask != 0).flatten(1).any(1).tolist())}


def is_active(condition: dict[str, Any], frames: Iterable[int]) -> bool:
    """Whether a condition counts in any of some frames of a batch."""
    active = condition.get(ACTIVE)
    return active is None or any(active[frame % len(active)] for frame in frames)


def active_conditions(side: host.Conditions | None, frames: Sequence[int]) -> host.Conditions | None:
    return None if side is None else [condition for condition in side if is_active(condition, frames)]


def on_conditions(
    executor: host.Executor,
    model: Any,
    conds: list[host.Conditions | None],
    x_in: Tensor,
    timestep: Tensor,
    model_options: host.ModelOptions,
) -> list[Tensor]:
    frames = host.window_frames(model_options.get("transformer_options", {})) or range(len(x_in))
    return executor(model, [active_conditions(side, frames) for side in conds], x_in, timestep, model_options)


WRAPPERS: dict[str, Callable[..., Any]] = {
    host.WrappedCall.OUTER_SAMPLE: on_sampling,
    host.WrappedCall.CALC_COND_BATCH: on_conditions,
}
