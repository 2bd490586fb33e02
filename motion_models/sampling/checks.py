"""What is checked about the frames and masks of a sampling run, before anything is loaded and in each model call."""

from typing import Any

import torch

from .. import host
from ..errors import MotionError
from ..files.loading import MotionFile
from .motion_config import MotionConfig, MotionSettings
from .motion_options import MotionOptions, options_of
from .warnings import length_warnings, mask_warnings, model_warnings, prompt_warnings


def check_run(config: MotionConfig, guider: Any, shape: torch.Size) -> list[str]:
    """The warnings about a sampling run on latents of a shape, (b c h w). Raises MotionError if it cannot run."""
    settings, file = config.settings, config.file
    batch, _, height, width = shape
    clip = batch // clips_in(batch, settings)
    window = host.window_length(guider.model_options)
    if window and settings.clip_frames and not host.plans_clips(guider.model_options):
        raise MotionError(CLIPS_IN_FOREIGN_WINDOWS)
    frames_at_once, options = min(clip, window or clip), options_of(guider.model_patcher)
    check_limit(frames_at_once, file, options)
    trained = options.frames_for(file.family.trained_frames)
    check_mask(clip, settings)
    model = guider.model_patcher
    # guiders of other packs may have no conditions of this form
    prompts = prompt_warnings(getattr(guider, "conds", {}), batch, clip)
    warnings = [*model_warnings(model, file), *length_warnings(frames_at_once, file, trained), *prompts]
    return warnings if settings.mask is None else [*warnings, *mask_warnings(settings.mask, height, width)]


CLIPS_IN_FOREIGN_WINDOWS = (
    "These context windows cannot separate the clips of a batch: use AnimateDiff Context Windows, or set clip_frames "
    "to 0 and sample each clip by itself."
)


def clips_in(frames: int, settings: MotionSettings) -> int:
    """The number of clips in a batch of frames. Raises MotionError if it is not a whole number."""
    if settings.clip_frames and frames % settings.clip_frames:
        raise MotionError(
            "The batch of {frames} frames cannot be divided into clips of {clip_frames}: set "
            "clip_frames to a divisor of {frames}, or to 0 if the batch is one clip.",
            frames=frames,
            clip_frames=settings.clip_frames,
        )
    return frames // settings.clip_frames if settings.clip_frames else 1


def check_limit(frames: int, file: MotionFile, options: MotionOptions) -> None:
    limit = options.frames_for(file.shape.frame_limit)
    if frames > limit:
        raise MotionError(
            "{frames} frames run at once, and {file} works with {limit} at most: put AnimateDiff Context Windows of "
            "{trained} frames before the sampler. If the batch has several clips, set clip_frames instead.",
            frames=frames,
            file=file.path.name,
            limit=limit,
            trained=file.family.trained_frames,
        )


def check_mask(frames: int, settings: MotionSettings) -> None:
    if settings.mask is not None and len(settings.mask) not in (1, frames):
        raise MotionError(
            "The mask batch has {masks} masks, and the clip has {frames} frames: give one mask for all "
            "frames, or one for each frame.",
            masks=len(settings.mask),
            frames=frames,
        )
