"""A reference frame for all context windows. Every frame reads it in self-attention, so that the windows look alike.

Khachatryan et al., "Text2Video-Zero", arXiv 2303.13439, lets every frame attend to the first one instead of to itself.
Here the frame's own tokens and those of the reference frame are mixed by a weight, and the frame can be any. The first
window of a step that holds it keeps its tokens, and the other windows read them.
"""

import torch
from torch import Tensor

from .. import host
from ..sampling.run import run_of

Attention = tuple[Tensor, Tensor, Tensor]
"""Queries, keys and values before their projections, each ((c f) t w): conditions, frames, tokens, channels."""


def add_reference(model: host.ModelPatcher, frame: int, weight: float) -> host.ModelPatcher:
    """A clone of MODEL whose frames attend to the frame of their clip. weight: 0: to themselves. 1: to it alone."""

    def attend(queries: Tensor, keys: Tensor, values: Tensor, options: host.TransformerOptions) -> Attention:
        reference = reference_tokens(queries, frame, options)
        if reference is None or keys.shape != queries.shape:  # another node has added tokens
            return queries, keys, values
        mixed = [
            torch.lerp(tokens.unflatten(0, (len(reference), -1)), reference, weight).flatten(0, 1)
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
    ids, in_order = options.get("uuids") or range(conditions), sorted(set(clips))
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
