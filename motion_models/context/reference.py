"""A reference frame for all context windows, so that they look alike: in self-attention, and in mean colours.

Khachatryan et al., "Text2Video-Zero", arXiv 2303.13439, lets every frame attend to the first one instead of to itself.
Here the frame's own tokens and those of the reference frame are mixed by a weight, and the frame can be any. The first
window of a step that holds it keeps its tokens, and the other windows read them.

Self-attention leaves the mean colours of windows apart on the small model (docs/measurements.md). So the predicted
latents are also shifted, towards the mean colours around the reference frame.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from .. import host
from ..errors import MotionError, sentence
from ..sampling.run import run_of
from .windows import ContextSettings

Attention = tuple[Tensor, Tensor, Tensor]
"""Queries, keys and values before their projections, each ((c f) t w): conditions, frames, tokens, channels."""


@dataclass(frozen=True)
class Reference:
    frame: int
    """Of each clip."""
    weight: float
    """0: nothing is taken from it. 1: self-attention reads it alone, and the clip has the mean colours around it."""


def check_reference(reference: Reference, clip: int) -> None:
    """Raises MotionError if a clip of that many frames does not have the reference frame."""
    if reference.frame >= clip:
        raise MotionError(
            "reference_frame is {frame}, but the clip has {frames} frames: set it to {last} or less.",
            frame=reference.frame,
            frames=clip,
            last=clip - 1,
        )


def describe_reference(reference: Reference) -> str:
    return sentence("All of the clip looks like frame {frame}.", frame=reference.frame)


def add_reference(model: host.ModelPatcher, reference: Reference) -> host.ModelPatcher:
    """A clone of MODEL whose frames attend to the reference frame of their clip."""

    def attend(queries: Tensor, keys: Tensor, values: Tensor, options: host.TransformerOptions) -> Attention:
        read = reference_tokens(queries, reference.frame, options)
        if read is None or keys.shape != queries.shape:  # another node has added tokens
            return queries, keys, values
        mixed = [
            torch.lerp(tokens.unflatten(0, (len(read), -1)), read, reference.weight).flatten(0, 1)
            for tokens in ((keys,) if values is keys else (keys, values))
        ]
        return queries, mixed[0], mixed[-1]

    changed = model.clone()
    changed.set_model_attn1_patch(attend)
    return changed


def reference_tokens(tokens: Tensor, frame: int, options: host.TransformerOptions) -> Tensor | None:
    """The tokens of the reference frame of each clip, (c f t w), or (c 1 t w) if the call has one clip.

    tokens: ((c f) t w), the input of a self-attention. options: its transformer_options. None: no call has had the
    frame yet, as in calls that other packs make.
    """
    run, conditions = run_of(options), max(1, len(options.get("cond_or_uncond", ())))
    frames = host.window_frames(options) or list(range(len(tokens) // conditions))
    clip = run.clip_frames or len(frames)
    if len(tokens) != conditions * len(frames):
        return None
    kept, is_window = run.reference_tokens, host.window_frames(options) is not None
    layer, clips = (*options["block"], options["block_index"]), [index // clip for index in frames]
    # with the side, because ComfyUI copies a condition with an area to the other sides, with its id
    ids = (
        list(zip(options["cond_or_uncond"], options["uuids"], strict=True)) if "uuids" in options else range(conditions)
    )
    in_order = sorted(set(clips))
    by_condition = tokens.unflatten(0, (conditions, -1))
    for number in in_order:
        if number * clip + frame in frames:
            position = frames.index(number * clip + frame)
            for one, condition in zip(by_condition, ids, strict=True):
                if not (is_window and (layer, condition, number) in kept):
                    kept[layer, condition, number] = one[position].clone()
    wanted = [[kept.get((layer, condition, number)) for number in in_order] for condition in ids]
    if any(found is None or found.shape != tokens.shape[1:] for row in wanted for found in row):
        return None
    of_clips = torch.stack([torch.stack(row) for row in wanted])  # type: ignore[arg-type] - none is None
    return of_clips if len(in_order) == 1 else of_clips[:, [in_order.index(number) for number in clips]]


def with_colours_of_reference(
    predicted: Tensor, reference: Reference, clip: int, windows: ContextSettings, mask: Tensor | None
) -> Tensor:
    """Predicted clean latents (f c h w) whose mean colours come near to those around the reference frame.

    clip: frames of each clip. mask: of each frame, (f 1 1 1). Frames that are kept in part keep their colours.

    This moves the mean as AdaIN does (Huang and Belongie, arXiv 1703.06868). The deviation stays, because it depends on
    what the frames show. The means are smoothed over a window, so that neighbouring frames keep their differences.
    """
    means = predicted.float().mean((-2, -1)).unflatten(0, (-1, clip)).transpose(1, 2)  # (clips c f)
    smooth = smoothed(means, min(windows.length, clip), windows.closed_loop)
    shifts = reference.weight * (smooth[..., reference.frame, None] - smooth)
    shifts = shifts.transpose(1, 2).flatten(0, 1)[..., None, None].to(predicted)
    return predicted + (shifts if mask is None else shifts * mask)


def smoothed(curves: Tensor, length: int, closed_loop: bool) -> Tensor:
    """Curves (n c f) with a mean over about a number of frames around each, the nearest weighing most.

    It is a mean of a mean. A single one would turn some waves upside down, and subtracting it would raise them.
    """
    around = length // 4
    for _ in range(2):
        padded = functional.pad(curves, (around, around), mode="circular" if closed_loop else "replicate")
        curves = functional.avg_pool1d(padded, 2 * around + 1, stride=1)
    return curves
