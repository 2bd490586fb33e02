"""What was measured, in words and as a table."""

from collections.abc import Sequence

from ..errors import printable, sentence
from .clip import ClipMeasures
from .comparison import Comparison, MeasuredClip
from .figures import FIGURES, object_direction, objects_go_one_way, roll, zoom
from .steadiness import SMALLEST_CHANGE, usual_change

PAN, TILT = ("pan left", "pan right"), ("tilt up", "tilt down")
ZOOM, ROLL = ("zoom in", "zoom out"), ("roll clockwise", "roll anticlockwise")
"""Moves of the camera, as AnimateDiff Encode Clips names them."""
DIRECTIONS = ("right", "right and up", "up", "left and up", "left", "left and down", "down", "right and down")
"""In steps of 45 degrees."""
MANY_WAYS = "different ways"
SEAMLESS = (0.7, 1.4)
"""A seam in this range cannot be seen. It holds two thirds of all changes between neighbouring frames."""
NO_SEAM, STANDSTILL, JUMP = "has no visible seam", "stands still for a moment", "jumps"
RELIABLE = 0.5
"""Share of valid pixels below which figures mean little."""
MOST_LINES = 10
"""Clips in the text below the widgets. The table has all."""


def report(comparison: Comparison) -> list[str]:
    """Lines for the node. A single clip is described if its motion is known, several have a line each."""
    everything, lines = comparison.everything, []
    if len(everything) == 1 and everything[0].measures.is_followed:
        lines += [camera_line(everything[0].measures), *object_lines(everything[0].measures)]
    lines += [clip_line(clip) for clip in everything[:MOST_LINES]]
    if comparison.reference:
        lines += [change_line(clip, comparison.reference) for clip in comparison.clips[:MOST_LINES]]
        lines += length_lines(comparison.clips, comparison.reference)
    if comparison.settings.closed_loop:
        lines += [seam_line(clip) for clip in everything[:MOST_LINES]]
    return [*lines, *size_lines(everything[0]), *warnings(comparison)]


def camera_line(clip: ClipMeasures) -> str:
    camera, speed = clip.camera, clip.fps
    return sentence(
        "Camera in one second: {pan} by {x} pixels, {tilt} by {y} pixels, {zoom} by {growth} percent, {roll} by {turn} "
        "degrees.",
        pan=PAN[camera.right < 0],
        x=f"{abs(camera.right * speed):.1f}",
        tilt=TILT[camera.down < 0],
        y=f"{abs(camera.down * speed):.1f}",
        zoom=ZOOM[camera.growth < 0],
        growth=f"{abs(zoom(clip)):.1f}",
        roll=ROLL[camera.clockwise > 0],
        turn=f"{abs(roll(clip)):.1f}",
    )


def object_lines(clip: ClipMeasures) -> list[str]:
    objects = clip.objects
    if not objects.speed:
        return [sentence("No object moves.")]
    eighth = round(object_direction(clip) / 45) % len(DIRECTIONS)
    return [
        sentence(
            "Objects move in {share} percent of the picture: {direction}, by {distance} pixels in one second.",
            share=f"{objects.share * 100:.0f}",
            direction=DIRECTIONS[eighth] if objects_go_one_way(clip) else MANY_WAYS,
            distance=f"{objects.speed * clip.fps:.1f}",
        )
    ]


def clip_line(clip: MeasuredClip) -> str:
    texts = {figure.title: figure.text(clip.measures) for figure in FIGURES}
    return sentence(
        "{clip}: camera {camera} and objects {objects} pixels a second, warp error {error}e-3, flicker {flicker} "
        "percent, flow valid for {valid} percent.",
        clip=clip.name,
        camera=texts["camera"],
        objects=texts["objects"],
        error=texts["warp error"],
        flicker=texts["flicker"],
        valid=texts["valid"],
    )


def change_line(clip: MeasuredClip, reference: MeasuredClip) -> str:
    changes = {figure.title: figure.change(clip.measures, reference.measures) for figure in FIGURES}
    return sentence(
        "{clip} against the reference: camera {camera}, objects {objects}, warp error {error}, flicker {flicker}.",
        clip=clip.name,
        camera=changes["camera"],
        objects=changes["objects"],
        error=changes["warp error"],
        flicker=changes["flicker"],
    )


def length_lines(clips: Sequence[MeasuredClip], reference: MeasuredClip) -> list[str]:
    others = [clip.name for clip in clips if not clip.is_as_long_as(reference)]
    if not others:
        return []
    return [
        sentence(
            "The picture does not show where {clips} and the reference differ: only clips with its {frames} frames are "
            "compared frame by frame.",
            clips=", ".join(others),
            frames=len(reference.frames),
        )
    ]


def seam_line(clip: MeasuredClip) -> str:
    least, most = SEAMLESS
    seam = clip.measures.seam
    if seam < least and usual_change(clip.frames) < SMALLEST_CHANGE:
        return sentence(
            "{clip}, played as a loop, has no visible seam: most frames equal the next, and the last one the first.",
            clip=clip.name,
        )
    return sentence(
        "{clip}, played as a loop, {verdict}: its last frame differs from the first {seam} times as much as neighbours "
        "do.",
        clip=clip.name,
        verdict=STANDSTILL if seam < least else JUMP if seam > most else NO_SEAM,
        seam=f"{seam:.2f}",
    )


def size_lines(clip: MeasuredClip) -> list[str]:
    height, width = clip.frames.shape[1:3]
    if clip.measures.size == (width, height):
        return []
    return [
        sentence(
            "Measured on copies of {size} pixels, to be fast. Speeds are in pixels of the clip.",
            size="x".join(map(str, clip.measures.size)),
        )
    ]


def warnings(comparison: Comparison) -> list[str]:
    lines = []
    for clip in comparison.everything:
        lost = sum(not step.is_followed for step in clip.measures.steps)
        if lost:
            lines.append(
                sentence(
                    "{clip}: no motion can be followed in {lost} of {steps} steps, as at a cut. They do not count in "
                    "speeds.",
                    clip=clip.name,
                    lost=lost,
                    steps=len(clip.measures.steps),
                )
            )
        elif clip.measures.valid < RELIABLE:
            lines.append(
                sentence(
                    "{clip}: its motion is uncertain, because most pixels cannot be followed. It flickers, or moves "
                    "too far in one frame.",
                    clip=clip.name,
                )
            )
    return lines


def table(comparison: Comparison) -> str:
    """In Markdown: a row for each clip."""
    heads = ["clip", *(f"{figure.title} ({figure.unit})" for figure in FIGURES)]
    rows = [[cell(clip.name), *(figure.text(clip.measures) for figure in FIGURES)] for clip in comparison.everything]
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def cell(name: str) -> str:
    return printable(name).replace("|", "/")
