"""Frames of videos and pictures, one after another. A frame is turned into a picture only if someone asks for it."""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.error import FFmpegError
from av.stream import Disposition
from PIL import Image, ImageOps

from .sources import FRAME_FOLDER, STILL, VIDEO, Source, pictures_in

THUMBNAIL = 64
"""Width and height in pixels."""

READ_ERRORS = (
    FFmpegError, OSError, ValueError, SyntaxError, EOFError, struct.error, Image.DecompressionBombError
)  # fmt: skip
"""What PyAV and Pillow raise for damaged files."""

MOST_STRETCHED = 4.0
"""Width of a pixel, relative to its height. Only damaged files declare more: the widest of DVDs is 1.46."""

USUAL_RATE = 25
"""Frames a second, for a video that says nothing about time."""


@dataclass(frozen=True)
class VideoFrame:
    time: float
    """In seconds."""
    frame: av.VideoFrame
    pixel_aspect: float
    """Width of a pixel, relative to its height."""

    def thumbnail(self) -> np.ndarray:
        """(h w) grey levels in 0..255, stretched to a square."""
        return self.frame.reformat(THUMBNAIL, THUMBNAIL, "gray").to_ndarray()

    def picture(self) -> Image.Image:
        """As a player shows it: with square pixels, and upright."""
        picture = self.frame.to_image(width=max(1, round(self.frame.width * self.pixel_aspect)))
        return picture.rotate(90 * round(self.frame.rotation / 90), expand=True)


@dataclass(frozen=True)
class PictureFrame:
    time: float
    path: Path

    def thumbnail(self) -> np.ndarray:
        return np.asarray(self.picture().convert("L").resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX))

    def picture(self) -> Image.Image:
        with Image.open(self.path) as picture:
            return ImageOps.exif_transpose(picture).convert("RGB")


Frame = VideoFrame | PictureFrame


def video_frames(path: Path) -> Iterator[VideoFrame]:
    """All frames that can be decoded. Their number and times are those of the frames, whatever the file declares.

    Only local files are opened, because a playlist can have the suffix of a video. Raises READ_ERRORS.
    """
    with av.open(str(path), metadata_errors="replace", options={"protocol_whitelist": "file"}) as container:
        stream = next((s for s in container.streams.video if not s.disposition & Disposition.attached_pic), None)
        if stream is None:
            raise OSError("it has no video")
        stream.thread_type = "AUTO"
        pixel_aspect = float(stream.sample_aspect_ratio or 1)
        if not 1 / MOST_STRETCHED <= pixel_aspect <= MOST_STRETCHED:
            pixel_aspect = 1.0
        duration = 1 / float(stream.average_rate or USUAL_RATE)
        time = None
        for frame in container.decode(stream):
            if frame.is_corrupt:
                raise OSError("a frame cannot be decoded")
            time = rising(time, frame.time, duration)
            yield VideoFrame(time, frame, pixel_aspect)


def rising(before: float | None, time: float | None, duration: float) -> float:
    """The time of a frame: its time stamp, or one frame after the one before if that is missing or goes back.

    before: None for the first frame.
    """
    if before is None:
        return time or 0.0
    return before + duration if time is None or time <= before else time


def folder_frames(path: Path) -> Iterator[PictureFrame]:
    """Times are numbers of frames."""
    for number, picture in enumerate(pictures_in(path)):
        yield PictureFrame(float(number), picture)


def still_frame(path: Path) -> Iterator[PictureFrame]:
    yield PictureFrame(0.0, path)


READERS: dict[str, Callable[[Path], Iterator[Frame]]] = {
    VIDEO: video_frames,
    FRAME_FOLDER: folder_frames,
    STILL: still_frame,
}
"""By the kind of a source."""


def frames_of(source: Source) -> Iterator[Frame]:
    """The frames of a source, in order. Raises READ_ERRORS, for each frame and for what its methods do."""
    return READERS[source.kind](source.path)


def reason_of(error: Exception) -> str:
    """What a library says about a damaged file, without the path."""
    return str(getattr(error, "strerror", None) or error or type(error).__name__)
