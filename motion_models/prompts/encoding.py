"""Encoding prompts with a CLIP, and mixing what it gives."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..errors import MotionError
from .shares import Share, frame_weights, used_prompts

Conditioning = list[list[Any]]
"""As nodes pass it on: [text (n tokens c), options] for each part of the sampling, which is one without CLIP hooks."""

Tokens = dict[str, list]
"""Chunks of tokens, by the name of the text encoder."""

POOLED = "pooled_output"

FRAME_MASK = "animatediff_xl_frame_mask"
"""Key of the weights of a condition (f 1 1), beside its mask. Another node may replace the mask."""


def mixed_text(clip: Any, found: Sequence[Share]) -> Conditioning:
    """A conditioning with an entry for each frame: text and pooled text are mixed, from the original encodings.

    Frames of one prompt have its encoding bit for bit. Shorter prompts are padded with empty chunks of tokens.
    Raises MotionError if the text encoder gives texts of different lengths.
    """
    prompts = used_prompts(found)
    tokens = padded([tokenized(clip, prompt) for prompt in prompts], clip.tokenize(""))
    encoded = [encode_tokens(clip, each) for each in tokens]
    if len(prompts) == 1:
        return encoded[0]
    frames = [(prompts.index(each.prompt), prompts.index(each.next), each.share) for each in found]
    return [mixed_part(list(part), frames) for part in zip(*encoded, strict=True)]


def tokenized(clip: Any, prompt: str) -> Tokens:
    """Raises MotionError for brackets that ComfyUI cannot read. It reads each pair inside another by itself."""
    try:
        return clip.tokenize(prompt)
    except RecursionError as error:
        raise MotionError("The prompts have too many brackets inside brackets: take some away.") from error


def encode_tokens(clip: Any, tokens: Tokens) -> Conditioning:
    """Raises MotionError if a weight makes numbers that are not finite."""
    conditioning = clip.encode_from_tokens_scheduled(tokens)
    if not all(text.isfinite().all() for text, _ in conditioning):
        raise MotionError(
            "The text encoder gives numbers that are not finite. Look at the weights in the prompts, and write them as "
            "in (snow:1.2)."
        )
    return conditioning


def encode_prompt(clip: Any, prompt: str) -> Conditioning:
    """What ComfyUI's CLIP Text Encode gives. Raises MotionError for a text that it cannot use."""
    return encode_tokens(clip, tokenized(clip, prompt))


def padded(tokens: list[Tokens], empty: Tokens) -> list[Tokens]:
    """The tokens of several texts, each with as many chunks as the longest. empty: the tokens of an empty text."""
    most = {name: max(len(each[name]) for each in tokens) for name in empty}
    return [
        {name: chunks + empty[name] * (most[name] - len(chunks)) for name, chunks in each.items()} for each in tokens
    ]


def mixed_part(encoded: list[list[Any]], frames: list[tuple[int, int, float]]) -> list[Any]:
    """One part of the sampling. frames: the index of a prompt, that of the next, and its share, for each frame."""
    lengths = {text.shape[1] for text, _ in encoded}
    if len(lengths) > 1:
        raise MotionError(
            "The prompts have different lengths in this text encoder, so their texts cannot be mixed: set mix to "
            "predictions. They have {lengths} tokens.",
            lengths=", ".join(map(str, sorted(lengths))),
        )
    options = dict(encoded[0][1])
    if isinstance(options.get(POOLED), Tensor):
        options[POOLED] = mixed([options[POOLED] for _, options in encoded], frames)
    return [mixed([text for text, _ in encoded], frames), options]


def mixed(tensors: list[Tensor], frames: list[tuple[int, int, float]]) -> Tensor:
    """(f ...) from tensors (1 ...), one for each prompt."""
    result = tensors[0].new_empty(len(frames), *tensors[0].shape[1:])
    for row, (one, other, share) in zip(result, frames, strict=True):
        torch.lerp(tensors[one][0], tensors[other][0], share, out=row)
    return result


def mixed_predictions(clip: Any, found: Sequence[Share]) -> Conditioning:
    """A condition for each prompt, as the CLIP gives it, with a mask for each frame.

    ComfyUI predicts each and takes the mean with the masks as weights.
    """
    weights = frame_weights(found)
    if len(weights) == 1:
        return encode_prompt(clip, found[0].prompt)
    conditioning: Conditioning = []
    for prompt, weight in weights.items():
        mask = weight[:, None, None]
        for text, options in encode_prompt(clip, prompt):
            conditioning.append([text, options | {"mask": mask, FRAME_MASK: mask}])
    return conditioning


MIXES = {"text": mixed_text, "predictions": mixed_predictions}
"""What is mixed between two prompts."""
