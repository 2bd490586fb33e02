"""What a folder of training data holds: videos, folders of frames and still pictures, each with its caption."""

import re
from dataclasses import dataclass
from pathlib import Path

from ...errors import MotionError, sentence

VIDEO, FRAME_FOLDER, STILL = "video", "frame folder", "still picture"

VIDEO_SUFFIXES: tuple[str, ...] = (".mp4", ".mov", ".webm", ".mkv", ".avi", ".gif")
PICTURE_SUFFIXES: tuple[str, ...] = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
KINDS: dict[str, str] = {**dict.fromkeys(VIDEO_SUFFIXES, VIDEO), **dict.fromkeys(PICTURE_SUFFIXES, STILL)}
"""Kinds of sources by the suffix of a file."""

PROMPT_FILE = "prompt.txt"
"""Caption within a folder of frames, as in the data of Hotshot-XL (hotshotco/Hotshot-XL, fine_tune.py)."""


@dataclass(frozen=True)
class Source:
    """A file or folder to cut clips from."""

    path: Path
    kind: str
    caption: str
    problem: str = ""
    """A sentence about its text file, if that cannot be read."""

    @property
    def name(self) -> str:
        return self.path.name


def find_sources(folder: Path, caption: str) -> list[Source]:
    """The sources of a folder, in natural order. caption: for those without a text file.

    Raises MotionError if the folder cannot be read, or if it has no sources.
    """
    try:
        kinds = {path: kind_of(path) for path in sorted(visible(folder), key=natural_order)}
    except OSError as error:
        raise MotionError(
            "{file} cannot be read: check its permissions and its drive, or choose another file. "
            "The system reports: {reason}.",
            file=folder.name,
            reason=error.strerror,
        ) from error
    sources = [with_caption(path, kind, caption) for path, kind in kinds.items() if kind]
    if not sources:
        raise MotionError(
            "{folder} has no videos or pictures: put videos ({suffixes}) into it, pictures, or a folder of frames for "
            "each video.",
            folder=folder.name,
            suffixes=", ".join(suffix[1:] for suffix in VIDEO_SUFFIXES),
        )
    return sources


def visible(folder: Path) -> list[Path]:
    """What a folder holds, without the files that systems hide there, such as `._video.mp4`."""
    return [path for path in folder.iterdir() if not path.name.startswith(".")]


def kind_of(path: Path) -> str | None:
    return FRAME_FOLDER if path.is_dir() else KINDS.get(path.suffix.lower())


def natural_order(path: Path) -> list[tuple[bool, int, str]]:
    """Sort key of a name, by which 9 comes before 10."""
    parts = re.findall(r"\d+|\D+", path.name)
    return [(part.isdecimal(), int(part) if part.isdecimal() else 0, part.lower()) for part in parts]


def pictures_in(folder: Path) -> list[Path]:
    """The frames of a folder, in natural order. Raises OSError."""
    pictures = [path for path in visible(folder) if path.suffix.lower() in PICTURE_SUFFIXES]
    return sorted(pictures, key=natural_order)


def with_caption(path: Path, kind: str, caption: str) -> Source:
    texts = [path.with_name(f"{path.name}.txt"), path / PROMPT_FILE]
    if kind != FRAME_FOLDER:
        texts = [path.with_suffix(".txt")]
    text = next((text for text in texts if text.is_file()), None)
    try:
        return Source(path, kind, text.read_text(encoding="utf-8-sig").strip() if text else caption)
    except (OSError, UnicodeDecodeError):
        problem = sentence(
            "{file}: {text} cannot be read as UTF-8, so the input caption is used. Save it again as UTF-8.",
            file=path.name,
            text=text.name if text else "",
        )
        return Source(path, kind, caption, problem)
