"""Cuts the clips of one source. Of a video, only the clips that are not complete yet are in memory."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from PIL import Image, ImageOps

from ... import host
from .camera import CAMERA_MOVES, view
from .decoding import frames_of
from .sources import Source


@dataclass(frozen=True)
class ClipSettings:
    frames: int
    fps: float
    """0 takes every frame."""
    width: int
    height: int
    windows: int
    """Clips of each video."""
    mirror: bool
    """Whether a mirrored copy of each clip is added."""
    camera: str
    """A key of CAMERA_MOVES."""

    @property
    def copies(self) -> tuple[bool, ...]:
        """Whether each copy of a clip is mirrored."""
        return (False, True) if self.mirror else (False,)


def cut_clips(source: Source, windows: list[list[int]], settings: ClipSettings) -> Iterator[np.ndarray]:
    """Clips (f h w 3) in 0..255, in the order of the windows. A mirrored copy follows its clip.

    windows: the frames of each clip, in rising order. A frame can occur again. The camera moves after the picture is
    mirrored, so that a copy has the same camera move. Raises READ_ERRORS.
    """
    wanted: defaultdict[int, list[int]] = defaultdict(list)
    for number, window in enumerate(windows):
        for index in window:
            wanted[index].append(number)
    clips: defaultdict[tuple[int, bool], list[np.ndarray]] = defaultdict(list)
    for index, frame in enumerate(frames_of(source)):
        host.stop_if_interrupted()
        if index in wanted:
            picture = frame.picture()
            for copy in product(wanted.pop(index), settings.copies):
                clips[copy].append(seen(picture, copy[1], len(clips[copy]), settings))
                if len(clips[copy]) == settings.frames:
                    yield np.stack(clips.pop(copy))
        if not wanted:
            return


def seen(picture: Image.Image, mirrored: bool, position: int, settings: ClipSettings) -> np.ndarray:
    """(h w 3) of the frame at a position in a clip."""
    scene = ImageOps.mirror(picture) if mirrored else picture
    progress = position / max(1, settings.frames - 1)
    return np.asarray(view(scene, settings.width, settings.height, CAMERA_MOVES[settings.camera], progress))
