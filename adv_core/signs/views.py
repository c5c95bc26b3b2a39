"""Random views of drawn signs: perspective, light, shadow, dirt, occlusion, blur, noise and JPEG, a batch at a time.

All draws come from one NumPy generator, so that equal seeds give equal views.
"""

import io
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from adv_core.signs.network import SIDE

FINE = 2  # pixels that are warped for each pixel of the view, each way
Draws = np.random.Generator


@dataclass(frozen=True)
class Ranges:
    """The ranges in which views vary.

    Attributes:
        scale: the sign's side as a fraction of the view's.
        turn: in degrees; tilt: how far a corner moves by perspective, as a fraction of the sign's side.
        occluded, shadowed, glaring, compressed: shares of the views.
    """

    scale: tuple[float, float] = (0.52, 1.1)
    turn: float = 10.0
    tilt: float = 0.1
    occluded: float = 0.2
    shadowed: float = 0.4
    glaring: float = 0.25
    compressed: float = 0.5


RANGES = Ranges()


def views(signs: Tensor, backgrounds: Tensor, draws: Draws, ranges: Ranges = RANGES) -> Tensor:
    """Return views (N, 3, 48, 48) float32 in [0, 1], k / 255 exactly.

    Args:
        signs: (N, 4, S, S) in [0, 1], colours multiplied by the opacity, which is the last channel.
        backgrounds: (N, 3, 48, 48) in [0, 1].
        draws: the source of all randomness.
    """
    n = len(signs)
    placed = placed_at(signs, corners(n, draws, ranges))
    colours, opacity = placed[:, :3], placed[:, 3:]
    # The sign and the scene behind it hang in different light.
    lit = colours * light(n, draws) * shadow(n, draws, ranges.shadowed) + opacity * glare(n, draws, ranges.glaring)
    x = lit + (1 - opacity) * backgrounds
    x = occluded(x, backgrounds.roll(1, 0), draws, ranges.occluded)
    x = (x * exposure(n, draws)).clamp(0, 1)
    x = x ** tensor(draws.uniform(0.7, 1.4, n))
    haze = tensor(np.where(draws.random(n) < 0.3, draws.uniform(0, 0.3, n), 0))
    x = x * (1 - haze) + haze * tensor(draws.uniform(0.4, 0.8, n))
    x = blurred(x, draws)
    deviation = tensor(draws.uniform(0, 0.03, n)) * x.mean((1, 2, 3), keepdim=True)
    x = x + deviation * torch.from_numpy(draws.standard_normal(tuple(x.shape), np.float32))
    return compressed((x.clamp(0, 1) * 255).round().to(torch.uint8), draws, ranges.compressed).float() / 255


def tensor(values: np.ndarray) -> Tensor:
    """One number a row, (N,), as (N, 1, 1, 1)."""
    return torch.from_numpy(values.astype(np.float32))[:, None, None, None]


def corners(n: int, draws: Draws, ranges: Ranges) -> np.ndarray:
    """The places (N, 4, 2) of the sign's corners (x, y), where the view's are 0 and 1."""
    unit = np.array([(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)])
    low, high = ranges.scale
    scale = high - (high - low) * draws.random(n) ** 1.3
    aspect = np.exp(draws.uniform(-0.12, 0.12, n))
    moved = unit * np.stack([scale * aspect**0.5, scale / aspect**0.5], 1)[:, None]
    moved = moved + draws.uniform(-ranges.tilt, ranges.tilt, (n, 4, 2)) * scale[:, None, None]
    angle = np.deg2rad(draws.normal(0, ranges.turn / 2, n).clip(-ranges.turn, ranges.turn))
    cos, sin = np.cos(angle), np.sin(angle)
    turned = np.einsum("nij,nkj->nki", np.stack([np.stack([cos, -sin], 1), np.stack([sin, cos], 1)], 1), moved)
    free = np.maximum(1 - scale, 0)[:, None] / 2 + 0.03
    return turned + 0.5 + draws.uniform(-1, 1, (n, 2))[:, None] * free[:, None]


def placed_at(signs: Tensor, places: np.ndarray, side: int = SIDE) -> Tensor:
    """The signs seen in perspective, their corners at those places: (N, 4, side, side), colours times opacity.

    Args:
        signs: (N, 4, S, S), see `views`.
        places: (N, 4, 2), see `corners`.
    """
    n = len(signs)
    # The homography that leads from the view back to the drawing: eight unknowns, two equations a corner.
    targets = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)], float)
    rows = np.zeros((n, 8, 8))
    x, y = places[..., 0], places[..., 1]
    for corner, (u, v) in enumerate(targets):
        px, py = x[:, corner], y[:, corner]
        rows[:, 2 * corner, :3] = rows[:, 2 * corner + 1, 3:6] = np.stack([px, py, np.ones(n)], 1)
        rows[:, 2 * corner, 6:] = np.stack([-u * px, -u * py], 1)
        rows[:, 2 * corner + 1, 6:] = np.stack([-v * px, -v * py], 1)
    solved = np.linalg.solve(rows, np.broadcast_to(targets.reshape(8, 1), (n, 8, 1)))[..., 0]
    maps = torch.from_numpy(np.concatenate([solved, np.ones((n, 1))], 1).reshape(n, 3, 3).astype(np.float32))
    fine = (torch.arange(side * FINE) + 0.5) / (side * FINE)
    right, down = fine.expand(len(fine), -1), fine[:, None].expand(-1, len(fine))
    points = torch.stack([right, down, torch.ones_like(right)], -1).reshape(1, -1, 3) @ maps.transpose(1, 2)
    grid = (points[..., :2] / points[..., 2:].clamp_min(1e-3)).view(n, len(fine), len(fine), 2)
    return F.avg_pool2d(F.grid_sample(signs, grid, align_corners=False), FINE)


def light(n: int, draws: Draws) -> Tensor:
    """The light on the sign, (N, 3, 48, 48): its strength, its colour, and its fall to one side."""
    strength = np.exp(draws.uniform(np.log(0.35), np.log(1.25), n))
    colour = np.exp(draws.uniform(-0.12, 0.12, (n, 3)))
    return torch.from_numpy((strength[:, None] * colour).astype(np.float32))[:, :, None, None] * slope(n, draws, 0.35)


def exposure(n: int, draws: Draws) -> Tensor:
    """The camera's exposure and white balance, (N, 3, 1, 1)."""
    strength = np.exp(draws.uniform(np.log(0.6), np.log(1.6), n))
    colour = np.exp(draws.uniform(-0.15, 0.15, (n, 3)))
    return torch.from_numpy((strength[:, None] * colour).astype(np.float32))[:, :, None, None]


def across(n: int, draws: Draws) -> Tensor:
    """The distance from a random line through the view, (N, 1, 48, 48), about -0.7 ... 0.7."""
    place = torch.linspace(-0.5, 0.5, SIDE)
    angle = draws.uniform(0, 2 * np.pi, n)
    return tensor(np.cos(angle)) * place + tensor(np.sin(angle)) * place[:, None]


def slope(n: int, draws: Draws, most: float) -> Tensor:
    """A factor that rises to one side, (N, 1, 48, 48)."""
    return 1 + tensor(draws.uniform(0, most, n)) * 2 * across(n, draws)


def shadow(n: int, draws: Draws, share: float) -> Tensor:
    """A factor (N, 1, 48, 48): a strip in shadow, with a soft border, on that share of the rows."""
    dark = np.where(draws.random(n) < share, draws.uniform(0.1, 0.6, n), 0)
    softness = tensor(np.exp(draws.uniform(np.log(0.01), np.log(0.15), n)))
    middle, half = tensor(draws.uniform(-0.5, 0.5, n)), tensor(draws.uniform(0.05, 0.4, n))
    inside = torch.sigmoid((half - (across(n, draws) - middle).abs()) / softness)
    return 1 - tensor(dark) * inside


def glare(n: int, draws: Draws, share: float) -> Tensor:
    """Light that the sign reflects, added to it: (N, 1, 48, 48), a soft spot on that share of the rows."""
    strength = np.where(draws.random(n) < share, draws.uniform(0.05, 0.4, n), 0)
    place = torch.linspace(0, 1, SIDE)
    right, down = tensor(draws.random(n)), tensor(draws.random(n))
    wide, high = tensor(draws.uniform(0.08, 0.4, n)), tensor(draws.uniform(0.08, 0.4, n))
    far = ((place - right) / wide) ** 2 + ((place[:, None] - down) / high) ** 2
    return tensor(strength) * torch.exp(-far)


def occluded(x: Tensor, others: Tensor, draws: Draws, share: float) -> Tensor:
    """Hide parts of the views: tape and dirt of a dull colour, or a piece of another scene.

    Up to two rectangles or ellipses a view, each up to a quarter of the view long, on that share of the rows.
    """
    n = len(x)
    place = torch.linspace(0, 1, SIDE)
    for _ in range(2):
        there = tensor((draws.random(n) < share).astype(float))
        right = place - tensor(draws.uniform(0.05, 0.95, n))
        down = place[:, None] - tensor(draws.uniform(0.05, 0.95, n))
        angle = draws.uniform(0, np.pi, n) * (draws.random(n) < 0.6)
        cos, sin = tensor(np.cos(angle)), tensor(np.sin(angle))
        u = (cos * right + sin * down).abs() / tensor(draws.uniform(0.02, 0.12, n))
        v = (cos * down - sin * right).abs() / tensor(draws.uniform(0.02, 0.08, n))
        round_ = tensor((draws.random(n) < 0.4).astype(float))
        far = round_ * (u**2 + v**2).sqrt() + (1 - round_) * torch.maximum(u, v)
        hidden = there * torch.sigmoid((1 - far) * 12) * tensor(draws.uniform(0.5, 1, n))
        grey = tensor(draws.uniform(0.1, 0.9, n))
        tint = torch.from_numpy(draws.uniform(-0.06, 0.06, (n, 3, 1, 1)).astype(np.float32))
        scenery = tensor((draws.random(n) < 0.35).astype(float))
        x = x * (1 - hidden) + hidden * (scenery * others + (1 - scenery) * (grey + tint))
    return x


def blurred(x: Tensor, draws: Draws) -> Tensor:
    """Views out of focus or in motion: each is averaged with a Gaussian that is longer in one direction."""
    n, reach = len(x), 3
    place = torch.arange(-reach, reach + 1).float()
    angle = draws.uniform(0, np.pi, n)
    cos, sin = tensor(np.cos(angle)), tensor(np.sin(angle))
    short = draws.uniform(0.15, 0.55, n)
    long = short + np.where(draws.random(n) < 0.25, draws.uniform(0, 0.6, n), 0)
    along, beside = cos * place + sin * place[:, None], cos * place[:, None] - sin * place
    kernels = torch.exp(-((along / tensor(long)) ** 2 + (beside / tensor(short)) ** 2) / 2)
    kernels = (kernels / kernels.sum((2, 3), keepdim=True)).expand(-1, 3, -1, -1).reshape(3 * n, 1, 7, 7)
    padded = F.pad(x, (reach,) * 4, mode="replicate").view(1, 3 * n, SIDE + 2 * reach, -1)
    return F.conv2d(padded, kernels, groups=3 * n).view_as(x)


def compressed(pixels: Tensor, draws: Draws, share: float) -> Tensor:
    """The pixels (N, 3, 48, 48) uint8, saved as JPEG and opened again, on that share of the rows."""
    arrays = pixels.permute(0, 2, 3, 1).numpy().copy()
    qualities = draws.integers(50, 96, len(arrays))
    for row in np.flatnonzero(draws.random(len(arrays)) < share):
        file = io.BytesIO()
        Image.fromarray(arrays[row]).save(file, "JPEG", quality=int(qualities[row]))
        arrays[row] = np.asarray(Image.open(file))
    return torch.from_numpy(arrays).permute(0, 3, 1, 2)
