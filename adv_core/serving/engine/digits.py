"""A digit, a digit network and its error curve, as plain values for tasks."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from adv_core.attacks.pgd import pgd
from adv_core.attacks.step import run
from adv_core.datasets import Digits, Split, mnist
from adv_core.networks.digit_network import DigitNetwork, checkpoint, names, unpack
from adv_core.norms import NORMS
from adv_core.objectives import Untargeted
from adv_core.serving.engine.work import Networks, Task
from adv_core.serving.fields import Checked, checked, number
from adv_core.serving.limits import LIMITS, Limits
from adv_core.training import wrong_at

MAX_CURVE = 1000  # test digits of one curve

# A checkpoint by its name, or the packed weights of a network that was trained here.
Model = str | bytes


@cache
def digits(split: Split) -> Digits:
    """The digits of all ten kinds."""
    return mnist(split, range(10))


def network_of(model: Model, device: str = "cpu") -> DigitNetwork:
    """The network, ready to be attacked.

    Raises:
        ValueError: an unknown checkpoint, or bytes that are no weights of such a network.
    """
    return unpack(model, device) if isinstance(model, bytes) else checkpoint(model, device).network


def check_model(model: Model) -> None:
    """Refuse a value that names or holds no network.

    Raises:
        ValueError: an unknown checkpoint, or bytes that are no weights.
    """
    if isinstance(model, str):
        if model not in names():
            raise ValueError(f"model has to be one of {', '.join(names())}, not {model!r}")
    else:
        unpack(model)


@dataclass(frozen=True)
class CurvePoint:
    """One point of an error curve: the share of digits that are wrong under the attack with that ε."""

    eps: float
    error: float


@dataclass(frozen=True)
class ErrorCurve(Task[CurvePoint]):
    """The error of a network against ε.

    A digit that is fooled at one ε counts as fooled at every larger one, since the smaller ball lies in the larger. δ
    is not rounded to 8 bits, as in `training.Judge`.

    Attributes:
        model: the network.
        eps: radii, rising; the first may be 0.
        norm: of the ball, "linf" or "l2".
        steps: of PGD, from x itself with cross-entropy; step size 2.5·ε/steps.
        images: the number of digits, the first ones of MNIST's test data.
    """

    model: Model = checked(..., check_model, repr=False)
    eps: tuple[float, ...] = number(..., 0, 1000, count=(1, 40))
    norm: Literal["linf", "l2"] = "linf"
    steps: int = number(20, 0, "max_steps")
    images: int = number(200, 1, MAX_CURVE)

    background = True

    @property
    def length(self) -> int:
        return len(self.eps)

    def check(self, limits: Limits = LIMITS) -> None:
        super().check(limits)
        if list(self.eps) != sorted(self.eps):
            raise ValueError(f"eps has to rise from a small ε to a large one, not {self.eps}")

    def records(self, networks: Networks) -> Iterator[CurvePoint]:
        network = network_of(self.model, str(networks.device))
        held = digits("test")[: self.images]
        x, labels = held.images.to(networks.device), held.labels.to(networks.device)
        wrong = wrong_at(network, x, labels)
        for eps in self.eps:
            left = (~wrong).nonzero()[:, 0]
            if eps and len(left):
                wrong[left] = self._fooled(network, x[left], labels[left], eps)
            yield CurvePoint(eps, float(wrong.float().mean()))

    def _fooled(self, network: DigitNetwork, x: Tensor, labels: Tensor, eps: float) -> Tensor:
        ball, alpha = NORMS[self.norm].ball(eps), 2.5 * eps / max(self.steps, 1)
        attack = pgd(network, x, ball, Untargeted(labels), steps=self.steps, step_size=alpha, quantize=False)
        return wrong_at(network, run(attack, keep_steps=False).adversarial, labels)


@dataclass(frozen=True)
class Digit(Checked):
    """A digit as data that a request can hold.

    Attributes:
        pixels: 28 · 28 bytes, row by row; ink is 255.
        label: its class, or the class that the learner gave it.
    """

    pixels: bytes = field(repr=False)
    label: int = number(..., 0, 9)

    @classmethod
    def of(cls, image: Tensor, label: int) -> "Digit":
        """Make the value from an image (..., 28, 28) in [0, 1]."""
        return cls(bytes((image.flatten() * 255).round().to(torch.uint8).tolist()), label)

    def check(self, limits: Limits = LIMITS) -> None:
        super().check(limits)
        if len(self.pixels) != 28 * 28:
            raise ValueError(f"pixels has to hold {28 * 28} bytes, one for each pixel, not {len(self.pixels)}")

    @property
    def levels(self) -> np.ndarray:
        """The digit as (28, 28) uint8."""
        return np.frombuffer(self.pixels, np.uint8).reshape(28, 28)

    def tensor(self, device: torch.device) -> Tensor:
        """The digit as (1, 1, 28, 28) in [0, 1]."""
        return (torch.from_numpy(self.levels.astype(np.float32)) / 255)[None, None].to(device)


@cache
def pair(split: Split) -> Digits:
    """Zeros and ones."""
    return mnist(split, (0, 1))


def forget_digits() -> None:
    """Drop the digits from memory. They are read anew when somebody asks for them."""
    digits.cache_clear()
    pair.cache_clear()


def stacked(data: Digits) -> tuple[Tensor, Tensor]:
    return data.images, data.labels
