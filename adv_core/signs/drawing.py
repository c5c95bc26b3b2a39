"""The signs, drawn as shapes, and random views of them.

Each sign fills a square: an octagon, a disc or a plate that touches its borders. With a seed, the drawing varies as
makes of one sign do: shades, widths of borders, and the form of the letters.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from adv_core.signs.backgrounds import background, blank
from adv_core.signs.canvas import Canvas, Colour, arc, polygon
from adv_core.signs.classes import CLASSES, INDEX
from adv_core.signs.views import views

WHITE, BLACK, RED, BLUE, YELLOW = (244, 244, 240), (24, 24, 26), (186, 24, 34), (20, 84, 164), (248, 200, 30)
MAKE_SIDE = 96  # pixels of a drawing before it is seen in perspective
GREEN, AMBER = (40, 150, 80), (240, 170, 30)


class Style:
    """The choices of one drawing: the usual ones, or random ones by seed."""

    def __init__(self, seed: int | None) -> None:
        self._draws = None if seed is None else np.random.default_rng(seed)

    def number(self, usual: float, low: float, high: float) -> float:
        return usual if self._draws is None else float(self._draws.uniform(low, high))

    def shade(self, colour: Colour) -> Colour:
        """The colour, somewhat lighter or darker, paler or stronger."""
        if self._draws is None:
            return colour
        light, grey = self._draws.uniform(0.8, 1.1), self._draws.uniform(0, 0.2)
        own = np.array(colour) * light + self._draws.uniform(-10, 10, 3)
        red, green, blue = np.clip(own * (1 - grey) + own.mean() * grey, 0, 255).astype(int)
        return int(red), int(green), int(blue)


Drawing = Callable[[Canvas, Style, str], None]


def _octagon(canvas: Canvas, style: Style, text: str) -> None:
    corner = 0.5 / np.cos(np.pi / 8)
    canvas.polygon(polygon(8, 22.5, corner), style.shade(WHITE))
    canvas.polygon(polygon(8, 22.5, corner * style.number(0.94, 0.9, 0.97)), style.shade(RED))
    wide, high = style.number(0.82, 0.72, 0.86), style.number(0.33, 0.25, 0.38)
    box = (0.5 - wide / 2, 0.5 - high / 2, 0.5 + wide / 2, 0.5 + high / 2)
    canvas.text(text, box, style.number(0.04, 0.0, 0.06), style.shade(WHITE))


def _triangle(canvas: Canvas, style: Style, turn: float) -> None:
    y = 0.5 + (1 if turn < 0 else -1) * 0.12
    canvas.polygon(polygon(3, turn, 0.56, y=y), style.shade(RED))
    canvas.polygon(polygon(3, turn, 0.56 * style.number(0.66, 0.6, 0.72), y=y), style.shade(WHITE))


def _yield(canvas: Canvas, style: Style, _: str) -> None:
    _triangle(canvas, style, 90)


def _no_entry(canvas: Canvas, style: Style, _: str) -> None:
    canvas.disc(0.5, 0.5, 0.5, style.shade(WHITE))
    canvas.disc(0.5, 0.5, style.number(0.48, 0.46, 0.495), style.shade(RED))
    wide, high = style.number(0.37, 0.33, 0.4), style.number(0.085, 0.07, 0.1)
    canvas.rectangle(0.5 - wide, 0.5 - high, 0.5 + wide, 0.5 + high, style.shade(WHITE))


def _ring(canvas: Canvas, style: Style, text: str) -> None:
    canvas.disc(0.5, 0.5, 0.5, style.shade(RED))
    canvas.disc(0.5, 0.5, style.number(0.39, 0.37, 0.42), style.shade(WHITE))
    wide = style.number(0.26, 0.23, 0.28) if len(text) == 2 else style.number(0.31, 0.28, 0.32)
    high = style.number(0.19, 0.17, 0.22) if len(text) == 2 else style.number(0.16, 0.14, 0.18)
    box = (0.5 - wide, 0.5 - high, 0.5 + wide, 0.5 + high)
    canvas.text(text, box, style.number(0.03, 0.0, 0.05), style.shade(BLACK))


def _plate(canvas: Canvas, style: Style, text: str) -> None:
    half, edge = style.number(0.4, 0.38, 0.42), style.number(0.02, 0.012, 0.03)
    white, black = style.shade(WHITE), style.shade(BLACK)
    canvas.rectangle(0.5 - half, 0, 0.5 + half, 1, white, 0.05)
    canvas.rectangle(0.5 - half + 0.02, 0.02, 0.5 + half - 0.02, 0.98, black, 0.04)
    canvas.rectangle(0.52 - half + edge, 0.02 + edge, 0.48 + half - edge, 0.98 - edge, white, 0.03)
    weight, wide = style.number(0.03, 0.0, 0.05), half - style.number(0.1, 0.08, 0.12)
    top = style.number(0.5, 0.48, 0.54)
    if style.number(1, 0, 1) > 0.2:
        canvas.text("SPEED", (0.5 - wide, 0.1, 0.5 + wide, 0.23), weight, black)
        canvas.text("LIMIT", (0.5 - wide, 0.29, 0.5 + wide, 0.42), weight, black)
    else:  # some plates show the number alone
        top = style.number(0.2, 0.14, 0.3)
    wide = half - style.number(0.08, 0.06, 0.12)
    canvas.text(text, (0.5 - wide, top, 0.5 + wide, style.number(0.91, 0.85, 0.93)), weight, black)


def _priority_road(canvas: Canvas, style: Style, _: str) -> None:
    canvas.polygon(polygon(4, 0), style.shade(BLACK))
    canvas.polygon(polygon(4, 0, 0.48), style.shade(WHITE))
    canvas.polygon(polygon(4, 0, style.number(0.35, 0.31, 0.37)), style.shade(YELLOW))


def _person(canvas: Canvas, x: float, y: float, size: float, colour: Colour) -> None:
    """A walking figure; (x, y) is its middle."""
    canvas.disc(x, y - 0.4 * size, 0.1 * size, colour)
    canvas.line([(x, y - 0.25 * size), (x, y + 0.08 * size)], 0.16 * size, colour)
    canvas.line([(x, y - 0.2 * size), (x - 0.24 * size, y + 0.02 * size)], 0.08 * size, colour)
    canvas.line([(x, y - 0.2 * size), (x + 0.24 * size, y)], 0.08 * size, colour)
    canvas.line([(x, y + 0.08 * size), (x - 0.22 * size, y + 0.46 * size)], 0.1 * size, colour)
    canvas.line([(x, y + 0.08 * size), (x + 0.2 * size, y + 0.46 * size)], 0.1 * size, colour)


def _pedestrian_crossing(canvas: Canvas, style: Style, _: str) -> None:
    canvas.rectangle(0, 0, 1, 1, style.shade(BLUE), 0.04)
    canvas.polygon(polygon(3, -90, style.number(0.5, 0.46, 0.52), y=0.6), style.shade(WHITE))
    black = style.shade(BLACK)
    _person(canvas, 0.5, 0.58, style.number(0.44, 0.4, 0.48), black)
    for x in (0.3, 0.42, 0.54, 0.66):
        canvas.rectangle(x, 0.79, x + 0.06, 0.82, black)


def _children(canvas: Canvas, style: Style, _: str) -> None:
    _triangle(canvas, style, -90)
    black = style.shade(BLACK)
    _person(canvas, 0.43, 0.64, style.number(0.34, 0.31, 0.36), black)
    _person(canvas, 0.6, 0.68, style.number(0.27, 0.25, 0.29), black)


def _road_works(canvas: Canvas, style: Style, _: str) -> None:
    _triangle(canvas, style, -90)
    black = style.shade(BLACK)
    canvas.disc(0.47, 0.45, 0.04, black)
    canvas.line([(0.46, 0.52), (0.4, 0.66)], 0.07, black)
    canvas.line([(0.4, 0.66), (0.36, 0.8)], 0.05, black)
    canvas.line([(0.4, 0.66), (0.46, 0.8)], 0.05, black)
    canvas.line([(0.46, 0.54), (0.54, 0.62), (0.62, 0.74)], 0.03, black)
    canvas.polygon([(0.52, 0.82), (0.62, 0.7), (0.74, 0.82)], black)


def _traffic_signals(canvas: Canvas, style: Style, _: str) -> None:
    _triangle(canvas, style, -90)
    canvas.rectangle(0.42, 0.38, 0.58, 0.82, style.shade(BLACK), 0.03)
    radius = style.number(0.06, 0.055, 0.065)
    for y, colour in ((0.46, RED), (0.6, AMBER), (0.74, GREEN)):
        canvas.disc(0.5, y, radius, style.shade(colour))


def _bend(side: int) -> Drawing:
    def draw(canvas: Canvas, style: Style, _: str) -> None:
        _triangle(canvas, style, -90)
        way = ((-0.06, 0.8), (-0.06, 0.64), (-0.02, 0.57), (0.04, 0.53), (0.17, 0.49))
        path = [(0.5 + side * x, y) for x, y in way]
        canvas.arrow(path, style.number(0.075, 0.065, 0.085), style.shade(BLACK))

    return draw


def _blue(canvas: Canvas, style: Style) -> None:
    canvas.disc(0.5, 0.5, 0.5, style.shade(WHITE))
    canvas.disc(0.5, 0.5, style.number(0.48, 0.46, 0.495), style.shade(BLUE))


def _turn(side: int) -> Drawing:
    def draw(canvas: Canvas, style: Style, _: str) -> None:
        _blue(canvas, style)
        way = ((-0.15, 0.8), (-0.15, 0.52), (-0.12, 0.46), (-0.05, 0.44), (0.33, 0.44))
        path = [(0.5 + side * x, y) for x, y in way]
        canvas.arrow(path, style.number(0.12, 0.1, 0.14), style.shade(WHITE))

    return draw


def _straight_ahead(canvas: Canvas, style: Style, _: str) -> None:
    _blue(canvas, style)
    canvas.arrow([(0.5, 0.84), (0.5, 0.14)], style.number(0.13, 0.11, 0.15), style.shade(WHITE))


def _roundabout(canvas: Canvas, style: Style, _: str) -> None:
    _blue(canvas, style)
    width, white = style.number(0.08, 0.07, 0.095), style.shade(WHITE)
    for start in (-60, 60, 180):
        canvas.arrow(arc(0.5, 0.5, 0.27, start + 100, start), width, white)


DRAWINGS: dict[str, Drawing] = {
    "octagon": _octagon,
    "yield": _yield,
    "no_entry": _no_entry,
    "ring": _ring,
    "plate": _plate,
    "priority_road": _priority_road,
    "pedestrian_crossing": _pedestrian_crossing,
    "children": _children,
    "road_works": _road_works,
    "traffic_signals": _traffic_signals,
    "bend_left": _bend(-1),
    "bend_right": _bend(1),
    "turn_left": _turn(-1),
    "turn_right": _turn(1),
    "straight_ahead": _straight_ahead,
    "roundabout": _roundabout,
}


def draw_sign(key: str, side: int, seed: int | None = None) -> Image.Image:
    """Draw a sign on a transparent background, RGBA.

    Args:
        key: of one of `CLASSES`; "no_sign" gives an empty picture.
        side: in pixels, 8 ... 2048.
        seed: of the make of the sign; None draws the usual one.

    Raises:
        ValueError: no such class, or a side out of its range.
    """
    if key not in INDEX:
        raise ValueError(f"there is no sign {key!r}: choose one of {', '.join(INDEX)}")
    if not 8 <= side <= 2048:
        raise ValueError(f"the side is {side} pixels: choose 8 to 2048")
    canvas, chosen = Canvas(side), CLASSES[INDEX[key]]
    if chosen.kind in DRAWINGS:
        DRAWINGS[chosen.kind](canvas, Style(seed), chosen.text)
    return canvas.picture()


def make(key: str, side: int, draws: np.random.Generator) -> Image.Image:
    """One random make of a sign, RGBA; for "no_sign", nothing or a blank shape."""
    if key == "no_sign":
        return draw_sign(key, side) if draws.random() < 0.45 else blank(side, draws)
    return draw_sign(key, side, int(draws.integers(2**31)))


def multiplied(images: Sequence[Image.Image]) -> Tensor:
    """The pictures (RGBA) as `views` takes them: (N, 4, S, S) uint8, colours multiplied by the opacity."""
    stacked = np.stack([np.asarray(image.convert("RGBa")) for image in images])
    return torch.from_numpy(stacked).permute(0, 3, 1, 2).contiguous()


def scene(key: str, generator: np.random.Generator) -> np.ndarray:
    """A random view of a sign, as the network is trained on them: (48, 48, 3) uint8.

    Args:
        key: of one of `CLASSES`.
        generator: the source of all randomness.

    Raises:
        ValueError: no such class.
    """
    sign = multiplied([make(key, MAKE_SIDE, generator)]).float() / 255
    behind = torch.from_numpy(background(generator).copy()).permute(2, 0, 1)[None].float() / 255
    view = views(sign, behind, generator)[0].permute(1, 2, 0)
    return (view * 255).round().to(torch.uint8).numpy()
