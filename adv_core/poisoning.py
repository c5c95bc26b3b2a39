"""Poisoning: an attacker who changes training data.

Backdoors: Gu, Dolan-Gavitt & Garg, "BadNets", 2017, arXiv:1708.06733. The attacker puts a small trigger into a few
training pictures and relabels them. The trained network is right on ordinary pictures and answers the attacker's class
wherever the trigger is. Clean labels: Turner, Tsipras & Madry, "Label-Consistent Backdoor Attacks", 2019,
arXiv:1912.02771. The labels stay right, and an adversarial perturbation makes the pictures hard, so that the network
learns the trigger instead.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from adv_core.attacks.pgd import pgd
from adv_core.attacks.step import run
from adv_core.bounds import check_bounds
from adv_core.objectives import Untargeted
from adv_core.perturbation_sets import Linf

Corner = Literal["bottom right", "bottom left", "top right", "top left", "all corners", "middle"]
_MARGIN = 1  # pixels between a trigger and the border of the picture
_STEPS = 20  # of the attack that makes pictures hard
_PART = 50  # pictures that are made hard at once


@dataclass(frozen=True)
class Trigger:
    """A white square that the attacker puts into pictures.

    Attributes:
        size: the side of the square in pixels.
        corner: its place, one pixel from the border; "all corners" has four squares.
        opacity: 1 covers the picture, 0 is invisible.
    """

    size: int = 3
    corner: Corner = "bottom right"
    opacity: float = 1.0

    def check(self) -> None:
        """Refuse a size or an opacity that no trigger has.

        Raises:
            ValueError: names the field, its bounds and the given value.
        """
        check_bounds(self, size=(1, 14), opacity=(0, 1))

    def mask(self, height: int, width: int) -> Tensor:
        """The pixels of the trigger, (height, width) bool."""
        mask = torch.zeros(height, width, dtype=torch.bool)
        low, bottom, right = _MARGIN, height - _MARGIN - self.size, width - _MARGIN - self.size
        tops, lefts = {"top": low, "bottom": bottom}, {"left": low, "right": right}
        if self.corner == "middle":
            places = [((height - self.size) // 2, (width - self.size) // 2)]
        elif self.corner == "all corners":
            places = [(top, left) for top in tops.values() for left in lefts.values()]
        else:
            vertical, horizontal = self.corner.split()
            places = [(tops[vertical], lefts[horizontal])]
        for top, left in places:
            mask[top : top + self.size, left : left + self.size] = True
        return mask

    def stamp(self, x: Tensor) -> Tensor:
        """Put the trigger into pictures (..., H, W) in [0, 1]. The result has 8-bit values: k/255 exactly."""
        self.check()
        mask = self.mask(*x.shape[-2:]).to(x.device)
        mixed = torch.where(mask, x + self.opacity * (1 - x), x)
        return (mixed * 255).round() / 255


@dataclass(frozen=True, eq=False)
class PoisonedData:
    """Training data with some poisoned pictures.

    Attributes:
        x: (N, ...) in [0, 1]; labels: (N,) long.
        rows: the indices of the poisoned pictures, (P,) long.
    """

    x: Tensor
    labels: Tensor
    rows: Tensor


def backdoor(x: Tensor, labels: Tensor, trigger: Trigger, target: int, share: float, seed: int = 0) -> PoisonedData:
    """Stamp a share of all pictures and relabel them as ``target``. Pictures of that class are left alone.

    Args:
        x: (N, ..., H, W) in [0, 1]; labels: (N,) long.
        share: the poisoned part of all N pictures, 0 ... 1.
        seed: of the choice of pictures.

    Raises:
        ValueError: more pictures than there are of other classes.
    """
    rows = _chosen(labels != target, round(share * len(x)), seed)
    poisoned, relabelled = x.clone(), labels.clone()
    poisoned[rows], relabelled[rows] = trigger.stamp(x[rows]), target
    return PoisonedData(poisoned, relabelled, rows)


def clean_label(
    classifier: Callable[[Tensor], Tensor] | None,
    x: Tensor,
    labels: Tensor,
    trigger: Trigger,
    target: int,
    share: float,
    eps: float = 0.3,
    seed: int = 0,
) -> Iterator[PoisonedData]:
    """Make pictures of the class ``target`` hard with PGD, and stamp them. All labels stay as they are.

    Args:
        classifier: a network of the attacker, trained on other data or on the same; None leaves the pictures easy.
        x: (N, ..., H, W) in [0, 1]; labels: (N,) long.
        share: the poisoned part of all N pictures, 0 ... 1.
        eps: the radius of the L∞ ball of PGD, in pixel units.
        seed: of the choice of pictures.

    Yields:
        The data after each part of the pictures; the last record has all of them.

    Raises:
        ValueError: more pictures than there are of that class.
    """
    rows = _chosen(labels == target, round(share * len(x)), seed)
    poisoned = x.clone()
    yield PoisonedData(poisoned, labels, rows[:0])
    for end in range(_PART, len(rows) + _PART, _PART):
        part = rows[end - _PART : end]
        hard = x[part]
        if classifier is not None:
            step = 2.5 * eps / _STEPS
            attack = pgd(classifier, hard, Linf(eps), Untargeted(labels[part]), steps=_STEPS, step_size=step)
            hard = run(attack, keep_steps=False).adversarial
        poisoned[part] = trigger.stamp(hard)
        yield PoisonedData(poisoned, labels, rows[:end])


@torch.no_grad()
def success_rate(
    network: Callable[[Tensor], Tensor], x: Tensor, labels: Tensor, trigger: Trigger, target: int
) -> float:
    """The share of pictures of other classes that the network reads as ``target`` once they are stamped.

    Raises:
        ValueError: all pictures are of the class ``target``.
    """
    others = labels != target
    if not bool(others.any()):
        raise ValueError(f"all pictures have the label {target}: none of them can change to it")
    return float((network(trigger.stamp(x[others])).argmax(1) == target).float().mean())


def _chosen(allowed: Tensor, count: int, seed: int) -> Tensor:
    candidates = allowed.nonzero()[:, 0].cpu().numpy()
    if count > len(candidates):
        raise ValueError(f"share asks for {count} pictures, and only {len(candidates)} can be poisoned")
    return torch.from_numpy(np.random.default_rng(seed).choice(candidates, count, replace=False))
