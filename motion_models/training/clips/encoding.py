"""Clips of a folder as latents and conditionings, in the form of ComfyUI's Make Training Dataset node."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ... import host
from ...drawing.canvas import to_image
from ...drawing.sheet import ContactSheet
from ...errors import MotionError
from ...prompts.encoding import encode_prompt
from ..dataset import CAPTION, FPS, LATENT_CHANNELS
from .camera import NO_MOVE
from .cutting import ClipSettings, cut_clips
from .decoding import READ_ERRORS, reason_of
from .report import Report
from .sources import FRAME_FOLDER, STILL, VIDEO, Source, find_sources
from .timeline import Timeline, timeline_of
from .windows import longest, plan

FRAMES_AT_ONCE = 16
"""For the VAE. ComfyUI divides them further if memory is short."""

SLOWER = 0.98
"""A video of 23.976 frames a second is not slower than fps 24."""


@dataclass(frozen=True)
class EncodedClips:
    latents: list[dict[str, Any]]
    """{"samples": (f 4 h/8 w/8)} for each clip, and its Source, which trainers put into their files."""
    conditioning: list[Any]
    """For each clip. Clips with the same caption share one."""
    contact_sheet: Tensor
    """(1 h w 3) in 0..1."""
    report: list[str]


def encode_clips(folder: Path, caption: str, settings: ClipSettings, vae: Any, clip: Any) -> EncodedClips:
    """Cuts and encodes the clips of a folder, one source after another.

    caption: for sources without a text file. vae, clip: as ComfyUI passes them to nodes. Raises MotionError if no clip
    can be cut, or if the VAE is not that of SDXL or SD1.5.
    """
    sources = find_sources(folder, caption)
    report, sheet = Report(settings), ContactSheet()
    latents, captions = [], []
    share = settings.windows * len(settings.copies)
    progress = host.progress_bar(len(sources) * share)
    for number, source in enumerate(sources):
        for done, frames in enumerate(clips_of(source, settings, report), start=1):
            latents.append({"samples": encode_frames(vae, frames), CAPTION: source.caption, FPS: settings.fps})
            captions.append(source.caption)
            sheet.add(frames)
            progress.update_absolute(number * share + done)
        progress.update_absolute((number + 1) * share)
    if not latents:
        raise report.nothing_usable(folder.name)
    texts = {text: encode_text(clip, text) for text in dict.fromkeys(captions)}
    return EncodedClips(latents, [texts[text] for text in captions], to_image(sheet.picture()), report.lines())


def clips_of(source: Source, settings: ClipSettings, report: Report) -> Iterator[np.ndarray]:
    """Clips (f h w 3) in 0..255, and what there is to say about the source."""
    if source.kind == STILL and settings.camera == NO_MOVE and settings.frames > 1:
        return report.skip_still(source)
    timeline = timeline_of(source)
    if not len(timeline.times):
        return report.skip_unreadable(source, timeline.damage)
    windows = windows_of(source, timeline, settings)
    if timeline.damage:
        report.note_damage(source, timeline)
    if not windows:
        return report.skip_short(source, longest(timeline, fps_of(source, settings)))
    cut = 0
    try:
        for clip in cut_clips(source, windows, settings):
            cut += 1
            yield clip
    except READ_ERRORS as error:
        if not cut:
            return report.skip_unreadable(source, reason_of(error))
    report.problems += [source.problem] if source.problem else []
    if source.kind == VIDEO and settings.frames > 1 and timeline.rate < SLOWER * settings.fps:
        report.note_slow(source, timeline)
    report.add(source, cut, timeline)


def windows_of(source: Source, timeline: Timeline, settings: ClipSettings) -> list[list[int]]:
    """The frames of each clip. A still picture is all frames of one clip."""
    if source.kind == STILL:
        return [[0] * settings.frames]
    return plan(timeline, settings.frames, fps_of(source, settings), settings.windows)


def fps_of(source: Source, settings: ClipSettings) -> float:
    """A folder of frames has no time stamps, so all of its frames are taken."""
    return 0.0 if source.kind == FRAME_FOLDER else settings.fps


def encode_frames(vae: Any, clip: np.ndarray) -> Tensor:
    """Latents (f 4 h/8 w/8) of a clip (f h w 3) in 0..255."""
    latents = []
    for frames in torch.from_numpy(clip).split(FRAMES_AT_ONCE):
        host.stop_if_interrupted()
        encoded = vae.encode(frames.to(torch.float32) / 255)
        if encoded.ndim != 4 or encoded.shape[1] != LATENT_CHANNELS:
            raise MotionError(
                "This VAE is not one of SDXL or SD1.5: connect that of the checkpoint to train with. Its latents have "
                "the shape {shape}.",
                shape=tuple(encoded.shape),
            )
        latents.append(encoded)
    return torch.cat(latents)


def encode_text(clip: Any, text: str) -> Any:
    """The CONDITIONING that ComfyUI's CLIP Text Encode node gives. Raises MotionError for a text that it cannot use."""
    host.stop_if_interrupted()
    return encode_prompt(clip, text)
