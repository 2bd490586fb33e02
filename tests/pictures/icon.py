"""The icon and the banner of the pack in the registry: a ball that moves from frame to frame of a film.

    python -m tests.pictures.icon

draws `docs/icon.png` and `docs/banner.png`.
"""

from math import sin

from PIL import Image, ImageDraw, ImageFont

from ..host.obtain import PACK

ICON, BANNER = PACK / "docs" / "icon.png", PACK / "docs" / "banner.png"
SMOOTH = 4
"""Everything is drawn larger by this factor, so that edges become smooth."""

Colour = tuple[int, int, int]

NIGHT, FILM, FRAME, HOLE = (22, 20, 48), (38, 35, 78), (58, 54, 112), (22, 20, 48)
COLD, WARM = (108, 99, 255), (255, 122, 89)
WHITE, PALE = (255, 255, 255), (184, 180, 226)
TITLE, SUBTITLE = "AnimateDiff XL", "Clips from SDXL and SD1.5 in ComfyUI"


def between(start: Colour, end: Colour, part: float) -> Colour:
    red, green, blue = (round(a + (b - a) * part) for a, b in zip(start, end, strict=True))
    return red, green, blue


class Sheet:
    """A picture whose coordinates are those of the finished one."""

    def __init__(self, width: int, height: int):
        self.size = (width, height)
        self.picture = Image.new("RGB", (width * SMOOTH, height * SMOOTH), NIGHT)
        self.canvas = ImageDraw.Draw(self.picture)

    def box(self, left: float, top: float, width: float, height: float, radius: float, colour: Colour) -> None:
        edges = [side * SMOOTH for side in (left, top, left + width, top + height)]
        self.canvas.rounded_rectangle(edges, radius * SMOOTH, colour)

    def ball(self, x: float, y: float, radius: float, colour: Colour) -> None:
        self.canvas.circle((x * SMOOTH, y * SMOOTH), radius * SMOOTH, colour)

    def text(self, x: float, y: float, text: str, size: float, colour: Colour, bold: float = 0) -> None:
        font = ImageFont.load_default(size * SMOOTH)
        width = round(bold * SMOOTH)
        self.canvas.text((x * SMOOTH, y * SMOOTH), text, colour, font, "ls", stroke_width=width, stroke_fill=colour)

    def finished(self) -> Image.Image:
        return self.picture.resize(self.size, Image.Resampling.LANCZOS)


def trail(sheet: Sheet, points: list[tuple[float, float]], radius: float, ground: Colour) -> None:
    """The ball at each point, from faint and cold to bright and warm."""
    for index, (x, y) in enumerate(points):
        part = index / (len(points) - 1)
        bright = between(COLD, WARM, part)
        sheet.ball(x, y, radius * (0.55 + 0.45 * part), between(ground, bright, 0.25 + 0.75 * part**1.5))


def holes(sheet: Sheet, top: float, width: float, size: float, count: int) -> None:
    """The perforation along an edge of a film."""
    pitch = width / count
    for index in range(count):
        sheet.box((index + 0.5) * pitch - size / 2, top, size, size * 0.75, size * 0.2, HOLE)


def icon() -> Image.Image:
    sheet = Sheet(400, 400)
    sheet.box(0, 50, 400, 300, 0, FILM)
    for top in (66, 310):
        holes(sheet, top, 400, 32, 6)
    sheet.box(24, 106, 352, 188, 20, FRAME)
    trail(sheet, [(80 + 44 * step, 246 - 64 * sin(0.42 * step)) for step in range(6)], 50, FRAME)
    return sheet.finished()


def banner() -> Image.Image:
    width, height = 1260, 540
    sheet = Sheet(width, height)
    sheet.box(0, 206, width, 268, 0, FILM)
    for top in (220, 442):
        holes(sheet, top, width, 24, 25)
    frames, side, margin = 7, 164, 18
    pitch = (width - margin) / frames
    for frame in range(frames):
        left = margin + frame * pitch
        sheet.box(left, 258, pitch - margin, side, 14, FRAME)
        now = frame / (frames - 1)
        steps = [max(0.0, now - back * 0.09) for back in range(5, -1, -1)]
        points = [(left + 36 + (pitch - margin - 72) * at, 384 - 88 * sin(3.14 * at)) for at in steps]
        trail(sheet, points, 27, FRAME)
    sheet.text(60, 112, TITLE, 76, WHITE, bold=1.6)
    sheet.text(62, 166, SUBTITLE, 32, PALE)
    return sheet.finished()


def main() -> None:
    for path, picture in ((ICON, icon()), (BANNER, banner())):
        picture.save(path, optimize=True)


if __name__ == "__main__":
    main()
