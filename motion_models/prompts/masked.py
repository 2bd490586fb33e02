"""Conditions that count in some frames only, because their mask is empty in the others. Prompt Travel makes such.

ComfyUI would run the model for them in every call. With these wrappers a call leaves out those whose mask is empty in
all of its frames: in this pack's context windows, in ComfyUI's, and without windows.
"""

from collections.abc import Callable, Iterable
from typing import Any

from torch import Tensor

from .. import host
from .encoding import FRAME_MASK

ACTIVE = "animatediff_xl_active_frames"
"""Key in a condition: whether its mask has a pixel that is not 0, for each latent of the run. Masks themselves are on
the device, where each look at them would wait."""


def with_masked_conditions(model: host.ModelPatcher) -> None:
    """Set the wrappers in MODEL, which must be a clone."""
    host.wrap(model, WRAPPERS, host.MASK_KEY)


def on_sampling(executor: host.Executor, noise: Tensor, *args: Any, **kw: Any) -> Any:
    # guiders of other packs may have no conditions of this form
    sides: dict[str, host.Conditions] = getattr(executor.class_obj, "conds", {})
    for name, side in sides.items():
        sides[name] = [with_active_frames(with_frame_mask(condition), len(noise)) for condition in side]
    return executor(noise, *args, **kw)


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


def with_active_frames(condition: dict[str, Any], latents: int) -> dict[str, Any]:
    """latents: of the run. ComfyUI repeats a mask of fewer."""
    mask = condition.get("mask")
    # a default condition covers what the masks of others leave
    if not isinstance(mask, Tensor) or mask.ndim < 3 or "default" in condition:
        return condition
    active = (mask != 0).flatten(1).any(1).tolist()
    return condition | {ACTIVE: tuple(active[index % len(active)] for index in range(latents))}


def activity(conds: list[host.Conditions | None], frames: Iterable[int]) -> tuple[bool, ...]:
    """Whether each condition, of all sides, counts in any of some latents of the run."""
    flags = [condition.get(ACTIVE) for side in conds for condition in side or ()]
    return tuple(active is None or any(active[frame] for frame in frames) for active in flags)


def chosen(conds: list[host.Conditions | None], active: Iterable[bool]) -> list[host.Conditions | None]:
    """The active conditions of each side, as conditions that no further call chooses from."""
    flags = iter(active)
    return [
        side
        and [
            {name: value for name, value in condition.items() if name != ACTIVE}
            for condition, runs in [(condition, next(flags)) for condition in side]
            if runs
        ]
        for side in conds
    ]


def on_conditions(
    executor: host.Executor,
    model: Any,
    conds: list[host.Conditions | None],
    x_in: Tensor,
    timestep: Tensor,
    model_options: host.ModelOptions,
) -> list[Tensor]:
    frames = host.window_frames(model_options.get("transformer_options", {}))
    counted = {len(condition[ACTIVE]) for side in conds for condition in side or () if ACTIVE in condition}
    # windows of another pack do not say which frames they have
    if counted and (frames or counted == {len(x_in)}):
        conds = chosen(conds, activity(conds, frames or range(len(x_in))))
    return executor(model, conds, x_in, timestep, model_options)


WRAPPERS: dict[str, Callable[..., Any]] = {
    host.WrappedCall.OUTER_SAMPLE: on_sampling,
    host.WrappedCall.CALC_COND_BATCH: on_conditions,
}
