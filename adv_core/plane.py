"""Pictures of two pixels, whose classes and decision boundaries can be drawn in a plane.

A point of the unit square is a picture. Its coordinates are the brightness of the left and of the right pixel.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from adv_core.networks.first_weights import first_weights


@dataclass(frozen=True, eq=False)
class Points:
    """Labelled points: ``x`` (N, 2) in [0, 1], double precision, and ``y`` (N,) in {0, 1}."""

    x: Tensor
    y: Tensor


def two_moons(count: int = 300, noise: float = 0.15, seed: int = 0) -> Points:
    """Two interleaved half circles, which no straight line separates.

    Args:
        count: the number of all points; half of them are in each moon.
        noise: standard deviation of the normal noise, where a half circle has radius 1.
    """
    generator = torch.Generator().manual_seed(seed)
    angle = torch.rand(2, count // 2, generator=generator, dtype=torch.float64) * math.pi
    upper = torch.stack([angle[0].cos(), angle[0].sin()], 1)
    lower = torch.stack([1 - angle[1].cos(), 0.5 - angle[1].sin()], 1)
    points = torch.cat([upper, lower])
    points += noise * torch.randn(points.shape, generator=generator, dtype=torch.float64)
    middle = torch.tensor([0.5, 0.25], dtype=torch.float64)
    x = (0.5 + (points - middle) / 3.4).clamp(0, 1)
    return Points(x, torch.arange(2).repeat_interleave(count // 2))


def two_features(count: int = 300, swapped: float = 0.1, sure: float = 0.05, seed: int = 0) -> Points:
    """A robust feature that is sometimes wrong beside a non-robust one that is always right.

    The left pixel is about 1/4 for class 0 and 3/4 for class 1, but a share of the pictures has it the other way round.
    The right pixel tells the class without an error, by a small distance from 1/2. The idea is that of Tsipras et al.
    (ICLR 2019, arXiv:1805.12152), with one weak feature in the place of many.

    Args:
        count: the number of all points; half of them are in each class.
        swapped: the share whose left pixel misleads.
        sure: the mean distance of the right pixel from 1/2; none is nearer than 2/5 of that.
    """
    generator = torch.Generator().manual_seed(seed)
    y = torch.arange(2).repeat_interleave(count // 2)
    sign = 2.0 * y.double() - 1
    misleads = torch.rand(len(y), generator=generator, dtype=torch.float64) < swapped
    spread, distance = torch.randn(2, len(y), generator=generator, dtype=torch.float64)
    left = 0.5 + 0.25 * torch.where(misleads, -sign, sign) + 0.07 * spread
    right = 0.5 + sign * sure * (1 + 0.2 * distance).clamp_min(0.4)
    return Points(torch.stack([left, right], 1).clamp(0, 1), y)


class PlaneNetwork(nn.Sequential):
    """Points (N, 2) -> logits (N, 2): two hidden layers of 16 neurons, 354 weights of double precision.

    Args:
        seed: of the first weights, drawn as PyTorch draws them, without touching the global generator.
    """

    def __init__(self, seed: int = 0) -> None:
        with first_weights(seed):
            super().__init__(Centred(), nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 2))
        self.double()


class Centred(nn.Module):
    """6·(x - 1/2), so that pixels become numbers of about ±3."""

    def forward(self, x: Tensor) -> Tensor:
        return 6 * (x - 0.5)
