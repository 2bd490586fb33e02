"""ControlNets in conditions."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import comfy.utils
from torch import Tensor

from .windows import Conditions


def controls_of(conditions: Iterable[Conditions | None]) -> list[Any]:
    """Every ControlNet of the conditions, once each: also the previous ones of a chain, and copies on other devices."""
    controls: dict[int, Any] = {}
    pending = [condition["control"] for side in conditions for condition in side or () if "control" in condition]
    while pending:
        control = pending.pop()
        if control is not None and id(control) not in controls:
            controls[id(control)] = control
            pending += [control.previous_controlnet, *getattr(control, "multigpu_clones", {}).values()]
    return list(controls.values())


def knows_windows(control: Any) -> bool:
    """Whether a ControlNet itself selects the frames of a window, as those of Advanced-ControlNet do."""
    return hasattr(control, "sub_idxs")


@contextmanager
def sliced_hints(hints: dict[int, tuple[Any, Tensor | None]], select: Callable[[Tensor], Tensor]) -> Iterator[None]:
    """Inside the context, ControlNets use only the hints that `select` returns.

    hints: ControlNets with the hints of the whole clip, by the id of the ControlNet.
    The ControlNets are modified and then restored. Copies would not work: ComfyUI batches conditions only if they have
    the same ControlNet object, and a copy lacks the state that ComfyUI has prepared in the original.
    """
    originals = [(control, control.cond_hint_original, control.extra_concat_orig) for control, _ in hints.values()]
    try:
        for (control, hint), (_, _, masks) in zip(hints.values(), originals, strict=True):
            control.cond_hint_original = None if hint is None else select(hint)
            control.extra_concat_orig = [select(mask) for mask in masks]
            _forget_scaled_hints(control)
        yield
    finally:
        for control, hint, masks in originals:
            control.cond_hint_original, control.extra_concat_orig = hint, masks
            _forget_scaled_hints(control)


def scaled_hint(control: Any, latents: Tensor) -> Tensor | None:
    """The hint of a ControlNet in the size that it uses for latents (n c h w), scaled as the ControlNet would.

    A ControlNet scales its hint again in each window. With this hint, it finds nothing to scale.
    """
    hint, factor = control.cond_hint_original, getattr(control, "compression_ratio", None)
    if hint is None or hint.ndim != 4 or factor is None:
        return hint
    if getattr(control, "vae", None) is not None:
        factor *= control.vae.spacial_compression_encode()
    height, width = (length * factor for length in latents.shape[-2:])
    if hasattr(control, "scale_image_to"):  # a T2I-Adapter
        width, height = control.scale_image_to(width, height)
    if hint.shape[-2:] == (height, width):
        return hint
    return comfy.utils.common_upscale(hint, width, height, control.upscale_algorithm, "center")


def _forget_scaled_hints(control: Any) -> None:
    control.cond_hint = None
    for name in ("cond_hints", "control_inputs"):  # ComfyUI after 0.33
        getattr(control, name, {}).clear()
