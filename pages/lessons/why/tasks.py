"""Tasks of section 1: a linear classifier of digits of one side, and one digit before it."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch

from adv_core.attacks.noise import random_noise
from adv_core.attacks.step import run
from adv_core.datasets import Split
from adv_core.dimension import SIDES, Camera, attacked, faint, fitted, measured
from adv_core.linear import LinearClassifier
from adv_core.objectives import Untargeted
from adv_core.perturbation_sets import Linf
from adv_core.serving.engine.digits import pair, stacked
from adv_core.serving.engine.work import Networks, Task
from adv_core.serving.fields import Checked, number, required
from adv_core.serving.limits import LIMITS, Limits
from adv_core.training import wrong_at

HELD_OUT = 2000  # the largest number of test digits


def check_side(side: int) -> None:
    """Refuse a side that the lesson does not have.

    Raises:
        ValueError: another side.
    """
    if side not in SIDES:
        raise ValueError(f"side has to be one of {', '.join(map(str, SIDES))}, not {side}")


@dataclass(frozen=True)
class Data(Checked):
    """Zeros and ones as pictures of one side.

    Attributes:
        side: one of `dimension.SIDES`.
        faint: True for faint digits in noise, equally hard at each side; False for plain ones.
        images, tested: the number of training digits and of test digits.
    """

    side: int = number(28, min(SIDES), max(SIDES))
    faint: bool = True
    images: int = number(4000, 100, 10_000)
    tested: int = number(1000, 10, HELD_OUT)

    @property
    def camera(self) -> Camera:
        return faint(self.side) if self.faint else Camera(self.side)

    def check(self, limits: Limits = LIMITS) -> None:
        super().check(limits)
        check_side(self.side)

    def read(self, split: Split) -> tuple[torch.Tensor, torch.Tensor]:
        """The pictures (N, 1, side, side) and their labels, 0 or 1."""
        images, labels = stacked(pair(split)[: self.images if split == "train" else self.tested])
        return self.camera.pictures(images, ("train", "test").index(split)), labels


@dataclass(frozen=True, eq=False)
class OfSide:
    """A linear classifier of pictures of one side.

    Attributes:
        done: the part of the work, 0 ... 1.
        error: on untouched test digits; None before the end.
        predicted, measured: ε₅₀ from the margins, and by the attack; None before the end, the latter also where no ε
            reached it.
        weight: ‖θ‖₁.
        theta: (side · side,) float32; empty before the end. bias: θ₀.
    """

    done: float
    error: float | None = None
    predicted: float | None = None
    measured: float | None = None
    weight: float = 0.0
    theta: np.ndarray = field(default_factory=lambda: np.empty(0, np.float32), repr=False)
    bias: float = 0.0


@dataclass(frozen=True)
class Fit(Task[OfSide]):
    """Train a linear classifier, and look for the ε that fools half of the test digits."""

    data: Data = Data()
    epochs: int = number(10, 1, 50)

    @property
    def length(self) -> int:
        return self.epochs + 1

    def records(self, networks: Networks) -> Iterator[OfSide]:
        for epoch in fitted(*self.data.read("train"), self.epochs):
            yield OfSide(epoch.index / (self.epochs + 2))
        for found in measured(epoch.model, *self.data.read("test")):
            yield OfSide((self.epochs + 1) / (self.epochs + 2), found.error, found.predicted)
        theta, bias = epoch.model.theta.numpy(), float(epoch.model.bias)
        yield OfSide(1.0, found.error, found.predicted, found.measured, found.weight, theta, bias)


@dataclass(frozen=True, eq=False)
class Nudged:
    """One test digit before a linear classifier: untouched, under δ, under random noise of the same ε.

    Attributes:
        pixels: (3, side, side) uint8.
        ones: the probability of a 1 for each.
        label: the digit's class.
        errors: of all test digits: untouched, under δ, under noise.
    """

    pixels: np.ndarray
    ones: tuple[float, ...]
    label: int
    errors: tuple[float, ...]


@dataclass(frozen=True)
class Nudge(Task[Nudged]):
    """Attack the test digits with one ε, and show one of them.

    Attributes:
        theta, bias: the classifier: float32 numbers, one for each pixel; θ₀.
        levels: ε, in 1/255; place: of the digit that is shown.
    """

    data: Data = required()
    theta: bytes = required(repr=False)
    bias: float = number(..., -1e6, 1e6)
    levels: int = number(..., 0, 255)
    place: int = number(0, 0, HELD_OUT - 1)

    def check(self, limits: Limits = LIMITS) -> None:
        super().check(limits)
        if len(self.theta) != 4 * self.data.side**2:
            raise ValueError(f"theta has to hold {self.data.side**2} numbers of 4 bytes, not {len(self.theta)} bytes")
        if self.place >= self.data.tested:
            raise ValueError(f"place has to be less than tested, which is {self.data.tested}, not {self.place}")

    def records(self, networks: Networks) -> Iterator[Nudged]:
        model = LinearClassifier(torch.from_numpy(np.frombuffer(self.theta, np.float32).copy()), self.bias)
        x, labels = self.data.read("test")
        noise = random_noise(model, x, Linf(self.levels / 255), Untargeted(labels))
        three = (x, attacked(model, x, labels, self.levels), run(noise, keep_steps=False).adversarial)
        shown = torch.cat([each[self.place] for each in three])
        yield Nudged(
            (shown * 255).round().to(torch.uint8).numpy(),
            tuple(model.probability(shown[:, None]).tolist()),
            int(labels[self.place]),
            tuple(float(wrong_at(model, each, labels).float().mean()) for each in three),
        )
