"""Random transforms of a picture, as a camera, a printer or a web site applies them; an attack takes their expectation.

    δ*  =  argmax over δ in Δ of E over t of L(y, f(t(x + δ)))

Athalye, Engstrom, Ilyas & Kwok, "Synthesizing Robust Adversarial Examples", ICML 2018, arXiv:1707.07397. An ordinary
adversarial picture stops fooling when it is turned by a few degrees. A picture made for the average over random turns,
zooms and light keeps fooling. The solvers stay the same: `Transformed` is one more classifier.

    turned = Transformed(classifier, [Rotation(30), Scale(0.8, 1.2)], samples=8)
    result = run(pgd(turned, x, Linf(8 / 255), ExpectedTargeted(106), steps=40))
    turned.expected_probabilities(result.adversarial, samples=100)      # over views that the attack has not seen

A `Transform` is a small value: it draws its own parameters (``sample``), and applies chosen ones to a picture (``at``).

    Rotation().at(x, 15.0)                                 # every row by 15°
    Rotation().at(x, torch.linspace(-90, 90, 37))          # one picture, 37 angles: (37, 3, H, W), for a curve

Everything is differentiable in x. Where a transform rounds, the gradient passes as if it did not (straight-through).
The space outside the picture is filled with the picture, mirrored at its edge: a black corner could hint at a class.
"""

import math
from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from adv_core.images import from_pixels
from adv_core.networks.any_model import as_classifier

Parameter = float | Tensor  # one for all rows, or one per row, (N,)
Draws = tuple[Tensor, ...]


class Transform(ABC):
    """A random change of a picture; a frozen dataclass, compared and hashed by its fields."""

    @abstractmethod
    def sample(self, n: int, generator: torch.Generator) -> Draws:
        """Draw the parameters of ``at`` for n rows: CPU tensors (n,). ``generator`` is on the CPU, too."""

    @abstractmethod
    def at(self, x: Tensor, *parameters: Any, **named: Any) -> Tensor:
        """Apply the transform with these parameters: pixels (N, 3, H, W) in [0, 1] to the same.

        A parameter is a number, or one per row, (N,). A single picture is repeated for every parameter.

        Raises:
            ValueError: x is no batch of pictures, a parameter is out of range, or there is not one per row.
        """

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Apply the transform to x, every row with its own random parameters."""
        return self.at(x, *self.sample(len(x), generator))


# ---------------------------------------------------------------------------------------------- numbers and their rows


def check_range(what: str, low: float, high: float, least: float, most: float) -> None:
    if not (least <= low <= high <= most) or math.isinf(high):
        raise ValueError(f"{what} has to lie in {least:g} ... {most:g}, the lower end first: not {low} ... {high}")


def uniform(n: int, low: float, high: float, generator: torch.Generator) -> Tensor:
    return low + (high - low) * torch.rand(n, generator=generator, dtype=torch.float64)


def as_parameter(what: str, value: Parameter, least: float = -math.inf, most: float = math.inf) -> Tensor:
    """The parameter as (n,) in double precision on the CPU, so that all devices start from the same numbers."""
    values = torch.as_tensor(value).detach().cpu().double().reshape(-1)
    if not bool((values.isfinite() & (values >= least) & (values <= most)).all()):
        raise ValueError(f"{what} has to be a number in {least:g} ... {most:g}")
    return values


def broadcast_rows(x: Tensor, *parameters: Tensor) -> tuple[Tensor, ...]:
    """x and its parameters, all with the same number of rows."""
    if x.ndim != 4 or not x.is_floating_point():
        raise ValueError(f"x has to be a batch of pictures (N, 3, H, W) of floats, not {tuple(x.shape)} of {x.dtype}")
    n = len(x) if len(x) != 1 else max(1, *(len(p) for p in parameters))
    if any(len(p) not in (1, n) for p in parameters):
        raise ValueError(f"one parameter a row is needed: {[len(p) for p in parameters]} for {len(x)} rows")
    return x.expand(n, -1, -1, -1), *(p.expand(n) for p in parameters)


def pixelwise(values: Tensor, like: Tensor) -> Tensor:
    return values.to(like.dtype).to(like.device)[:, None, None, None]


def straight_through(x: Tensor, value: Tensor) -> Tensor:
    """``value``, to the bit, with the gradient of x: the straight-through estimator."""
    return value.detach() + (x - x.detach())


def round_straight_through(x: Tensor) -> Tensor:
    return straight_through(x, x.round())


def to_levels(x: Tensor, levels: Tensor) -> Tensor:
    """The nearest k / levels. The divisor is a tensor, since a GPU divides by a number inexactly."""
    levels = pixelwise(levels, x)
    return straight_through(x, (x * levels).round() / levels)


# ---------------------------------------------------------------------------------------------------------------- JPEG

RGB_TO_YCC = (
    (0.299, 0.587, 0.114),
    (-0.299 / 1.772, -0.587 / 1.772, 0.886 / 1.772),
    (0.701 / 1.402, -0.587 / 1.402, -0.114 / 1.402),
)


# (transform, its parameters), applied one after the other.
Chain = tuple[tuple[Transform, tuple[float, ...]], ...]


def seen_through(chain: Chain, x: Tensor) -> np.ndarray:
    """The pictures (N, 3, H, W) after the transforms, as the 8-bit pixels of a file, (N, H, W, 3) uint8."""
    with torch.no_grad():
        for transform, parameters in chain:
            x = transform.at(x, *parameters)
        levels = (x * 255).round().clamp(0, 255).to(torch.uint8)
    return np.asarray(levels.permute(0, 2, 3, 1).contiguous().cpu().numpy())


def opinions(classifier: nn.Module, pixels: np.ndarray) -> np.ndarray:
    """The classifier's probabilities for exactly these pixels, (N, H, W, 3) uint8 to (N, K) float32."""
    x = from_pixels(pixels).to(next(classifier.parameters()).device)
    with torch.no_grad():
        return np.asarray(as_classifier(classifier)(x).softmax(1).float().cpu().numpy())
