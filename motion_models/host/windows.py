"""Context windows, the host's own and others."""

from typing import Any

import comfy.context_windows
import comfy.utils
from torch import Tensor

from .patchers import ModelOptions, TransformerOptions

ContextHandler = comfy.context_windows.ContextHandlerABC
"""What cuts a clip into windows whenever the host runs a model on it; a MODEL has one at most."""

CONTEXT_HANDLER, CONTEXT_WINDOW = "context_handler", "context_window"
"""Their places: the handler's among the options of a MODEL, that of the window at work in transformer_options."""

Conditions = list[dict[str, Any]]
"""The conditions of one side, positive or negative, as the host has prepared them for sampling."""


def context_handler(options: ModelOptions) -> ContextHandler | None:
    """options: those of a MODEL."""
    return options.get(CONTEXT_HANDLER)


def set_context_handler(options: ModelOptions, handler: ContextHandler) -> None:
    options[CONTEXT_HANDLER] = handler


def window_length(options: ModelOptions) -> int | None:
    """Frames of the context windows of a MODEL, if it has any."""
    handler: Any = context_handler(options)
    return None if handler is None else handler.context_length


def window_frames(options: TransformerOptions) -> list[int] | None:
    """Which frames of the clip a model call holds, if those are a window of it."""
    window = options.get(CONTEXT_WINDOW)
    if window is None:
        return None
    anchor = getattr(window, "causal_anchor_index", None)  # a frame that the host's windows may begin with
    return [*([] if anchor is None or anchor < 0 else [anchor]), *window.index_list]


def windows_in(options: TransformerOptions) -> int:
    """How many windows of a clip a model call holds, behind one another."""
    window = options.get(CONTEXT_WINDOW)
    return 1 if window is None else len(window.index_list) // window.context_length


def repeated(tensor: Tensor, frames: int) -> Tensor:
    """What the host makes of a batch where one of so many frames is needed: it starts again, or leaves the rest out."""
    return comfy.utils.repeat_to_batch_size(tensor, frames)
