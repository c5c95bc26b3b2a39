"""Text in pictures: a font that comes with the project, and the test for characters that it lacks.

Pillow draws a box for a character that its font lacks. DejaVu Sans has Latin with all accents, Greek, Cyrillic, Hebrew,
Arabic, Armenian, Georgian, dashes and signs of mathematics. For other scripts, a font of this machine is used if it has
one; `can_write` tells.
"""

import unicodedata
from collections.abc import Iterator
from functools import cache, lru_cache

from PIL import ImageDraw, ImageFont, features

from adv_core.assets import ASSETS

OURS = str(ASSETS / "fonts" / "DejaVuSans.ttf")
# Fonts of Linux, macOS and Windows for Chinese, Japanese, Korean and the scripts of India.
OTHERS = (
    "NotoSansCJK-Regular.ttc",
    "NotoSansDevanagari-Regular.ttf",
    "Arial Unicode.ttf",
    "msyh.ttc",
    "malgun.ttf",
    "Nirmala.ttf",
)
NO_CHARACTER = "\uffff"  # Unicode will never use it, so every font draws its box


def font(size: int, text: str = "") -> ImageFont.FreeTypeFont:
    """The first font that has all characters of the text; the project's own where none has them."""
    return ImageFont.truetype(next((face for face in _faces() if _writes(face, text)), OURS), size)


def can_write(text: str) -> bool:
    """Tell whether one of the fonts has all characters of the text."""
    return any(_writes(face, text) for face in _faces())


def script_of(text: str) -> str:
    """The script of the first letter that the project's font lacks, such as "Devanagari"; "" if it has all."""
    missing = next((sign for sign in text if not _has(OURS, sign)), "")
    first = unicodedata.name(missing, "another").split()[0].capitalize() if missing else ""
    return "Chinese" if first == "Cjk" else first


def write(
    draw: ImageDraw.ImageDraw, place: tuple[int, int], text: str, size: int, fill: str, width: float | None = None
) -> None:
    """Write a line. If it is wider than ``width`` pixels, take smaller letters, and then cut it with an ellipsis.

    Args:
        place: the left end of the line, and its upper edge.
    """
    face = font(size, text)
    if width is not None:
        while draw.textlength(text, face) > width and face.size > 0.7 * size:
            face = font(int(face.size) - 1, text)
        while draw.textlength(text, face) > width and text != "…":
            text = f"{text.rstrip('…')[:-1]}…"
    left, top = place
    draw.text((left, top + font(size).getmetrics()[0]), text, fill=fill, font=face, anchor="ls")  # on one base line


def _faces() -> Iterator[str]:
    """The paths of all fonts on this machine, our own first."""
    yield OURS
    yield from filter(None, map(_path, OTHERS))


@cache
def _path(name: str) -> str | None:
    try:
        return str(ImageFont.truetype(name, 24).path)
    except OSError:
        return None


def _writes(face: str, text: str) -> bool:
    """Tell whether that font has all characters of the text, and Pillow can put them into their order."""
    # Without the library Raqm, Pillow writes from left to right, and every mark behind its letter.
    ordered = features.check("raqm") or not any(
        unicodedata.bidirectional(sign) in ("R", "AL") or unicodedata.category(sign) == "Mc" for sign in text
    )
    return ordered and all(_has(face, sign) for sign in text)


@lru_cache(4096)
def _has(face: str, sign: str) -> bool:
    """Tell whether the font has the character: whether it draws another picture than the box."""
    letters = ImageFont.truetype(
        face, 24, layout_engine=ImageFont.Layout.BASIC
    )  # Raqm puts a circle below a lone accent
    drawn, box = letters.getmask(sign), letters.getmask(NO_CHARACTER)
    return (drawn.size, bytes(drawn)) != (box.size, bytes(box))
