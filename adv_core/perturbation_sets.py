"""Δ: the perturbations that are allowed.

A set is a norm ball of radius ε, always met with the box: x + δ has to stay a picture, in [0, 1]. Every set answers the
same five questions (`project`, `steepest`, `random`, `norm`, `quantize`), and a solver needs to know nothing else.
Tensors are batches (N, C, H, W) (any trailing shape works); ε is one number for all rows, or a tensor of shape (N,).
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from adv_core.images import is_8bit


def per_row(value: float | Tensor, like: Tensor) -> Tensor:
    """One value a row, (N,), reshaped to (N, 1, 1, 1) so that it broadcasts over ``like``; one number as it is."""
    value = torch.as_tensor(value)
    if value.ndim == 0:
        return value.to(like)
    if value.shape != like.shape[:1]:
        raise ValueError(f"one value a row is needed: {tuple(value.shape)} for {like.shape[0]} rows")
    return value.to(like).reshape(-1, *[1] * (like.ndim - 1))


@dataclass(frozen=True, eq=False)
class PerturbationSet(ABC):
    """{δ : ‖δ‖ ≤ ε, 0 ≤ x + δ ≤ 1}.

    Args:
        eps: the radius ε ≥ 0, in pixel units (8 / 255); a float, or a tensor (N,) with one radius a row.
    """

    eps: float | Tensor

    def __post_init__(self) -> None:
        eps = torch.as_tensor(self.eps)
        if not bool(torch.isfinite(eps).all()) or bool((eps < 0).any()):
            raise ValueError(f"ε has to be a finite number, zero or more, not {self.eps}")

    @abstractmethod
    def project(self, delta: Tensor, x: Tensor) -> Tensor:
        """The nearest point of the set to δ in the Euclidean sense; both constraints hold to the last bit."""

    @abstractmethod
    def steepest(self, direction: Tensor, length: float | Tensor) -> Tensor:
        """argmax ⟨direction, v⟩ over ‖v‖ ≤ length: the steepest-ascent step. A zero direction gives zero."""

    @abstractmethod
    def random(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Uniform in the ball, then projected onto the box. ``generator`` lives on the CPU, whatever x's device."""

    @abstractmethod
    def norm(self, delta: Tensor) -> Tensor:
        """‖δ‖ of every row, shape (N,)."""

    @abstractmethod
    def quantize(self, delta: Tensor, x: Tensor) -> Tensor:
        """δ rounded so that x + δ has 8-bit values and both constraints still hold.

        An x that is not itself an 8-bit picture (a point in the plane, say) is left alone: δ comes back unchanged.
        """


class Linf(PerturbationSet):
    """max |δᵢ| ≤ ε: no pixel moves by more than ε. Its steepest step is the sign (Goodfellow et al. 2015)."""

    def project(self, delta: Tensor, x: Tensor) -> Tensor:
        eps = per_row(self.eps, delta)
        # Bounds on δ, not on x + δ: in floating point (x + δ) - x need not give δ back, and would leave the ball.
        return delta.clamp(-eps, eps).clamp(-x, 1 - x)

    def steepest(self, direction: Tensor, length: float | Tensor) -> Tensor:
        return per_row(length, direction) * direction.sign()

    def random(self, x: Tensor, generator: torch.Generator) -> Tensor:
        unit = torch.rand(x.shape, generator=generator).to(x) * 2 - 1
        return self.project(per_row(self.eps, x) * unit, x)

    def norm(self, delta: Tensor) -> Tensor:
        return delta.flatten(1).abs().amax(1)

    def quantize(self, delta: Tensor, x: Tensor) -> Tensor:
        if not is_8bit(x):
            return delta
        # Whole levels that fit into the ball. The small term forgives 8 / 255 * 255 = 7.999... in floating point.
        radius = torch.as_tensor(self.eps, dtype=torch.float64) * 255
        levels = torch.floor(radius + 1e-6).to(delta)
        most = per_row(levels, delta)
        return _on_the_grid((delta * 255).round().clamp(-most, most), x)


class L2(PerturbationSet):
    """√Σδᵢ² ≤ ε. Its steepest step is the gradient, normalised to length α."""

    def project(self, delta: Tensor, x: Tensor) -> Tensor:
        # The nearest point of ball ∩ box is clip(s·δ, -x, 1 - x) with the largest s ≤ 1 that fits into the ball (from
        # the KKT conditions; 0 lies in the box). ‖clip(s·δ)‖² = s²·free + fixed is solved by fixing the clipped
        # pixels; the clipped set only grows, so few rounds are needed. Scaling first and clamping afterwards, as is
        # often done, stays feasible but is not nearest: it gives away length that the box took.
        eps = self._radius(delta)
        low, high = -x, 1 - x
        clipped = delta.clamp(low, high)
        # One unit in the last place less, so that rounding the product cannot leave the ball.
        target = (eps * (1 - 2**-22)).square()
        scale = torch.ones_like(eps)
        outside = self._square(clipped) > target
        # s is found from below: start at the scale that would fit if nothing were clipped.
        norm2 = self._square(delta)
        scale = torch.where(outside, (target / norm2.clamp_min(1e-300)).sqrt(), scale)
        result = (delta * per_row(scale, delta)).clamp(low, high)
        for _ in range(20):
            scaled = delta * per_row(scale, delta)
            free = (scaled > low) & (scaled < high)
            fixed2 = self._square(torch.where(free, torch.zeros_like(delta), result))
            free2 = self._square(torch.where(free, delta, torch.zeros_like(delta)))
            room = (target - fixed2).clamp_min(0)
            better = (room / free2.clamp_min(1e-300)).sqrt().clamp_max(1.0)
            better = torch.where(outside & (free2 > 0), torch.maximum(better, scale), scale)
            if bool((better <= scale * (1 + 1e-9)).all()):
                break
            candidate = (delta * per_row(better, delta)).clamp(low, high)
            # Growing s clips further pixels, so the candidate can only be shorter than foreseen: still feasible.
            scale, result = better, candidate
        return result

    def steepest(self, direction: Tensor, length: float | Tensor) -> Tensor:
        norm = self.norm(direction)
        unit = direction / per_row(norm.clamp_min(torch.finfo(direction.dtype).tiny), direction)
        return per_row(length, direction) * unit

    def random(self, x: Tensor, generator: torch.Generator) -> Tensor:
        gaussian = torch.randn(x.shape, generator=generator).to(x)
        # Uniform in a ball of d dimensions: the radius follows r ~ u^(1/d).
        u = torch.rand(x.shape[0], generator=generator).to(x)
        length = u ** (1 / x[0].numel()) * self._radius(x).to(x)
        return self.project(self.steepest(gaussian, length), x)

    def norm(self, delta: Tensor) -> Tensor:
        # Squares of 150 000 small numbers are summed in double precision; the norm is then right to the last bit.
        return self._square(delta).sqrt().to(delta.dtype)

    def quantize(self, delta: Tensor, x: Tensor) -> Tensor:
        if not is_8bit(x):
            return delta
        # Rounding to nearest makes δ longer. ‖round(s·δ)‖ grows with s, so a bisection finds the largest s for which
        # the rounded δ is no longer than δ was; s > 1 is allowed, since a short δ would otherwise round to nothing.
        # A hair of slack, so that a δ that lies on the grid already comes back as it is.
        wanted = self._square(delta) * 255**2 * (1 + 1e-6)
        wanted = torch.minimum(wanted, (self._radius(delta) * 255).square() * (1 - 4e-6))
        levels = delta * 255
        low, high = torch.zeros_like(wanted), torch.full_like(wanted, 16.0)
        for _ in range(24):
            middle = (low + high) / 2
            fits = self._square(self._rounded(levels, middle, x)) <= wanted
            low, high = torch.where(fits, middle, low), torch.where(fits, high, middle)
        return _on_the_grid(self._rounded(levels, low, x), x)

    def _radius(self, like: Tensor) -> Tensor:
        eps = torch.as_tensor(self.eps, dtype=torch.float64)
        device = like.device if like.device.type != "mps" else torch.device("cpu")
        return eps.to(device).expand(like.shape[0])

    @staticmethod
    def _square(delta: Tensor) -> Tensor:
        # MPS has no double precision: sum there in single precision and go on in double on the CPU.
        if delta.device.type == "mps":
            return delta.flatten(1).square().sum(1).cpu().double()
        return delta.flatten(1).square().sum(1, dtype=torch.float64)

    @staticmethod
    def _rounded(levels: Tensor, scale: Tensor, x: Tensor) -> Tensor:
        shown = (x * 255).round()
        return (levels * per_row(scale, levels)).round().clamp(-shown, 255 - shown)


def _on_the_grid(levels: Tensor, x: Tensor) -> Tensor:
    """δ for a change by whole 8-bit levels, such that x + δ is the 8-bit picture to the last bit of the float.

    The ball holds exactly in levels. k / 255 has no exact float32, so |δ| itself may pass float32(ε) by 2⁻²⁴.
    A few changes of nearly black pixels (from 3 to 1, say) have no float32 δ for which the sum x + δ is exact. Such a
    pixel changes by one level less, until there is one; no change at all always is.
    """
    shown = (x * 255).round()
    levels = levels.clone()
    while True:
        picture = (shown + levels).clamp(0, 255) / 255
        delta = picture - x
        for away in (-2.0, 2.0):  # one unit in the last place to either side
            neighbour = torch.nextafter(delta, torch.full_like(delta, away))
            delta = torch.where(x + delta == picture, delta, neighbour)
        missed = x + delta != picture
        if not bool(missed.any()):
            return delta
        levels = torch.where(missed, levels - levels.sign(), levels)
