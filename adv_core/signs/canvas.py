"""Filled shapes and lettering on a square of side 1, drawn with Pillow."""

from collections.abc import Sequence
from functools import cache
from math import cos, pi, sin

from PIL import Image, ImageDraw, ImageFont

from adv_core.assets import ASSETS

FONT = ASSETS / "fonts" / "DejaVuSans.ttf"
FINE = 4  # pixels drawn for each pixel kept, each way

Colour = tuple[int, int, int]
Point = tuple[float, float]


class Canvas:
    """A transparent square. All coordinates are fractions of its side, from the upper left corner.

    Args:
        side: of the finished picture, in pixels.
    """

    def __init__(self, side: int) -> None:
        self.side, self.fine = side, side * FINE
        self._image = Image.new("RGBA", (self.fine, self.fine), (0, 0, 0, 0))
        self._draw = ImageDraw.Draw(self._image)

    def picture(self) -> Image.Image:
        """The drawing, shrunk to its side (RGBA)."""
        small = self._image.convert("RGBa").resize((self.side, self.side), Image.Resampling.BOX)
        return small.convert("RGBA")

    def polygon(self, points: Sequence[Point], colour: Colour) -> None:
        self._draw.polygon([(x * self.fine, y * self.fine) for x, y in points], fill=colour)

    def disc(self, x: float, y: float, radius: float, colour: Colour) -> None:
        box = [(x - radius) * self.fine, (y - radius) * self.fine, (x + radius) * self.fine, (y + radius) * self.fine]
        self._draw.ellipse(box, fill=colour)

    def rectangle(
        self, left: float, top: float, right: float, bottom: float, colour: Colour, corner: float = 0
    ) -> None:
        """A rectangle; corner: the radius of its rounded corners."""
        box = [left * self.fine, top * self.fine, right * self.fine, bottom * self.fine]
        self._draw.rounded_rectangle(box, corner * self.fine, fill=colour)

    def line(self, points: Sequence[Point], width: float, colour: Colour) -> None:
        """A line with round ends and corners."""
        places = [(x * self.fine, y * self.fine) for x, y in points]
        self._draw.line(places, fill=colour, width=max(1, round(width * self.fine)))
        for x, y in points:
            self.disc(x, y, width / 2, colour)

    def arrow(self, points: Sequence[Point], width: float, colour: Colour) -> None:
        """A line that ends in a triangle; the last two points give its direction."""
        (x0, y0), (x, y) = points[-2:]
        length = ((x - x0) ** 2 + (y - y0) ** 2) ** 0.5
        right, down = (x - x0) / length, (y - y0) / length
        head = 1.5 * width
        base = (x - right * head, y - down * head)
        self.line([*points[:-1], base], width, colour)
        sides = [(base[0] - down * head, base[1] + right * head), (base[0] + down * head, base[1] - right * head)]
        self.polygon([*sides, (x, y)], colour)

    def text(self, text: str, box: tuple[float, float, float, float], weight: float, colour: Colour) -> None:
        """Lettering that fills the box (left, top, right, bottom) exactly; weight: of its extra stroke, 0 ... 0.1."""
        left, top, right, bottom = (round(each * self.fine) for each in box)
        shape = _lettering(text, round(weight, 2)).resize((max(1, right - left), max(1, bottom - top)))
        self._image.paste(Image.new("RGBA", shape.size, colour), (left, top), shape)


@cache
def _lettering(text: str, weight: float) -> Image.Image:
    """The letters, cut out (L); weight is the stroke's width as a fraction of the letters' size."""
    size = 200
    font = ImageFont.truetype(str(FONT), size)
    stroke = round(weight * size)
    left, top, right, bottom = font.getbbox(text, stroke_width=stroke)
    image = Image.new("L", (round(right - left), round(bottom - top)))
    ImageDraw.Draw(image).text((-left, -top), text, fill=255, font=font, stroke_width=stroke)
    return image.crop(image.getbbox())


def polygon(corners: int, turn: float, radius: float = 0.5, x: float = 0.5, y: float = 0.5) -> list[Point]:
    """The corners of a regular polygon; turn: of its first corner from the right, clockwise, in degrees."""
    angles = [(turn + 360 * place / corners) * pi / 180 for place in range(corners)]
    return [(x + radius * cos(angle), y + radius * sin(angle)) for angle in angles]


def arc(x: float, y: float, radius: float, start: float, end: float, pieces: int = 12) -> list[Point]:
    """Points on a circle from one angle to the other, clockwise from the right, in degrees."""
    angles = [(start + (end - start) * place / pieces) * pi / 180 for place in range(pieces + 1)]
    return [(x + radius * cos(angle), y + radius * sin(angle)) for angle in angles]
