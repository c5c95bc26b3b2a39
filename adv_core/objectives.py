"""Objectives L, which an attack maximises. An objective maps logits (N, K) to one number per row, (N,).

Labels are class indices: one for all rows, or a sequence / tensor of shape (N,). Any function from logits (N, K) to
(N,) can be climbed too; wrap it in `Custom` to define when its aim is reached.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

Labels = int | Sequence[int] | Tensor
# A solver can climb every Objective, and every other function of the logits.
Climbable = Callable[[Tensor], Tensor]


def check_logits(logits: Tensor) -> None:
    """Refuse an answer without at least two classes to compare.

    Raises:
        ValueError: not of shape (N, K) with K ≥ 2.
    """
    if logits.ndim == 2 and logits.shape[1] > 1:
        return
    shape = f"the classifier has to return logits of two classes or more, (N, K), and returns {(*logits.shape,)}."
    if logits.ndim > 2:
        raise ValueError(f"{shape} Give a function that returns one row for each image.")
    raise ValueError(
        f"{shape} If it returns one number z for each image, give two logits, 0 and z: lambda x: "
        "torch.nn.functional.pad(model(x).reshape(-1, 1), (1, 0)), with the labels 0 and 1."
        + (" If x is a single image, give x[None]." if logits.ndim < 2 else "")
    )


def as_labels(labels: Labels, logits: Tensor) -> Tensor:
    """Labels as a long tensor (N,) on the device of ``logits``.

    Raises:
        ValueError: a label outside 0 ... K-1, or not one per row; logits without classes to compare.
    """
    check_logits(logits)
    y = torch.as_tensor(labels, device=logits.device)
    if y.is_floating_point() or y.is_complex() or y.dtype == torch.bool:
        raise ValueError("labels have to be class indices, which are whole numbers")
    y = y.long().reshape(-1)
    if y.numel() == 1:
        y = y.expand(logits.shape[0])
    if y.shape != logits.shape[:1]:
        one_hot = " For labels in one-hot form, give labels.argmax(1)." if y.shape == logits.flatten().shape else ""
        raise ValueError(f"{y.numel()} labels for {logits.shape[0]} images.{one_hot}")
    if y.numel() and (int(y.min()) < 0 or int(y.max()) >= logits.shape[1]):
        raise ValueError(f"labels have to lie in 0 ... {logits.shape[1] - 1}")
    return y


class Objective(ABC):
    """A function to maximise over δ."""

    @abstractmethod
    def __call__(self, logits: Tensor) -> Tensor:
        """The value of every row, shape (N,), from logits (N, K)."""

    @abstractmethod
    def reached(self, logits: Tensor) -> Tensor:
        """Tell whether the attack's aim is reached, a boolean per row, shape (N,)."""

    def rows(self, index: Tensor) -> "Objective":
        """The objective of those rows of the batch alone; ``index`` is a list of row numbers, or a mask (N,)."""
        changes = {}
        for name in ("y", "target"):
            labels = getattr(self, name, None)
            if labels is not None and torch.as_tensor(labels).numel() > 1:
                labels = torch.as_tensor(labels).reshape(-1)
                changes[name] = labels[index.to(labels.device)]
        return replace(self, **changes) if changes else self  # type: ignore[type-var]


@dataclass(frozen=True, eq=False)
class WithTerms(Objective):
    """An objective plus weighted terms, which the classifier appends to its logits: (N, K + T).

    A subclass gives the `weights`.

    Attributes:
        inner: on the first K logits; its aim is the aim.
    """

    inner: Objective

    @property
    @abstractmethod
    def weights(self) -> tuple[float, ...]:
        """The weight of each of the T terms."""

    def __call__(self, logits: Tensor) -> Tensor:
        count = len(self.weights)
        value = self.inner(logits[:, :-count])
        for weight, term in zip(self.weights, logits[:, -count:].unbind(1), strict=True):
            value = value + weight * term
        return value

    def reached(self, logits: Tensor) -> Tensor:
        return self.inner.reached(logits[:, : -len(self.weights)])

    def rows(self, index: Tensor) -> "Objective":
        return replace(self, inner=self.inner.rows(index))


@dataclass(frozen=True, eq=False)
class Untargeted(Objective):
    """L(y), the cross-entropy of the present class: the aim is any class but y (Goodfellow et al. 2015)."""

    y: Labels

    def __call__(self, logits: Tensor) -> Tensor:
        return F.cross_entropy(logits, as_labels(self.y, logits), reduction="none")

    def reached(self, logits: Tensor) -> Tensor:
        return logits.argmax(1) != as_labels(self.y, logits)


@dataclass(frozen=True, eq=False)
class Targeted(Objective):
    """-L(target): reach the target, with no regard to the other classes (Kurakin et al. 2017)."""

    target: Labels

    def __call__(self, logits: Tensor) -> Tensor:
        return -F.cross_entropy(logits, as_labels(self.target, logits), reduction="none")

    def reached(self, logits: Tensor) -> Tensor:
        return logits.argmax(1) == as_labels(self.target, logits)


@dataclass(frozen=True, eq=False)
class TargetedDifference(Objective):
    """L(y) - L(target), the lecture's form (Kolter & Madry 2018). The log-sums cancel: it is z_target - z_y. It has no
    term for a third class, which may win.

    Raises:
        ValueError: on a call, where the target is y itself (the difference would be zero everywhere).
    """

    y: Labels
    target: Labels

    def __call__(self, logits: Tensor) -> Tensor:
        y, target = as_labels(self.y, logits), as_labels(self.target, logits)
        _refuse_present_class(y, target)
        return _pick(logits, target) - _pick(logits, y)

    def reached(self, logits: Tensor) -> Tensor:
        return logits.argmax(1) == as_labels(self.target, logits)


@dataclass(frozen=True, eq=False)
class Margin(Objective):
    """The margin of Carlini & Wagner (S&P 2017, arXiv:1608.04644), min(max over i ≠ y of z_i - z_y, κ); with a target
    t it is min(z_t - max over i ≠ t of z_i, κ). The aim is reached where it is above zero.

    It does not saturate as the softmax does. It stops growing at κ, so an attack seeks no higher confidence than κ.

    Args:
        y: the present class, to leave; or give ``target`` instead, the class to reach.
        kappa: κ ≥ 0, the confidence asked for, in logits; the default never stops growing.

    Raises:
        ValueError: neither or both of ``y`` and ``target``.
    """

    y: Labels | None = None
    target: Labels | None = None
    kappa: float = math.inf

    def __post_init__(self) -> None:
        if (self.y is None) == (self.target is None):
            raise ValueError("a margin needs either y, the class to leave, or target, the class to reach")

    def __call__(self, logits: Tensor) -> Tensor:
        labels = self.y if self.target is None else self.target
        assert labels is not None
        label = as_labels(labels, logits)
        own = _pick(logits, label)
        others = logits.scatter(1, label[:, None], -math.inf).amax(1)
        margin = others - own if self.target is None else own - others
        return margin.clamp_max(self.kappa)

    def reached(self, logits: Tensor) -> Tensor:
        if self.target is None:
            assert self.y is not None
            return logits.argmax(1) != as_labels(self.y, logits)
        return logits.argmax(1) == as_labels(self.target, logits)


@dataclass(frozen=True, eq=False)
class LogitsRatio(Objective):
    """The difference-of-logits ratio of Croce & Hein (ICML 2020, arXiv:2003.01690), invariant to the logits' scale:
    (max over i ≠ y of z_i - z_y) / (z₁ - z₃), with z₁ ≥ z₂ ≥ z₃ the sorted logits; with a target t
    (z_t - z_y) / (z₁ - (z₃ + z₄) / 2).

    Args:
        y: the present class.
        target: the class to reach; None for any class but y.

    Raises:
        ValueError: on a call, with fewer than three classes (four with a target), or where the target is y itself.
    """

    y: Labels
    target: Labels | None = None

    def __call__(self, logits: Tensor) -> Tensor:
        needed = 3 if self.target is None else 4
        if logits.shape[1] < needed:
            raise ValueError(f"the logits ratio needs at least {needed} classes; this classifier has {logits.shape[1]}")
        y = as_labels(self.y, logits)
        top = logits.topk(needed, dim=1).values
        if self.target is None:
            others = logits.scatter(1, y[:, None], -math.inf).amax(1)
            return (others - _pick(logits, y)) / (top[:, 0] - top[:, 2] + 1e-12)
        target = as_labels(self.target, logits)
        _refuse_present_class(y, target)
        return (_pick(logits, target) - _pick(logits, y)) / (top[:, 0] - (top[:, 2] + top[:, 3]) / 2 + 1e-12)

    def reached(self, logits: Tensor) -> Tensor:
        if self.target is None:
            return logits.argmax(1) != as_labels(self.y, logits)
        return logits.argmax(1) == as_labels(self.target, logits)


@dataclass(frozen=True, eq=False)
class Divergence(Objective):
    """KL(p ‖ q) = Σ p·(log p - log q), the change of the prediction from p, without δ, to q, whatever the label is
    (Zhang et al., "TRADES", ICML 2019, arXiv:1901.08573).

    Its gradient is zero at δ = 0, so a solver has to start at a random point.

    Args:
        untouched: the logits of p, (N, K).
    """

    untouched: Tensor

    def __call__(self, logits: Tensor) -> Tensor:
        log_p, log_q = self.untouched.log_softmax(1), logits.log_softmax(1)
        return (log_p.exp() * (log_p - log_q)).sum(1)

    def reached(self, logits: Tensor) -> Tensor:
        return logits.argmax(1) != self.untouched.argmax(1)

    def rows(self, index: Tensor) -> "Objective":
        return replace(self, untouched=self.untouched[index.to(self.untouched.device)])


@dataclass(frozen=True, eq=False)
class Custom(Objective):
    """Any function of the logits.

    Args:
        function: logits (N, K) -> (N,), differentiable for the solvers that use a gradient.
        aim: logits (N, K) -> boolean (N,), true where the aim is reached. Only the solvers that stop there
            (minimum-norm attacks, Square Attack) call it.
    """

    function: Climbable
    aim: Callable[[Tensor], Tensor] | None = None

    def __call__(self, logits: Tensor) -> Tensor:
        return self.function(logits)

    def reached(self, logits: Tensor) -> Tensor:
        if self.aim is None:
            raise ValueError("this objective has no rule for when its aim is reached: give Custom an aim")
        return self.aim(logits)


def _pick(logits: Tensor, labels: Tensor) -> Tensor:
    return logits.gather(1, labels[:, None]).squeeze(1)


def _refuse_present_class(y: Tensor, target: Tensor) -> None:
    if bool((y == target).any()):
        raise ValueError("the target is the present class: choose another target")


@dataclass(frozen=True, eq=False)
class ExpectedUntargeted(Untargeted):
    """E[L(y)] over the views, for the log-probabilities that `Transformed` returns (and for nothing else)."""

    def __call__(self, logits: Tensor) -> Tensor:
        return -_pick(logits, as_labels(self.y, logits))


@dataclass(frozen=True, eq=False)
class ExpectedTargeted(Targeted):
    """-E[L(target)] over the views, as in Athalye et al.; for the log-probabilities of `Transformed` alone.

    A view that already shows the target has hardly any gradient, so the other views dominate.
    """

    def __call__(self, logits: Tensor) -> Tensor:
        return _pick(logits, as_labels(self.target, logits))


@dataclass(frozen=True, eq=False)
class Dodging(Objective):
    """The distance of a face to the person y who wears it: be recognised as nobody, or as anybody else.

    Logits are minus the distances to some people, see `adv_core.faces.distances` (Sharif et al., CCS 2016).

    Attributes:
        same: the distance below which a recogniser says "the same person".
    """

    y: Labels
    same: float = 0.6

    def __call__(self, logits: Tensor) -> Tensor:
        return -_pick(logits, as_labels(self.y, logits))

    def reached(self, logits: Tensor) -> Tensor:
        return self(logits) > self.same


@dataclass(frozen=True, eq=False)
class Impersonation(Objective):
    """Minus the distance to the person ``target``, plus the distance to oneself, y, up to a little above the threshold.

    Logits and ``same`` as for `Dodging`.
    """

    y: Labels
    target: Labels
    same: float = 0.6

    def __call__(self, logits: Tensor) -> Tensor:
        own = -_pick(logits, as_labels(self.y, logits))
        return _pick(logits, as_labels(self.target, logits)) + own.clamp_max(self.same + 0.1)

    def reached(self, logits: Tensor) -> Tensor:
        near = -_pick(logits, as_labels(self.target, logits)) < self.same
        return near & (-_pick(logits, as_labels(self.y, logits)) > self.same)
