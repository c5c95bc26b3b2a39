"""L: what the attack maximises. An objective maps logits (N, K) to one number a row (N,); the solver goes uphill.

Labels are class indices: one for all rows, or a sequence / tensor of shape (N,).
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

Labels = int | Sequence[int] | Tensor


def as_labels(labels: Labels, logits: Tensor) -> Tensor:
    """Labels as a long tensor (N,) on the device of ``logits``.

    Raises:
        ValueError: a label outside 0 ... K-1, or not one a row.
    """
    y = torch.as_tensor(labels, device=logits.device)
    if y.is_floating_point() or y.is_complex() or y.dtype == torch.bool:
        raise ValueError("labels are class indices: whole numbers")
    y = y.long().reshape(-1)
    if y.numel() == 1:
        y = y.expand(logits.shape[0])
    if y.shape != logits.shape[:1]:
        raise ValueError(f"{y.numel()} labels for {logits.shape[0]} images")
    if y.numel() and (int(y.min()) < 0 or int(y.max()) >= logits.shape[1]):
        raise ValueError(f"labels have to lie in 0 ... {logits.shape[1] - 1}")
    return y


class Objective(ABC):
    """Something to maximise over δ."""

    @abstractmethod
    def __call__(self, logits: Tensor) -> Tensor:
        """The value of every row, shape (N,), from logits (N, K)."""

    @abstractmethod
    def reached(self, logits: Tensor) -> Tensor:
        """Whether the attack's aim is reached, a boolean a row, shape (N,)."""


@dataclass(frozen=True, eq=False)
class Untargeted(Objective):
    """L(y): the cross-entropy of the present class. Anything but y will do (Goodfellow et al. 2015)."""

    y: Labels

    def __call__(self, logits: Tensor) -> Tensor:
        return F.cross_entropy(logits, as_labels(self.y, logits), reduction="none")

    def reached(self, logits: Tensor) -> Tensor:
        return logits.argmax(1) != as_labels(self.y, logits)


@dataclass(frozen=True, eq=False)
class Targeted(Objective):
    """-L(target): be the target, whatever happens to the other classes (Kurakin et al. 2017)."""

    target: Labels

    def __call__(self, logits: Tensor) -> Tensor:
        return -F.cross_entropy(logits, as_labels(self.target, logits), reduction="none")

    def reached(self, logits: Tensor) -> Tensor:
        return logits.argmax(1) == as_labels(self.target, logits)


@dataclass(frozen=True, eq=False)
class TargetedDifference(Objective):
    """L(y) - L(target), the lecture's form (Kolter & Madry 2018). The log-sums cancel: it is z_target - z_y, and it
    does not care when a third class wins.

    Raises:
        ValueError: on a call, where the target is y itself (the difference would be zero everywhere).
    """

    y: Labels
    target: Labels

    def __call__(self, logits: Tensor) -> Tensor:
        y, target = as_labels(self.y, logits), as_labels(self.target, logits)
        if bool((y == target).any()):
            raise ValueError("the target is the present class: choose another one")
        difference = logits.gather(1, target[:, None]) - logits.gather(1, y[:, None])
        return difference.squeeze(1)

    def reached(self, logits: Tensor) -> Tensor:
        return logits.argmax(1) == as_labels(self.target, logits)
