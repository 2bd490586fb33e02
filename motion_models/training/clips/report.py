"""What was read, what was skipped, and why."""

from dataclasses import dataclass, field

from ...drawing.sheet import MOST_ROWS
from ...errors import MotionError, sentence
from .cutting import ClipSettings
from .sources import FRAME_FOLDER, Source
from .timeline import Timeline

SHORT, DAMAGED, STILL_ONLY, EMPTY = "short", "damaged", "stills", "empty"
"""Why a source is skipped."""

MOST_LINES = 24
"""In the report below the widgets. The output has all lines."""


@dataclass
class Report:
    settings: ClipSettings
    clips: int = 0
    read: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    skipped: dict[str, list[str]] = field(default_factory=dict)
    """Names of sources by the reason."""

    def add(self, source: Source, clips: int, timeline: Timeline) -> None:
        """A source that gave clips."""
        self.clips += clips
        self.read.append(
            sentence(
                "{file}: clips {clips}, frames {frames}, shots {shots}, caption '{caption}'.",
                file=source.name,
                clips=clips,
                frames=len(timeline.times),
                shots=len(timeline.shots),
                caption=source.caption,
            )
        )

    def skip(self, source: Source, reason: str, problem: str) -> None:
        self.skipped.setdefault(reason, []).append(source.name)
        self.problems.append(problem)

    def skip_still(self, source: Source) -> None:
        self.skip(
            source,
            STILL_ONLY,
            sentence(
                "{file}: skipped, because it is a still picture. Choose a camera move, or put the frames of a video "
                "into a folder of their own.",
                file=source.name,
            ),
        )

    def skip_short(self, source: Source, longest: int) -> None:
        self.skip(
            source,
            SHORT,
            sentence(
                "{file}: skipped, because its longest shot gives {longest} frames, and a clip needs {frames}.",
                file=source.name,
                longest=longest,
                frames=self.settings.frames,
            ),
        )

    def skip_unreadable(self, source: Source, reason: str) -> None:
        """reason: what a library says. Empty if the source has no frames."""
        if source.kind == FRAME_FOLDER and not reason:
            problem = sentence(
                "{file}: skipped, because this folder has no pictures. Videos must be in the chosen folder itself.",
                file=source.name,
            )
            self.skip(source, EMPTY, problem)
        else:
            problem = sentence(
                "{file}: skipped, because it is damaged. The system reports: {reason}.",
                file=source.name,
                reason=reason or "no frames",
            )
            self.skip(source, DAMAGED, problem)

    def note_damage(self, source: Source, timeline: Timeline) -> None:
        self.problems.append(
            sentence(
                "{file}: damaged after {frames} frames, and only these are used. The system reports: {reason}.",
                file=source.name,
                frames=len(timeline.times),
                reason=timeline.damage,
            )
        )

    def note_slow(self, source: Source, timeline: Timeline) -> None:
        self.problems.append(
            sentence(
                "{file}: frames repeat, because it has {rate} frames a second. Set fps to that or less.",
                file=source.name,
                rate=f"{timeline.rate:.3g}",
            )
        )

    def lines(self) -> list[str]:
        sources = len(self.read) + sum(map(len, self.skipped.values()))
        summary = sentence(
            "{clips} clips of {frames} frames, {width} x {height}, from {used} of {sources} sources.",
            clips=self.clips,
            frames=self.settings.frames,
            width=self.settings.width,
            height=self.settings.height,
            used=len(self.read),
            sources=sources,
        )
        return [summary, *self.left_out(), *self.problems, *self.read]

    def left_out(self) -> list[str]:
        if self.clips <= MOST_ROWS:
            return []
        return [sentence("The contact sheet shows the first {shown} clips.", shown=MOST_ROWS)]

    def nothing_usable(self, folder: str) -> MotionError:
        found = {reason: counted(self.skipped.get(reason, [])) for reason in (SHORT, DAMAGED, STILL_ONLY, EMPTY)}
        return MotionError(
            "No clip of {frames} frames can be cut from {folder}: use longer videos, fewer frames or a higher fps, and "
            "a camera move for still pictures. Too short: {short}. Damaged: {damaged}. Still pictures: {stills}. "
            "Folders without pictures: {empty}.",
            frames=self.settings.frames,
            folder=folder,
            **found,
        )


def counted(names: list[str]) -> str:
    return f"{len(names)} ({', '.join(names)})" if names else "0"


def shortened(lines: list[str]) -> str:
    """A report that fits below the widgets of a node."""
    if len(lines) <= MOST_LINES:
        return "\n".join(lines)
    more = sentence("{more} more lines are in the output report.", more=len(lines) - MOST_LINES)
    return "\n".join([*lines[:MOST_LINES], more])
