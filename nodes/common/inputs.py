"""Input checks: each value from outside is checked before the node runs.

The page checks what a person types. Values that come by a link, from a script or from a saved graph are checked here.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ...motion_models import host
from ...motion_models.conditioning.curves import Curve
from ...motion_models.errors import MotionError
from ...motion_models.files.loading import MotionFile
from ...motion_models.lora.motion_lora import ChosenLora
from ...motion_models.training.monitoring.preview import Preview

Check = Callable[[Any, Any], Any]
"""(input, value) -> the value to use. Raises MotionError."""


def checked_inputs(
    fields: Sequence[Any], values: dict[str, Any], unchecked: Sequence[str] = (), lists: Sequence[str] = ()
) -> dict[str, Any]:
    """The values of a node's inputs, checked by their type. An optional input without a value has its default.

    fields: the inputs of the node's schema. unchecked: ids of inputs that the node checks itself.
    lists: ids of inputs that are lists, each of whose values is checked.
    Raises MotionError for the first value that cannot be used.
    """
    checked = {}
    for field in fields:
        value = values.get(field.id)
        if value is None and (field.optional or field.id not in values):
            value = getattr(field, "default", None)
        if value is None and field.optional:
            continue
        check = None if field.id in unchecked else CHECKS.get(field.get_io_type())
        if check and field.id in lists:
            checked[field.id] = [check(field, each) for each in (value if isinstance(value, list) else [value])]
        else:
            checked[field.id] = check(field, value) if check else value
    return checked


MOST_BITS = 256
"""Of a number in a message. Python refuses to write very long numbers."""


def refusal(field: Any, value: Any, accepted: str, **limits: object) -> MotionError:
    """The error for a value: numbers and texts are shown, anything else by its type. accepted: with its {limits}."""
    accepted = accepted.format(**limits)
    is_long = isinstance(value, int) and value.bit_length() > MOST_BITS
    if isinstance(value, str | int | float | bool | None) and not is_long:
        return MotionError(
            "{input} is {value}, but must be {accepted}.", input=field.id, value=repr(value), accepted=accepted
        )
    return MotionError(
        "{input} is of type {type}, but must be {accepted}.",
        input=field.id,
        type=type(value).__name__,
        accepted=accepted,
    )


def number(value: Any) -> float | None:
    """A finite number, also of numpy, of torch or in a text. None for anything else."""
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        return None
    return found if math.isfinite(found) else None


def check_float(field: Any, value: Any) -> float:
    found = number(value)
    if found is None or not field.min <= found <= field.max:
        raise refusal(field, value, "a number from {min} to {max}", min=f"{field.min:g}", max=f"{field.max:g}")
    return found


def check_int(field: Any, value: Any) -> int:
    found = number(value)
    if found is None or found != int(found) or not field.min <= found <= field.max:
        raise refusal(field, value, "a whole number from {min} to {max}", min=field.min, max=field.max)
    return int(found)


def check_boolean(field: Any, value: Any) -> bool:
    if number(value) not in (0.0, 1.0):
        raise refusal(field, value, "true or false")
    return bool(number(value))


def check_string(field: Any, value: Any) -> str:
    if not isinstance(value, str):
        raise refusal(field, value, "a text")
    return value


def check_choice(field: Any, value: Any) -> str:
    if not isinstance(value, str) or value not in field.options:
        raise refusal(field, value, "one of {choices}", choices=", ".join(field.options))
    return value


def check_model(field: Any, value: Any) -> host.ModelPatcher:
    if not isinstance(value, host.ModelPatcher):
        raise refusal(field, value, "a MODEL, such as from Load Checkpoint")
    return value


def check_vae(field: Any, value: Any) -> Any:
    """Other packs have VAEs of their own classes."""
    if not callable(getattr(value, "encode", None)) or not callable(getattr(value, "decode", None)):
        raise refusal(field, value, "a VAE, such as from Load Checkpoint")
    return value


def check_clip(field: Any, value: Any) -> Any:
    if not callable(getattr(value, "tokenize", None)):
        raise refusal(field, value, "a CLIP, such as from Load Checkpoint")
    return value


def check_motion_model(field: Any, value: Any) -> MotionFile:
    if not isinstance(value, MotionFile):
        raise refusal(field, value, "from Load AnimateDiff Motion Model")
    return value


def check_motion_lora(field: Any, value: Any) -> tuple[ChosenLora, ...]:
    if not isinstance(value, tuple) or not all(isinstance(lora, ChosenLora) for lora in value):
        raise refusal(field, value, "from Load AnimateDiff Motion LoRA")
    return value


def check_preview(field: Any, value: Any) -> Preview:
    if not isinstance(value, Preview):
        raise refusal(field, value, "from AnimateDiff Training Preview")
    return value


def check_schedule(field: Any, value: Any) -> tuple[Curve, ...]:
    if not isinstance(value, tuple) or not all(isinstance(curve, Curve) for curve in value):
        raise refusal(field, value, "from AnimateDiff Strength Schedule")
    return value


USABLE_LATENT = "a LATENT of finite numbers, such as a batch of frames"
USABLE_MASK = "a mask of finite numbers with at least one picture"


def check_mask(field: Any, value: Any) -> Tensor:
    """(n h w) in 0..1. ComfyUI takes masks of any rank whose last two dimensions are height and width."""
    if not isinstance(value, Tensor) or value.ndim < 2 or not value.numel():
        raise refusal(field, value, USABLE_MASK)
    try:
        mask = value.to(torch.float32).reshape(-1, *value.shape[-2:])
        is_finite = bool(mask.isfinite().all())
    except RuntimeError as error:  # a sparse tensor, or one without numbers
        raise refusal(field, value, USABLE_MASK) from error
    if not is_finite:
        raise refusal(field, value, USABLE_MASK)
    return mask.clamp(0, 1)


USABLE_IMAGE = "pictures with three colours and finite numbers from 0 to 1, such as from Load Image"


def check_image(field: Any, value: Any) -> Tensor:
    """(n h w 3) in 0..1, without transparency."""
    if not isinstance(value, Tensor) or value.ndim != 4 or value.shape[-1] < 3 or not value.numel():
        raise refusal(field, value, USABLE_IMAGE)
    try:
        pictures = value[..., :3].to(torch.float32)
        is_usable = value.is_floating_point() and bool(pictures.isfinite().all())
    except RuntimeError as error:  # a sparse tensor, or one without numbers
        raise refusal(field, value, USABLE_IMAGE) from error
    if not is_usable:
        raise refusal(field, value, USABLE_IMAGE)
    return pictures.clamp(0, 1)


def check_latent(field: Any, value: Any) -> dict[str, Any]:
    """A LATENT: {"samples": (f c h w), ...}."""
    latents = value.get("samples") if isinstance(value, dict) else None
    if not isinstance(latents, Tensor) or latents.ndim != 4 or not latents.numel() or not latents.is_floating_point():
        raise refusal(field, value, USABLE_LATENT)
    if not latents.isfinite().all():
        raise refusal(field, value, USABLE_LATENT)
    return value


def check_conditioning(field: Any, value: Any) -> host.Conditions:
    if not is_conditioning(value):
        raise refusal(field, value, "a CONDITIONING, such as from CLIP Text Encode")
    return value


def is_conditioning(value: Any) -> bool:
    """Whether a value is what text encoders give: [text (1 tokens c), options] for each text."""
    return (
        isinstance(value, list)
        and value != []
        and all(
            isinstance(entry, list | tuple)
            and len(entry) == 2
            and isinstance(entry[0], Tensor)
            and isinstance(entry[1], dict)
            for entry in value
        )
    )


CHECKS: dict[str, Check] = {
    "INT": check_int,
    "FLOAT": check_float,
    "BOOLEAN": check_boolean,
    "STRING": check_string,
    "COMBO": check_choice,
    "MODEL": check_model,
    "VAE": check_vae,
    "CLIP": check_clip,
    "MASK": check_mask,
    "IMAGE": check_image,
    "LATENT": check_latent,
    "CONDITIONING": check_conditioning,
    "ADXL_MOTION_MODEL": check_motion_model,
    "ADXL_MOTION_LORA": check_motion_lora,
    "ADXL_SCHEDULE": check_schedule,
    "ADXL_TRAINING_PREVIEW": check_preview,
}
"""By the type of an input. A node checks values of other types itself."""
