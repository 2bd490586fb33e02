"""Context windows in a MODEL: ComfyUI's own, this pack's and those of other packs."""

from typing import Any

import comfy.context_windows
import comfy.utils
from torch import Tensor

from .patchers import ModelOptions, TransformerOptions

ContextHandler = comfy.context_windows.ContextHandlerABC
"""A class that runs a model on a clip window by window. A MODEL has at most one handler."""

CONTEXT_HANDLER, CONTEXT_WINDOW = "context_handler", "context_window"
"""Key of the handler in model_options, and of the current window in transformer_options."""

Conditions = list[dict[str, Any]]
"""All positive or all negative conditions, as ComfyUI has prepared them for sampling."""


def context_handler(options: ModelOptions) -> ContextHandler | None:
    return options.get(CONTEXT_HANDLER)


def set_context_handler(options: ModelOptions, handler: ContextHandler) -> None:
    options[CONTEXT_HANDLER] = handler


def window_length(options: ModelOptions) -> int | None:
    """Frames of a context window. None if there are no context windows, or if their handler does not say."""
    return getattr(context_handler(options), "context_length", None)


def plans_clips(options: ModelOptions) -> bool:
    """Whether the context handler plans its windows within each clip of a batch, as this pack's does."""
    return getattr(context_handler(options), "plans_clips", False)


def reuses_noise(options: ModelOptions) -> bool:
    """Whether context windows reuse the noise of a window for the whole clip (FreeNoise)."""
    return getattr(context_handler(options), "freenoise", False)


def motion_windows(options: ModelOptions) -> Any:
    """The context handler, if it is this pack's and leaves the windows to the motion modules."""
    handler = context_handler(options)
    return handler if getattr(handler, "in_motion_modules", False) else None


def guides_by_attention(options: ModelOptions) -> bool:
    """Whether ComfyUI's Self-Attention Guidance is in a MODEL."""
    functions = options.get("sampler_post_cfg_function", ())
    return any(getattr(function, "__module__", "").endswith("nodes_sag") for function in functions)


def window_frames(options: TransformerOptions) -> list[int] | None:
    """Indices in the clip of the frames of a model call. None if the call is not for a window."""
    window = options.get(CONTEXT_WINDOW)
    if window is None:
        return None
    anchor = getattr(window, "causal_anchor_index", None)  # a frame that ComfyUI may put before a window
    return [*([] if anchor is None or anchor < 0 else [anchor]), *window.index_list]


def windows_in(options: TransformerOptions) -> int:
    """The number of windows of a model call, which are concatenated along the batch."""
    window = options.get(CONTEXT_WINDOW)
    length = getattr(window, "context_length", None)
    return max(1, len(window.index_list) // length) if window is not None and length else 1


def repeated(tensor: Tensor, frames: int) -> Tensor:
    """A batch with `frames` entries. Like ComfyUI, it repeats a shorter batch and truncates a longer one."""
    return comfy.utils.repeat_to_batch_size(tensor, frames)
