"""Transforms of light and colour: brightness, contrast, hue, blur, noise, bit depth."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from adv_core.transforms.interpolation import kernel_weights, separable
from adv_core.transforms.transform import (
    RGB_TO_YCC,
    Draws,
    Parameter,
    Transform,
    as_parameter,
    broadcast_rows,
    check_range,
    pixelwise,
    to_levels,
    uniform,
)


@dataclass(frozen=True)
class Brightness(Transform):
    """A lighter or darker picture: up to ±``amount``, 0 ... 1, is added to every value."""

    amount: float = 0.05

    def __post_init__(self) -> None:
        check_range("the amount", 0, self.amount, 0, 1)

    def sample(self, n: int, generator: torch.Generator) -> Draws:
        return (uniform(n, -self.amount, self.amount, generator),)

    def at(self, x: Tensor, amount: Parameter) -> Tensor:
        """x + ``amount``, which is in -1 ... 1."""
        x, amount = broadcast_rows(x, as_parameter("the amount", amount, -1, 1))
        return (x + pixelwise(amount, x)).clamp(0, 1)


@dataclass(frozen=True)
class Hue(Transform):
    """A turn of every colour on the colour wheel by an angle in ±``degrees``, 0 ... 180; the brightness stays.

    Hosseini & Poovendran, "Semantic Adversarial Examples", CVPR Workshops 2018, arXiv:1804.00499, turn the hue too.
    """

    degrees: float = 30.0

    def __post_init__(self) -> None:
        check_range("the angle", 0, self.degrees, 0, 180)

    def sample(self, n: int, generator: torch.Generator) -> Draws:
        return (uniform(n, -self.degrees, self.degrees, generator),)

    def at(self, x: Tensor, degrees: Parameter) -> Tensor:
        """x, its colours turned by that angle in the plane of JPEG's two colour differences; 0 keeps x to the bit."""
        x, angle = broadcast_rows(x, as_parameter("the angle", degrees))
        if x.shape[1] != 3:
            raise ValueError(f"hue needs three colours: x has {x.shape[1]} channels")
        to_ycc = torch.tensor(RGB_TO_YCC, dtype=torch.float64)
        change = torch.zeros(len(x), 3, 3, dtype=torch.float64)
        change[:, 1, 1] = change[:, 2, 2] = angle.deg2rad().cos() - 1
        change[:, 2, 1] = angle.deg2rad().sin()
        change[:, 1, 2] = -change[:, 2, 1]
        change = to_ycc.inverse() @ change @ to_ycc
        return (x + torch.einsum("nkc,nchw->nkhw", change.to(x), x)).clamp(0, 1)


@dataclass(frozen=True)
class Blur(Transform):
    """A Gaussian blur, σ in ``low`` ... ``high`` pixels (of the picture as it is given), 0 or more."""

    low: float = 0.0
    high: float = 1.5

    def __post_init__(self) -> None:
        check_range("σ", self.low, self.high, 0, math.inf)

    def sample(self, n: int, generator: torch.Generator) -> Draws:
        return (uniform(n, self.low, self.high, generator),)

    def at(self, x: Tensor, sigma: Parameter) -> Tensor:
        """x, blurred with that σ, in pixels."""
        x, sigma = broadcast_rows(x, as_parameter("σ", sigma, 0))
        sigma = sigma.clamp_min(1e-3)  # at σ = 0 the neighbours' weights are exactly zero, too

        def weights(size: int) -> Tensor:
            places = torch.arange(size, dtype=torch.float64).expand(len(sigma), -1)
            return kernel_weights(places, lambda distance: (-(distance / sigma[:, None, None]).square() / 2).exp())

        return separable(x, weights(x.shape[-2]), weights(x.shape[-1]))


@dataclass(frozen=True)
class BitDepth(Transform):
    """Rounding to 2^``bits`` levels, 1 ... 16 bits; a PNG keeps 8. Straight-through; nothing here is random."""

    bits: int = 8

    def __post_init__(self) -> None:
        check_range("the number of bits", self.bits, self.bits, *_BITS)

    def sample(self, n: int, generator: torch.Generator) -> Draws:
        return (torch.full((n,), self.bits),)

    def at(self, x: Tensor, bits: Parameter) -> Tensor:
        """x, rounded to 2^``bits`` levels, 0 and 1 among them."""
        x, bits = broadcast_rows(x, as_parameter("the number of bits", bits, *_BITS))
        return to_levels(x, 2 ** bits.round() - 1)


_BITS = (1.0, 16.0)
