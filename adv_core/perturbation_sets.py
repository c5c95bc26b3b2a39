"""Perturbation sets Δ: the perturbations that an attacker may use.

A set is a ball of radius ε in some norm, intersected with the box: x + δ has to lie in [0, 1]. Every set
has the same methods (`project`, `steepest`, `random`, `norm`, `quantize`), and a solver uses nothing else. Tensors
are batches (N, C, H, W) (any trailing shape works); ε is one number for all rows, or a tensor (N,).

    Linf(8 / 255)              no value moves by more than 8 levels
    L2(3.0)                    the length of the whole change
    L1(40.0)                   the sum of all changes
    L0(100)                    at most 100 pixels change, by any amount
    Box()                      anything that is still a picture
    Masked(Linf(0.5), mask)    Δ(x): only where the mask is true (glasses, a sticker, the background)
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Self

import torch
from torch import Tensor

from adv_core.images import is_8bit


def per_row(value: float | Tensor, like: Tensor) -> Tensor:
    """One value per row, (N,), reshaped to (N, 1, 1, 1) so that it broadcasts over ``like``; one number as it is."""
    if not isinstance(value, Tensor):
        return torch.tensor(value, dtype=like.dtype, device=like.device)  # never through float32
    if value.ndim == 0:
        return value.to(like)
    if value.shape != like.shape[:1]:
        raise ValueError(
            f"give one value per row: the shape is {tuple(value.shape)}, and there are {like.shape[0]} rows"
        )
    return value.to(like).reshape(-1, *[1] * (like.ndim - 1))


class PerturbationSet(ABC):
    """Δ(x), the perturbations δ that are allowed at x; 0 is always one of them."""

    @abstractmethod
    def project(self, delta: Tensor, x: Tensor) -> Tensor:
        """The Euclidean projection of δ onto the set; both constraints hold to the last bit."""

    def projection(self, x: Tensor) -> Callable[[Tensor], Tensor]:
        """`project` for one x: the part that does not depend on δ is computed once, for all the steps of a run.

        It may overwrite the δ that it gets.
        """
        return lambda delta: self.project(delta, x)

    @abstractmethod
    def steepest(self, direction: Tensor, length: float | Tensor) -> Tensor:
        """argmax ⟨direction, v⟩ over ‖v‖ ≤ length: the steepest-ascent step. A zero direction gives zero."""

    def ascend(self, delta: Tensor, direction: Tensor, length: float | Tensor) -> Tensor:
        """δ + the steepest step, not projected. It may overwrite the direction, since a gradient is used only once."""
        return self.steepest(direction, length).add_(delta)

    def free(self, direction: Tensor, delta: Tensor, x: Tensor) -> Tensor:
        """The direction without the values that x + δ cannot follow; only `L1` leaves them out."""
        return direction

    @abstractmethod
    def random(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Draw uniformly from the ball, then project onto the box. ``generator`` is on the CPU, wherever x is."""

    @abstractmethod
    def norm(self, delta: Tensor) -> Tensor:
        """‖δ‖ of every row, shape (N,)."""

    @abstractmethod
    def quantize(self, delta: Tensor, x: Tensor) -> Tensor:
        """δ rounded so that x + δ has 8-bit values and both constraints still hold.

        For an x that is not itself an 8-bit picture (a point in the plane, say), δ comes back unchanged.
        """

    @property
    @abstractmethod
    def radius(self) -> float | Tensor:
        """ε, a number or one per row."""

    @property
    def reach(self) -> float | Tensor:
        """The longest useful step, in the unit of `steepest`'s length: ε, where that is a length."""
        return self.radius

    @property
    def grain(self) -> float:
        """The smallest change of ε that has an effect; nonzero only for a count."""
        return 0.0

    @abstractmethod
    def with_radius(self, eps: float | Tensor) -> Self:
        """The same kind of set with another ε."""

    def with_spread(self, spread: float | Tensor) -> Self:
        """The same set whose steps are shared among that part of the values; only `L1` has such steps."""
        return self

    def rows(self, index: Tensor) -> Self:
        """The set for those rows of the batch alone; ``index`` is a list of row numbers, or a mask (N,)."""
        eps = torch.as_tensor(self.radius)
        return self if eps.ndim == 0 else self.with_radius(eps[index.to(eps.device)])

    def dual_norm(self, direction: Tensor) -> Tensor:
        """max ⟨direction, v⟩ over ‖v‖ ≤ 1, (N,): the largest gain of a linear function per unit of ε."""
        return (direction * self.steepest(direction, 1.0)).flatten(1).sum(1)


@dataclass(frozen=True, eq=False)
class Ball(PerturbationSet):
    """{δ : ‖δ‖ ≤ ε, 0 ≤ x + δ ≤ 1}.

    Args:
        eps: the radius ε ≥ 0, in pixel units (8 / 255); a float, or a tensor (N,) with one radius per row. ``math.inf``
            leaves only the box (minimum-norm attacks need a geometry, not a limit).

    Raises:
        ValueError: a negative ε, or NaN.
    """

    eps: float | Tensor

    def __post_init__(self) -> None:
        eps = torch.as_tensor(self.eps)
        if bool(eps.isnan().any()) or bool((eps < 0).any()):
            raise ValueError(f"ε has to be zero or more, not {self.eps}")

    @property
    def radius(self) -> float | Tensor:
        return self.eps

    def with_radius(self, eps: float | Tensor) -> Self:
        return replace(self, eps=eps)

    def _radius(self, like: Tensor) -> Tensor:
        """ε of every row in double precision, (N,)."""
        eps = torch.as_tensor(self.eps, dtype=torch.float64)
        return eps.to(_precise(like).device).expand(like.shape[0])


class Linf(Ball):
    """max |δᵢ| ≤ ε: no pixel moves by more than ε. Its steepest step is the sign (Goodfellow et al. 2015)."""

    def project(self, delta: Tensor, x: Tensor) -> Tensor:
        return self.projection(x)(delta.clone())

    def projection(self, x: Tensor) -> Callable[[Tensor], Tensor]:
        eps = per_row(self.eps, x)
        # Bounds on δ, not on x + δ: in floating point (x + δ) - x need not equal δ, and may leave the ball.
        low, high = (-x).clamp_(min=-eps), (1 - x).clamp_(max=eps)
        return lambda delta: delta.clamp_(low, high)

    def steepest(self, direction: Tensor, length: float | Tensor) -> Tensor:
        return direction.sign().mul_(per_row(length, direction))

    def ascend(self, delta: Tensor, direction: Tensor, length: float | Tensor) -> Tensor:
        if isinstance(length, Tensor):
            return super().ascend(delta, direction, length)
        direction = direction.contiguous()  # an expanded gradient cannot be overwritten
        return torch.add(delta, direction.sign_(), alpha=length, out=direction)  # allocates no new memory

    def dual_norm(self, direction: Tensor) -> Tensor:
        return torch.linalg.vector_norm(direction.flatten(1), ord=1, dim=1)

    def random(self, x: Tensor, generator: torch.Generator) -> Tensor:
        unit = torch.rand(x.shape, generator=generator).to(x) * 2 - 1
        return self.project(per_row(_finite(self.eps), x) * unit, x)

    def norm(self, delta: Tensor) -> Tensor:
        return delta.flatten(1).abs().amax(1)

    def quantize(self, delta: Tensor, x: Tensor) -> Tensor:
        if not is_8bit(x):
            return delta
        # Whole levels that fit into the ball. The small term allows for 8 / 255 * 255 = 7.999... in floating point.
        radius = torch.as_tensor(self.eps, dtype=torch.float64) * 255
        levels = torch.floor(radius + 1e-6).to(delta)
        most = per_row(levels, delta)
        return _on_the_grid((delta * 255).round().clamp(-most, most), x)


class L2(Ball):
    """√Σδᵢ² ≤ ε. Its steepest step is the gradient, normalised to length α."""

    def project(self, delta: Tensor, x: Tensor) -> Tensor:
        return self.projection(x)(delta)

    def projection(self, x: Tensor) -> Callable[[Tensor], Tensor]:
        # The nearest point of ball ∩ box is clip(s·δ, -x, 1 - x) with the largest s ≤ 1 that fits into the ball (from
        # the KKT conditions; 0 lies in the box). The usual way, scaling first and clamping afterwards, stays feasible
        # but is not nearest: it loses the length that the box cuts off. ‖clip(s·δ)‖ is too short at s = ε/‖δ‖ and too
        # long at s = ε/‖clip(δ)‖; between them it is nearly linear, so a few secant steps find s. An iterate was inside
        # before its last step, so the two ends are close, and the second is mostly good enough.
        low, high = -x, 1 - x
        target = self._radius(x) * (1 - 2**-22)

        def project(delta: Tensor) -> Tensor:
            inside = delta.clamp(low, high)
            size = self._roughly(inside)
            outside = size > target * (1 - 1e-5)
            if delta.is_cpu and not bool(outside.any()):
                return inside
            left = (target / self._roughly(delta).clamp_min(1e-300)).clamp_max(1.0)
            right = scale = (target / size.clamp_min(1e-300)).clamp_max(1.0)
            left_size = right_size = torch.full_like(target, math.nan)
            for _ in range(40 if delta.is_cpu else 6):  # on an accelerator, a test for the end costs more than a step
                result = (delta * per_row(scale, delta)).clamp_(low, high)
                size = self._roughly(result)
                if delta.is_cpu and bool(((size - target).abs() <= 5e-6 * target)[outside].all()):
                    break
                short = size <= target
                left, left_size = torch.where(short, scale, left), torch.where(short, size, left_size)
                right, right_size = torch.where(short, right, scale), torch.where(short, right_size, size)
                slope = (target - left_size) / (right_size - left_size).clamp_min(1e-300)
                # at least a thousandth of the way from either end, since a bent curve can slow the secant down; and the
                # middle, where only one end is known
                scale = left + (right - left) * slope.nan_to_num(0.5).clamp(1e-3, 1 - 1e-3)
            # The result may be too long by a last relative 5e-6 in the exact sum; that is taken off everywhere.
            factor = (target / self._exactly(result).clamp_min(1e-300)).clamp_max(1)
            if delta.is_cpu and bool(outside.all()):
                return result.mul_(per_row(factor, delta))
            return torch.where(per_row(outside, delta).bool(), result * per_row(factor, delta), inside)

        return project

    def steepest(self, direction: Tensor, length: float | Tensor) -> Tensor:
        return direction * self._factor(direction, length)

    def ascend(self, delta: Tensor, direction: Tensor, length: float | Tensor) -> Tensor:
        return direction.contiguous().mul_(self._factor(direction, length)).add_(delta)

    @staticmethod
    def _factor(direction: Tensor, length: float | Tensor) -> Tensor:
        """The factor that scales each row to that length; a zero row stays zero."""
        size = torch.linalg.vector_norm(direction.flatten(1), dim=1).clamp_min(torch.finfo(direction.dtype).tiny)
        return per_row(length / size, direction)

    def dual_norm(self, direction: Tensor) -> Tensor:
        return torch.linalg.vector_norm(direction.flatten(1), dim=1)

    def random(self, x: Tensor, generator: torch.Generator) -> Tensor:
        gaussian = torch.randn(x.shape, generator=generator).to(x)
        # Uniform in a ball of d dimensions: the radius follows r ~ u^(1/d).
        u = torch.rand(x.shape[0], generator=generator).to(x)
        length = u ** (1 / x[0].numel()) * _finite(self._radius(x)).to(x)
        return self.project(self.steepest(gaussian, length), x)

    def norm(self, delta: Tensor) -> Tensor:
        return self._exactly(delta).to(delta.dtype)

    def quantize(self, delta: Tensor, x: Tensor) -> Tensor:
        # A little slack, so that a δ that is already on the grid comes back as it is.
        wanted = torch.minimum(self._exactly(delta) * (1 + 5e-7), self._radius(delta) * (1 - 2e-6))
        return _rounded_within(delta, x, self._exactly, wanted)

    @staticmethod
    def _roughly(delta: Tensor) -> Tensor:
        """‖δ‖₂ in single precision, (N,), as a double."""
        return _precise(torch.linalg.vector_norm(delta.flatten(1), dim=1))

    @staticmethod
    def _exactly(delta: Tensor) -> Tensor:
        """‖δ‖₂, (N,), double: squares of 150 000 small numbers are summed in double precision."""
        if delta.device.type == "mps":  # which has no double precision
            return _precise(torch.linalg.vector_norm(delta.flatten(1), dim=1))
        return torch.linalg.vector_norm(delta.flatten(1), dim=1, dtype=torch.float64)


@dataclass(frozen=True, eq=False)
class L1(Ball):
    """Σ|δᵢ| ≤ ε.

    Args:
        eps: as for every ball, in pixel units: ε = 40 allows forty values to move from black to white.
        spread: the part of the values that a step moves. The steepest step moves a single value, and is exact for a
            linear classifier; a network's loss bends long before one value has used up ε. A step is therefore shared
            evenly among the 1 % of the values with the largest gradients (SLIDE: Tramèr & Boneh, NeurIPS 2019,
            arXiv:1904.13000). 0 moves a single value, and so does 1 % of fewer than 200 values. One number, or one per
            row.
    """

    spread: float | Tensor = 0.01

    def rows(self, index: Tensor) -> Self:
        spread = torch.as_tensor(self.spread)
        return replace(super().rows(index), spread=spread[index.to(spread.device)] if spread.ndim else self.spread)

    def with_spread(self, spread: float | Tensor) -> Self:
        return replace(self, spread=spread)

    def project(self, delta: Tensor, x: Tensor) -> Tensor:
        # The nearest point is |dᵢ| = clip(|δᵢ| - λ, 0, roomᵢ) with the smallest λ ≥ 0 that fits into the ball: the
        # simplex projection of Duchi et al. (ICML 2008), with a ceiling for the box. Σ|dᵢ| is piecewise linear in λ. As
        # λ falls, a value starts to grow at |δᵢ| and stops at |δᵢ| - roomᵢ. Sorting these places gives the sum at each
        # of them, and one linear step between two of them gives λ.
        size = _precise(delta).flatten(1).abs()
        room = _precise(torch.where(delta > 0, 1 - x, x)).flatten(1)
        target = self._radius(delta) * (1 - 2**-22)  # as in L2: rounding must not leave the ball
        result = torch.minimum(size, room)
        outside = result.sum(1) > target
        if bool(outside.any()):
            places = torch.cat([size[outside], (size - room)[outside]], 1)
            change = torch.cat([torch.ones_like(size), -torch.ones_like(size)], 1)[outside]
            places, order = places.sort(dim=1, descending=True)
            growing = change.gather(1, order).cumsum(1)
            sums = (growing[:, :-1] * (places[:, :-1] - places[:, 1:])).cumsum(1)
            sums = torch.nn.functional.pad(sums, (1, 0))
            # the last place at which the sum still fits; sums[:, 0] = 0 always does
            last = (sums <= target[outside, None]).sum(1, keepdim=True) - 1
            missing = target[outside, None] - sums.gather(1, last)
            shift = places.gather(1, last) - missing / growing.gather(1, last).clamp_min(1)
            # λ < 0 would mean that the box alone fits, which `outside` excludes up to rounding
            shrunk = (size[outside] - shift.clamp_min(0)).clamp_min(0)
            result[outside] = torch.minimum(shrunk, room[outside])
        # Where λ is far larger than ε, its last bit exceeds ε; the excess length is taken off everywhere.
        result = result * (target / result.sum(1).clamp_min(1e-300)).clamp_max(1)[:, None]
        result = result.reshape(delta.shape).to(delta)
        return (result * delta.sign()).clamp(-x, 1 - x)

    def steepest(self, direction: Tensor, length: float | Tensor) -> Tensor:
        flat = direction.flatten(1)
        given = self.spread
        spread = _precise(given) if isinstance(given, Tensor) else torch.tensor(given, dtype=torch.float64)
        count = (spread * flat.shape[1]).long().clamp_min(1).to(flat.device)
        most = int(count.max()) if count.numel() else 1
        best = flat.abs().topk(most, dim=1).indices
        share = 1 / count.reshape(-1, 1).to(flat)
        if count.ndim:
            share = share * (torch.arange(most, device=flat.device) < count[:, None])
        step = torch.zeros_like(flat).scatter_(1, best, flat.gather(1, best).sign() * share)
        return per_row(length, direction) * step.reshape(direction.shape)

    def free(self, direction: Tensor, delta: Tensor, x: Tensor) -> Tensor:
        # A step of few values is lost where they lie at the edge of the box already; foolbox leaves them out, too.
        stuck = ((delta >= 1 - x) & (direction > 0)) | ((delta <= -x) & (direction < 0))
        return direction.masked_fill(stuck, 0)

    def dual_norm(self, direction: Tensor) -> Tensor:
        return direction.flatten(1).abs().amax(1)

    def random(self, x: Tensor, generator: torch.Generator) -> Tensor:
        # Exponentials divided by their sum are uniform on the simplex; with one more of them, uniform in its interior.
        uniform = torch.rand(x.shape[0], x[0].numel() + 1, generator=generator, dtype=torch.float64)
        exponential = -torch.log1p(-uniform)
        size = exponential[:, :-1] / exponential.sum(1, keepdim=True)
        sign = torch.randint(0, 2, size.shape, generator=generator) * 2 - 1
        return self.project(per_row(_finite(self.eps), x) * (size * sign).to(x).reshape(x.shape), x)

    def norm(self, delta: Tensor) -> Tensor:
        return self._sum(delta).to(delta)

    def quantize(self, delta: Tensor, x: Tensor) -> Tensor:
        wanted = torch.minimum(self._sum(delta) * (1 + 1e-6), self._radius(delta) * (1 - 2e-6))
        return _rounded_within(delta, x, self._sum, wanted)

    @staticmethod
    def _sum(delta: Tensor) -> Tensor:
        return _precise(delta.flatten(1).abs()).sum(1)


class L0(Ball):
    """At most ε pixels change, each by any amount that the box allows. A pixel is a place: all its colours count once.

    The set is not convex, but its projection is known: keep the pixels that matter most (Croce & Hein, ICCV 2019,
    arXiv:1909.05040). ``eps`` is a number of pixels.
    """

    @property
    def reach(self) -> float | Tensor:
        return 1.0  # the count bounds no length: a pixel may cross the whole range

    @property
    def grain(self) -> float:
        return 1.0

    def dual_norm(self, direction: Tensor) -> Tensor:
        return self._by_place(direction).abs().sum(1).amax(1)

    def project(self, delta: Tensor, x: Tensor) -> Tensor:
        inside = delta.clamp(-x, 1 - x)
        # the squared distance saved by keeping a place
        spared = self._by_place(delta.square() - (delta - inside).square()).sum(1)
        most = torch.as_tensor(self.eps).to(spared.device).floor().expand(spared.shape[0])
        reach = int(most.clamp(0, spared.shape[1]).max()) if most.numel() else 0
        best = spared.topk(reach, dim=1).indices
        allowed = torch.arange(reach, device=spared.device) < most[:, None]
        keep = torch.zeros_like(spared, dtype=torch.bool).scatter_(1, best, allowed)
        return torch.where(keep[:, None], self._by_place(inside), 0).reshape(delta.shape)

    def steepest(self, direction: Tensor, length: float | Tensor) -> Tensor:
        # A bound on the count alone has no steepest step. The gradient is scaled so that its largest value moves by
        # ``length``: the places stay comparable, and the projection chooses among them.
        largest = direction.flatten(1).abs().amax(1).clamp_min(torch.finfo(direction.dtype).tiny)
        return per_row(length, direction) * (direction / per_row(largest, direction))

    def random(self, x: Tensor, generator: torch.Generator) -> Tensor:
        colours = torch.rand(x.shape, generator=generator).to(x) - x
        places = self._by_place(x)[:, 0].shape
        order = torch.rand(places, generator=generator).to(x.device).argsort(1).argsort(1)
        keep = order < torch.as_tensor(self.eps).to(order.device).floor().expand(places[0])[:, None]
        return torch.where(keep[:, None], self._by_place(colours), 0).reshape(x.shape)

    def norm(self, delta: Tensor) -> Tensor:
        return (self._by_place(delta) != 0).any(1).sum(1).to(delta)

    def quantize(self, delta: Tensor, x: Tensor) -> Tensor:
        if not is_8bit(x):
            return delta
        return _on_the_grid((delta * 255).round(), x)

    @staticmethod
    def _by_place(values: Tensor) -> Tensor:
        """(N, colours, places); points without colours have one colour."""
        return values.flatten(2) if values.ndim > 2 else values.flatten(1)[:, None]


class Box(Linf):
    """The box alone: x + δ is any picture in [0, 1]. It equals the L∞ ball of radius 1."""

    def __init__(self) -> None:
        super().__init__(1.0)

    def with_radius(self, eps: float | Tensor) -> Self:
        raise ValueError("the box has no radius that could change: use Linf")


@dataclass(frozen=True, eq=False)
class Masked(PerturbationSet):
    """Δ(x) = {δ ∈ inner : δ = 0 where the mask is false}: glasses, a sticker, the background (Sharif et al. 2016).

    Args:
        inner: the set that applies where the mask is true.
        mask: boolean, (H, W) or (3, H, W) for all rows, or (N, 1, H, W) with one per row.

    Raises:
        ValueError: on use, where the mask does not fit the picture's shape.
    """

    inner: PerturbationSet
    mask: Tensor = field(repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "mask", torch.as_tensor(self.mask).bool())

    @property
    def radius(self) -> float | Tensor:
        return self.inner.radius

    @property
    def reach(self) -> float | Tensor:
        return self.inner.reach

    def with_radius(self, eps: float | Tensor) -> Self:
        return replace(self, inner=self.inner.with_radius(eps))

    def with_spread(self, spread: float | Tensor) -> Self:
        return replace(self, inner=self.inner.with_spread(spread))

    def rows(self, index: Tensor) -> Self:
        one_each = self.mask.ndim == 4 and self.mask.shape[0] > 1
        mask = self.mask[index.to(self.mask.device)] if one_each else self.mask
        return replace(self, inner=self.inner.rows(index), mask=mask)

    def project(self, delta: Tensor, x: Tensor) -> Tensor:
        # Every inner set only shrinks values towards zero, so zeros stay zero and the result is the nearest point.
        return self.inner.project(self._cut(delta), x)

    def steepest(self, direction: Tensor, length: float | Tensor) -> Tensor:
        return self.inner.steepest(self._cut(direction), length)

    def free(self, direction: Tensor, delta: Tensor, x: Tensor) -> Tensor:
        return self.inner.free(direction, delta, x)

    def random(self, x: Tensor, generator: torch.Generator) -> Tensor:
        # Drawn among the visible values alone: a masked sample of the whole ball is far too short.
        delta = torch.zeros_like(x)
        seen = self._over(x)
        for row in range(x.shape[0]):
            here, picture = seen[row], x[row]
            if here.ndim > 1 and bool((here == here[:1]).all()):  # whole pixels: keep their colours together
                here, picture = here[0].flatten(), picture.flatten(1)
            inner = self.inner.rows(torch.tensor([row]))
            delta[row].view(picture.shape)[..., here] = inner.random(picture[..., here][None], generator)[0]
        return delta

    def norm(self, delta: Tensor) -> Tensor:
        return self.inner.norm(self._cut(delta))

    def quantize(self, delta: Tensor, x: Tensor) -> Tensor:
        return self.inner.quantize(self._cut(delta), x)

    def _over(self, like: Tensor) -> Tensor:
        try:
            return self.mask.to(like.device).expand(like.shape)
        except RuntimeError as error:
            raise ValueError(
                f"a mask of shape {tuple(self.mask.shape)} does not fit pictures of shape {tuple(like.shape)}"
            ) from error

    def _cut(self, values: Tensor) -> Tensor:
        return torch.where(self._over(values), values, torch.zeros((), dtype=values.dtype, device=values.device))


def _precise(values: Tensor) -> Tensor:
    """The values in double precision; on the CPU for MPS, which has no double precision."""
    return (values.cpu() if values.device.type == "mps" else values).double()


def _finite(eps: float | Tensor) -> Tensor:
    eps = torch.as_tensor(eps)
    if not bool(eps.isfinite().all()):
        raise ValueError("a ball with an infinite radius has no uniform random point: give a finite ε")
    return eps


def _rounded_within(delta: Tensor, x: Tensor, measure: Callable[[Tensor], Tensor], wanted: Tensor) -> Tensor:
    """δ on the 8-bit grid with ``measure(δ) ≤ wanted``, a norm.

    Rounding to nearest can make δ longer. The norm of round(s·δ) grows with s, so a bisection finds the largest s that
    fits; s > 1 is allowed, since a short δ would otherwise round to zero.
    """
    if not is_8bit(x):
        return delta
    levels, shown = delta * 255, (x * 255).round()

    def rounded(scale: Tensor) -> Tensor:
        return (levels * per_row(scale, levels)).round().clamp(-shown, 255 - shown)

    wanted = wanted * 255
    low, high = torch.zeros_like(wanted), torch.full_like(wanted, 16.0)
    for _ in range(24):
        middle = (low + high) / 2
        fits = measure(rounded(middle)) <= wanted
        low, high = torch.where(fits, middle, low), torch.where(fits, high, middle)
    return _on_the_grid(rounded(low), x)


def _on_the_grid(levels: Tensor, x: Tensor) -> Tensor:
    """δ for a change by whole 8-bit levels, such that x + δ is the 8-bit picture to the last bit of the float.

    The ball holds exactly in levels. k / 255 has no exact float32, so |δ| itself may pass float32(ε) by 2⁻²⁴.
    Some changes have no float32 δ for which the sum x + δ is exact: where |δ| is larger than the new value (from 3 to
    1, or from 87 to 11), the new value has finer steps than δ. Such a pixel changes by one level less, repeatedly,
    until there is one; no change at all is always exact. Of all changes by ±ε it is 2 % at ε = 8/255, 5 % at 16/255,
    and 23 % at 77/255.
    """
    shown = (x * 255).round_()
    picture = (shown + levels).clamp_(0, 255).div_(255)
    delta = picture - x
    missed = torch.nonzero(x + delta != picture, as_tuple=True)
    x, shown, levels = x[missed], shown[missed], levels[missed]
    while len(x):
        picture = (shown + levels).clamp_(0, 255).div_(255)
        mended = delta[missed] = picture - x
        left = x + mended != picture
        missed = tuple(index[left] for index in missed)
        x, shown, levels = x[left], shown[left], levels[left] - levels[left].sign()
    return delta
