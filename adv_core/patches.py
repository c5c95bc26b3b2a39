"""Perturbations of a part of the picture: masks of glasses and stickers, and a patch that is pasted anywhere.

Glasses: Sharif, Bhagavatula, Bauer & Reiter, "Accessorize to a Crime", CCS 2016. Stickers: Eykholt et al., "Robust
Physical-World Attacks on Deep Learning Visual Classification", CVPR 2018, arXiv:1707.08945. The patch: Brown, Mané,
Roy, Abadi & Gilmer, "Adversarial Patch", 2017, arXiv:1712.09665.

The solvers stay the same. Glasses and stickers use the set `Masked(Box(), mask)`. A patch p is attacked through one
more classifier, p ↦ f(paste(p, x, place)), averaged over photographs and places (`Pasted`). Smoothness and
printability are one more term of L (`Priced`, `Costly`).
"""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from adv_core.bounds import check_bounds
from adv_core.networks.any_model import as_classifier
from adv_core.objectives import WithTerms
from adv_core.transforms.interpolation import bilinear

Point = tuple[float, float]  # (across, down), parts of the width and the height
Eyes = tuple[Point, Point]  # the pupils, the left one of the picture first
Shape = Literal["round", "square"]


# ------------------------------------------------------------------------------------------------ glasses and stickers


def glasses(left: Point, right: Point, height: int, width: int, size: float = 1.0) -> np.ndarray:
    """The frame of a pair of glasses, (height, width) bool: two rims, a bridge, two stumps of the temples.

    Args:
        left, right: the pupils.
        size: of the rims; with 1 they nearly touch.
    """
    (x, y), apart, (along, across) = _frame_of(left, right, height, width)
    # In units of half the distance between the pupils; the eyes are at (±1, 0).
    u, v = ((x * along + y * across) / apart, (y * along - x * across) / apart)
    rim, thick = 0.86 * size, 0.34 * size
    away = np.minimum(np.hypot(u - 1, v / 0.8), np.hypot(u + 1, v / 0.8))
    rims = (away <= rim) & (away >= rim - thick)
    bridge = (np.abs(u) <= 1 - rim + thick) & (np.abs(v + 0.15) <= thick / 2)
    temples = (np.abs(u) >= 1 + rim - thick) & (np.abs(u) <= 1 + rim + 0.55) & (np.abs(v + 0.15) <= thick / 2)
    return np.asarray(rims | bridge | temples)


def stickers(left: Point, right: Point, height: int, width: int, size: float = 1.0) -> np.ndarray:
    """Two stickers, upright to the line from ``left`` to ``right``, (height, width) bool."""
    (x, y), apart, (along, across) = _frame_of(left, right, height, width)
    u, v = ((x * along + y * across) / apart, (y * along - x * across) / apart)
    return np.asarray((np.abs(np.abs(u) - 1) <= 0.42 * size) & (np.abs(v) <= 0.75 * size))


def _frame_of(left: Point, right: Point, height: int, width: int) -> tuple[tuple[np.ndarray, np.ndarray], float, Point]:
    """Return pixel coordinates from the middle between two points, half their distance, and their direction."""
    ax, ay, bx, by = left[0] * width, left[1] * height, right[0] * width, right[1] * height
    y, x = np.mgrid[:height, :width] + 0.5
    apart = max(math.hypot(bx - ax, by - ay) / 2, 1.0)
    direction = ((bx - ax) / 2 / apart, (by - ay) / 2 / apart) if (ax, ay) != (bx, by) else (1.0, 0.0)
    return (x - (ax + bx) / 2, y - (ay + by) / 2), apart, direction


# --------------------------------------------------------------------------------------------------------------- costs


@cache
def printable_colours() -> Tensor:
    """The colours of inks on paper, (27, 3): none, half or all of cyan, magenta and yellow (Neugebauer's mixture).

    They are the standard full tones of coated paper (ISO 12647-2), as sRGB, rounded; a real printer differs.
    """
    tones = {
        (0, 0, 0): (255, 255, 255),
        (1, 0, 0): (0, 158, 224),
        (0, 1, 0): (229, 0, 125),
        (0, 0, 1): (255, 237, 0),
        (0, 1, 1): (226, 0, 26),
        (1, 0, 1): (0, 150, 64),
        (1, 1, 0): (49, 39, 131),
        (1, 1, 1): (29, 29, 27),
    }
    mixed = []
    for inks in itertools.product((0, 0.5, 1), repeat=3):
        weights = {full: math.prod(i if f else 1 - i for i, f in zip(inks, full, strict=True)) for full in tones}
        mixed.append([sum(weights[full] * tone[c] for full, tone in tones.items()) / 255 for c in range(3)])
    return torch.tensor(mixed)


def roughness(x: Tensor, mask: Tensor) -> Tensor:
    """Total variation within the mask, (N,): the mean jump between neighbours, both of which are in it.

    Args:
        x: (N, 3, H, W).
        mask: (H, W) bool.
    """
    down, right = mask[1:] & mask[:-1], mask[:, 1:] & mask[:, :-1]
    jumps = (x[:, :, 1:] - x[:, :, :-1]).abs().mean(1)[:, down].sum(1)
    jumps = jumps + (x[:, :, :, 1:] - x[:, :, :, :-1]).abs().mean(1)[:, right].sum(1)
    return jumps / max(int(down.sum() + right.sum()), 1)


def unprintable(x: Tensor, mask: Tensor) -> Tensor:
    """The mean distance of the colours within the mask to the nearest of `printable_colours`, (N,)."""
    colours = printable_colours().to(x)
    seen = x[:, :, mask].mT
    if not seen.shape[1]:
        return x.new_zeros(len(x))
    inks = colours[None].expand(len(x), -1, -1)
    return torch.cdist(seen, inks, compute_mode="donot_use_mm_for_euclid_dist").amin(2).mean(1)


class Priced(nn.Module):
    """A classifier that appends the costs: pixels (N, 3, H, W) -> (N, K + 2), the logits, then roughness and
    unprintability within ``mask`` (H, W)."""

    def __init__(self, classifier: Callable[[Tensor], Tensor], mask: Tensor) -> None:
        super().__init__()
        self.classifier, self._logits, self.mask = classifier, as_classifier(classifier), mask
        self.training = False

    def forward(self, x: Tensor) -> Tensor:
        mask = self.mask.to(x.device)
        return torch.cat([self._logits(x), roughness(x, mask)[:, None], unprintable(x, mask)[:, None]], 1)


@dataclass(frozen=True, eq=False)
class Costly(WithTerms):
    """An objective on the logits of `Priced`, less the costs of roughness and of unprintable colours."""

    smooth: float = 0.0
    printable: float = 0.0

    @property
    def weights(self) -> tuple[float, ...]:
        return -self.smooth, -self.printable


# -------------------------------------------------------------------------------------------------------------- a patch


@dataclass(frozen=True)
class Place:
    """The place of a patch: its middle, size and angle.

    Attributes:
        across, down: its middle, parts of the width and the height.
        size: its side (or diameter), a part of the picture's width.
        angle: degrees, counter-clockwise.
    """

    across: float = 0.5
    down: float = 0.5
    size: float = 0.35
    angle: float = 0.0

    def check(self) -> None:
        """Refuse a place that does not touch the picture."""
        check_bounds(self, across=(-0.5, 1.5), down=(-0.5, 1.5), size=(0.02, 2), angle=(-360, 360))


def random_places(count: int, low: float, high: float, degrees: float, generator: torch.Generator) -> list[Place]:
    """Draw places that lie entirely in the picture: a size in ``low`` ... ``high``, an angle within ±``degrees``."""
    u = torch.rand(count, 4, generator=generator).tolist()
    places = []
    for size, across, down, angle in u:
        side = low + (high - low) * size
        free = 1 - side
        places.append(Place(side / 2 + free * across, side / 2 + free * down, side, degrees * (2 * angle - 1)))
    return places


def paste(patch: Tensor, x: Tensor, places: Sequence[Place], shape: Shape = "round") -> Tensor:
    """Paste the patch into every picture at its own place: (N, 3, H, W). Differentiable in both.

    A patch at its own size, not turned and on whole pixels, is copied to the bit. Every other one is interpolated
    (bilinear).

    Args:
        patch: (1, 3, P, P) in [0, 1].
        x: (N, 3, H, W), or one picture for all places.
        places: N of them.

    Raises:
        ValueError: not one place per picture.
    """
    if len(x) not in (1, len(places)):
        raise ValueError(f"{len(places)} places for {len(x)} pictures")
    height, width = x.shape[-2:]
    side = patch.shape[-1]
    x = x.expand(len(places), -1, -1, -1)
    numbers = torch.tensor([(p.across, p.down, p.size, math.radians(p.angle)) for p in places], dtype=torch.float64)
    across, down, size, angle = (column[:, None, None] for column in numbers.unbind(1))
    right = torch.arange(width, dtype=torch.float64) + 0.5 - across * width
    below = (torch.arange(height, dtype=torch.float64) + 0.5)[:, None] - down * height
    scale = side / (size * width)
    u = (angle.cos() * right - angle.sin() * below) * scale
    v = (angle.sin() * right + angle.cos() * below) * scale
    half = side / 2
    inside = (u.abs() < half) & (v.abs() < half) if shape == "square" else u.square() + v.square() < half**2
    seen = bilinear(patch.expand(len(places), -1, -1, -1), v + half - 0.5, u + half - 0.5)
    return torch.where(inside[:, None].to(x.device), seen, x)


class Pasted(nn.Module):
    """A patch as the classifier's input: (1, 3, P, P) -> (1, K), the mean log-probabilities over some photographs.

    Every forward pass draws ``views`` of the photographs and a place for each, or uses the ``places`` that are given.
    Climb it with `ExpectedTargeted`.

    Args:
        classifier: pixels to logits (N, K).
        photographs: (M, 3, H, W).
        low, high, degrees: see `random_places`.
        seed: of the draws; the global generator is not touched.
    """

    def __init__(
        self,
        classifier: Callable[[Tensor], Tensor],
        photographs: Tensor,
        *,
        views: int = 4,
        low: float = 0.3,
        high: float = 0.5,
        degrees: float = 30.0,
        shape: Shape = "round",
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.classifier, self._logits = classifier, as_classifier(classifier)
        self.photographs, self.views = photographs, views
        self.low, self.high, self.degrees, self.shape = low, high, degrees, shape
        self.generator = torch.Generator().manual_seed(seed)
        self.training = False

    def forward(self, patch: Tensor) -> Tensor:
        chosen = torch.randperm(len(self.photographs), generator=self.generator)[: self.views]
        places = random_places(len(chosen), self.low, self.high, self.degrees, self.generator)
        seen = paste(patch, self.photographs[chosen.to(self.photographs.device)], places, self.shape)
        return self._logits(seen).log_softmax(1).mean(0, keepdim=True)
