"""Scenes without a sign: pieces of the sample photographs, drawn scenery, and blank shapes that resemble signs."""

from collections.abc import Sequence
from functools import cache

import numpy as np
from PIL import Image, ImageFilter

from adv_core.datasets import photograph
from adv_core.signs.canvas import Canvas, Colour, polygon
from adv_core.signs.network import SIDE

# Photographs that the training sees, and those that only judge it. The composite shows a sign before the castle.
SEEN = ("espresso", "german_shepherd", "giant_panda", "hens", "honey_bee", "lemon_citrus", "macaw", "pig", "polar_bear")
UNSEEN = ("castle", "goldfish", "koala", "portrait_astronaut", "red_panda", "tabby_cat")


@cache
def _opened(name: str) -> Image.Image:
    return photograph(name).convert("RGB")


def crop(names: Sequence[str], draws: np.random.Generator) -> np.ndarray:
    """A random square of one of the photographs, shrunk or enlarged: (48, 48, 3) uint8.

    It is mirrored at random, turned upside down in 1 of 10 cases, and has its colours exchanged in 3 of 10.
    """
    whole = _opened(names[int(draws.integers(len(names)))])
    side = min(whole.size) * np.exp(draws.uniform(np.log(0.12), 0))
    left, top = draws.uniform(0, whole.width - side), draws.uniform(0, whole.height - side)
    piece = whole.resize((SIDE, SIDE), Image.Resampling.BOX, (left, top, left + side, top + side))
    pixels = np.asarray(piece)[:: -1 if draws.random() < 0.1 else 1, :: -1 if draws.random() < 0.5 else 1]
    return pixels[..., draws.permutation(3)] if draws.random() < 0.3 else pixels


def scenery(draws: np.random.Generator) -> np.ndarray:
    """A drawn scene, (48, 48, 3) uint8: cloudy colours and stripes, with a horizon, walls or poles before them."""
    pixels = stripes(draws) if draws.random() < 0.4 else np.zeros((SIDE, SIDE, 3), np.float32)
    for cells in (2, 4, 8, 24, 48):
        size = np.exp(draws.uniform(-0.7, 0.9))  # some scenes are calm, others are full of detail
        grey, colours = (draws.normal(0, size * k / cells**0.5, (cells, cells, n)) for k, n in ((28, 1), (14, 3)))
        waves = grey + colours
        for channel in range(3):
            layer = Image.fromarray(waves[..., channel].astype(np.float32))
            pixels[..., channel] += np.asarray(layer.resize((SIDE, SIDE), Image.Resampling.BICUBIC))
    pixels += draws.uniform(20, 235) + draws.normal(0, 25, 3)
    for _ in range(draws.integers(0, 5)):
        left, top = draws.integers(-SIDE, SIDE, 2)
        wide, high = draws.integers(2, SIDE, 2) if draws.random() < 0.6 else (draws.integers(2, 6), 2 * SIDE)
        if draws.random() < 0.3:
            left, wide = 0, SIDE
        part = pixels[max(top, 0) : top + high, max(left, 0) : left + wide]
        part += draws.normal(0, 45) + draws.normal(0, 25, 3)
    image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    return np.asarray(image.filter(ImageFilter.GaussianBlur(draws.uniform(0, 1.2))))


def stripes(draws: np.random.Generator) -> np.ndarray:
    """Wavy stripes, (48, 48, 3) float32 around 0, like fur, leaves or boards."""
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    angle, length, swing = draws.uniform(0, np.pi), draws.uniform(0.05, 0.4), draws.uniform(0, 0.25)
    along, beside = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
    wave = np.sin(2 * np.pi * (along + swing * np.sin(2 * np.pi * beside * draws.uniform(0.5, 3))) / length)
    hard = np.tanh(wave * np.exp(draws.uniform(-1, 2)))
    return (hard[..., None] * draws.uniform(10, 80) * draws.uniform(0.6, 1, 3)).astype(np.float32)


def background(draws: np.random.Generator, names: Sequence[str] = SEEN) -> np.ndarray:
    """A piece of those photographs, or, in 4 of 10 cases, a drawn scene: (48, 48, 3) uint8."""
    return scenery(draws) if draws.random() < 0.4 else crop(names, draws)


def blank(side: int, draws: np.random.Generator) -> Image.Image:
    """A shape or two of one colour that might be a sign from afar, but is none (RGBA)."""
    canvas = Canvas(side)

    def colour() -> Colour:
        red, green, blue = (int(each) for each in draws.integers(10, 246, 3))
        return red, green, blue

    shades: list[Colour] = [(186, 30, 40), (20, 84, 164), (240, 240, 236), (130, 132, 136), (40, 40, 44), colour()]
    for _ in range(draws.integers(1, 4)):
        shade = shades[draws.integers(len(shades))]
        x, y, size = draws.uniform(0.2, 0.8), draws.uniform(0.2, 0.8), draws.uniform(0.15, 0.5)
        match draws.integers(5):
            case 0:
                canvas.disc(x, y, size, shade)
            case 1:
                wide, high = draws.uniform(0.15, 0.5, 2)
                canvas.rectangle(x - wide, y - high, x + wide, y + high, shade, 0.03)
            case 2:
                canvas.polygon(polygon(int(draws.integers(3, 5)), draws.uniform(0, 360), size, x, y), shade)
            case 3:
                canvas.rectangle(x - 0.05, -0.1, x + draws.uniform(-0.03, 0.06), 1.1, shade)
            case _:
                points = [(float(px), float(py)) for px, py in draws.uniform(0, 1, (int(draws.integers(3, 7)), 2))]
                canvas.polygon(points, shade)
    return canvas.picture()
