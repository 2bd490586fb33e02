"""ControlNets in conditions."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor

from .windows import Conditions


def controls_of(conditions: Iterable[Conditions | None]) -> list[Any]:
    """Every ControlNet of the conditions: those behind one another and the copies for further devices, each once."""
    found: dict[int, Any] = {}
    waiting = [condition["control"] for side in conditions for condition in side or () if "control" in condition]
    while waiting:
        control = waiting.pop()
        if control is not None and id(control) not in found:
            found[id(control)] = control
            waiting += [control.previous_controlnet, *getattr(control, "multigpu_clones", {}).values()]
    return list(found.values())


def knows_windows(control: Any) -> bool:
    """Whether a ControlNet looks up the frames of a window itself, as those of Advanced-ControlNet do."""
    return hasattr(control, "sub_idxs")


@contextmanager
def sliced_hints(controls: list[Any], cut: Callable[[Tensor], Tensor]) -> Iterator[None]:
    """While open, the ControlNets have the pictures that `cut` leaves of theirs.

    They are changed for that time, and not copied: conditions are batched if they have the same object, and a copy
    lacks what the host has prepared in the original.
    """
    whole = [(control, control.cond_hint_original, control.extra_concat_orig) for control in controls]
    try:
        for control, hint, masks in whole:
            control.cond_hint_original = None if hint is None else cut(hint)
            control.extra_concat_orig = [cut(mask) for mask in masks]
            _forget_scaled_hints(control)
        yield
    finally:
        for control, hint, masks in whole:
            control.cond_hint_original, control.extra_concat_orig = hint, masks
            _forget_scaled_hints(control)


def _forget_scaled_hints(control: Any) -> None:
    control.cond_hint = None
    for name in ("cond_hints", "control_inputs"):  # the same in hosts after 0.33
        getattr(control, name, {}).clear()
