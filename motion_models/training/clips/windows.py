"""Which frames of a source make a clip. Numbers in, numbers out."""

import numpy as np

from .timeline import Timeline


def plan(timeline: Timeline, frames: int, fps: float, windows: int) -> list[list[int]]:
    """The frames of each clip, for at most `windows` clips that are spread evenly and never cross a cut.

    Each clip starts at a frame and takes the nearest one every 1 / fps seconds. fps 0 takes every frame. Longer shots
    get more of the clips. A shot that has fewer different clips than its share gives each once.
    """
    shots = [shot for shot in timeline.shots if spare(timeline, shot, frames, fps) is not None]
    lengths = [length_of(timeline, shot, fps) + step(fps) for shot in shots]  # with the time of the last frame
    clips = []
    for shot, share in zip(shots, shares(lengths, windows), strict=True):
        at = positions(timeline, shot, fps)
        room = spare(timeline, shot, frames, fps) or 0.0
        begins = at[0] + room * (np.linspace(0, 1, share) if share > 1 else np.full(share, 0.5))
        for begin in dict.fromkeys(nearest(at, begins).tolist()):
            wanted = at[begin] + np.arange(frames) * step(fps)
            clips.append((shot[0] + nearest(at, wanted)).tolist())
    return clips


def longest(timeline: Timeline, fps: float) -> int:
    """Frames of the longest clip that the source can give."""
    lengths = [length_of(timeline, shot, fps) for shot in timeline.shots]
    return 1 + int(max(lengths, default=-1.0) / step(fps) + 1e-6)


def step(fps: float) -> float:
    """From one frame of a clip to the next, in the unit of `positions`."""
    return 1 / fps if fps else 1.0


def positions(timeline: Timeline, shot: range, fps: float) -> np.ndarray:
    """The frames of a shot in seconds, or by number if every frame is taken."""
    return timeline.times[shot.start : shot.stop] if fps else np.arange(len(shot), dtype=float)


def length_of(timeline: Timeline, shot: range, fps: float) -> float:
    """From the first frame of a shot to the last, in the unit of `positions`."""
    return float(np.ptp(positions(timeline, shot, fps)))


def spare(timeline: Timeline, shot: range, frames: int, fps: float) -> float | None:
    """How much later than the shot a clip may start. None if the shot is too short, by more than half a frame."""
    length = length_of(timeline, shot, fps)
    half_frame = length / max(1, len(shot) - 1) / 2
    room = length - (frames - 1) * step(fps)
    return max(0.0, room) if room > -half_frame or frames == 1 else None


def shares(lengths: list[float], windows: int) -> list[int]:
    """Windows of each shot. Each next window goes to the shot with the most time for each of its windows."""
    counts = [0] * len(lengths)
    for _ in range(windows if lengths else 0):
        most = max(range(len(lengths)), key=lambda shot: lengths[shot] / (counts[shot] + 1))
        counts[most] += 1
    return counts


def nearest(at: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Indices of the frames at the wanted positions. at: rising."""
    return np.searchsorted((at[1:] + at[:-1]) / 2, wanted)
