"""Letters for texts that people write. The font that Pillow brings has no more than ASCII."""

from functools import cache

from PIL import Image, ImageDraw, ImageFont

from .canvas import LETTERS, font

SYSTEM_FONTS = (
    "NotoSansCJK-Regular.ttc", "msyh.ttc", "PingFang.ttc", "Hiragino Sans GB.ttc", "wqy-microhei.ttc",
    "malgun.ttf", "AppleSDGothicNeo.ttc",
    "Arial Unicode.ttf", "DejaVuSans.ttf", "arial.ttf", "Arial.ttf",
)  # fmt: skip
"""Files of Linux, Windows and macOS. Pillow finds them by their names."""
IN_NO_FONT = "\U0010ffff"
"""Unicode never gives this character a meaning, so fonts draw their box for missing ones."""

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def drawable(text: str) -> tuple[str, Font]:
    """A text in one line, and the font at hand that has most of its letters. The others are escaped."""
    best = font()
    if not all(has(best, letter) for letter in text):
        best = max([best, *system_fonts()], key=lambda each: sum(has(each, letter) for letter in text))
    return "".join(letter if has(best, letter) else ascii(letter)[1:-1] for letter in text), best


def has(letters: Font, letter: str) -> bool:
    return letter == " " or ink(letters, letter) != ink(letters, IN_NO_FONT)


def ink(letters: Font, letter: str) -> bytes:
    picture = Image.new("L", (2 * LETTERS, 2 * LETTERS))
    ImageDraw.Draw(picture).text((LETTERS // 2, 0), letter, 255, letters)
    return picture.tobytes()


@cache
def system_fonts() -> list[Font]:
    found = []
    for name in SYSTEM_FONTS:
        try:
            found.append(ImageFont.truetype(name, LETTERS))
        except OSError:  # the computer does not have it
            continue
    return found
