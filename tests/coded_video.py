"""Synthetic videos whose frames show their own numbers, written by PyAV."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

SIZE = 64
BITS, STRIP = 8, 4
"""Squares at the upper edge, and their height. They are small, so that frames of one shot differ little."""
GREY = 128

CODECS = {
    ".mp4": ("libx264", "yuv420p"),
    ".mov": ("libx264", "yuv420p"),
    ".mkv": ("libx264", "yuv420p"),
    ".webm": ("libvpx-vp9", "yuv420p"),
    ".avi": ("mpeg4", "yuv420p"),
    ".gif": ("gif", "rgb8"),
}


def coded(number: int, grey: int = GREY) -> np.ndarray:
    """A frame (h w 3) that shows a number of up to 8 bits."""
    frame = np.full((SIZE, SIZE, 3), grey, np.uint8)
    for bit in range(BITS):
        side = SIZE // BITS
        frame[:STRIP, bit * side : (bit + 1) * side] = 255 * (number >> bit & 1)
    return frame


def number_of(frame: np.ndarray) -> int:
    """The number that a frame (h w 3) in 0..1 or 0..255 shows, whatever its size."""
    height, width = frame.shape[:2]
    row = frame[round(height * STRIP / SIZE / 2)].astype(float).mean(-1) / frame.max()
    columns = ((np.arange(BITS) + 0.5) * width / BITS).astype(int)
    return int(sum(1 << bit for bit, column in enumerate(columns) if row[column] > 0.5))


def numbers_of(clip: np.ndarray) -> list[int]:
    return [number_of(frame) for frame in clip]


def write_video(
    path: Path,
    frames: Sequence[np.ndarray],
    rate: float = 25,
    times: Sequence[float] | None = None,
    rotation: int = 0,
    pixel_aspect: Fraction | None = None,
) -> Path:
    """frames: (h w 3). times: in seconds, for a variable frame rate. rotation: counterclockwise, in degrees."""
    codec, pixels = CODECS[path.suffix]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=Fraction(rate).limit_denominator(1001))
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt, stream.bit_rate = pixels, 2_000_000
        if times is not None:
            stream.codec_context.time_base = stream.time_base = Fraction(1, 1000)
        if rotation:
            stream.set_display_rotation(rotation)
        if pixel_aspect:
            stream.codec_context.sample_aspect_ratio = pixel_aspect
        for number, pixels_of_frame in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels_of_frame, format="rgb24")
            if times is not None:
                frame.pts, frame.time_base = round(1000 * times[number]), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def write_coded(path: Path, count: int, **options: object) -> Path:
    """A video of the numbers from 0."""
    return write_video(path, [coded(number) for number in range(count)], **options)  # type: ignore[arg-type]


def write_frames(folder: Path, count: int) -> Path:
    """A folder of frames, whose names are not in alphabetical order."""
    folder.mkdir()
    for number in range(count):
        Image.fromarray(coded(number)).save(folder / f"frame {number}.png")
    return folder
