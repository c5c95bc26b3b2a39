"""Tasks of section 2: push a digit far towards a class, and judge what comes out."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from adv_core.aligned import (
    JUDGES,
    Aligned,
    Judgement,
    average,
    input_gradients,
    judge,
    nearest,
    network,
    push,
    targets_of,
)
from adv_core.datasets import Digits
from adv_core.networks.digit_network import checkpoint
from adv_core.serving.engine.digits import Digit, digits
from adv_core.serving.engine.work import Networks, Task
from adv_core.serving.fields import number, required

EVERY = 4  # steps of one record


def real_digits(count: int) -> Digits:
    """The first training digits: the real ones with which pictures are compared."""
    return digits("train")[:count]


def levels(x: Tensor) -> np.ndarray:
    """One picture (1, 1, 28, 28) in [0, 1] as (28, 28) uint8."""
    return (x[0, 0] * 255).round().to(torch.uint8).cpu().numpy()


@dataclass(frozen=True, eq=False)
class Pushed:
    """A digit on its way to a class.

    Attributes:
        done: the part of the work.
        pixels: (28, 28) uint8.
        gradient: (28, 28), which ink the network asks for at the start.
        said: the class that the attacked network reads, and its probability.
        others: at the end, what `aligned.JUDGES` read; empty before.
        nearest: at the end, the class of the nearest real digit; None before. ``twin``: that digit, (28, 28) uint8.
    """

    done: float
    pixels: np.ndarray
    gradient: np.ndarray
    said: tuple[int, float]
    others: tuple[int, ...] = ()
    nearest: int | None = None
    twin: np.ndarray | None = None


@dataclass(frozen=True)
class Push(Task[Pushed]):
    """Push one digit towards a class in a large L2 ball; see `aligned.push`.

    Attributes:
        name: the network that is attacked.
        start: the digit; None is the mean of the real digits, a grey cloud to paint from.
        reference: the number of real digits among which the nearest one is sought.
    """

    name: Aligned = required()
    start: Digit | None = required()
    target: int = number(..., 0, 9)
    eps: float = number(6.0, 0, 20)
    steps: int = number(40, 1, 100)
    reference: int = number(10_000, 100, 20_000)

    @property
    def length(self) -> int:
        return self.steps // EVERY + 1

    def records(self, networks: Networks) -> Iterator[Pushed]:
        device = str(networks.device)
        attacked, real = network(self.name, device), real_digits(self.reference)
        x = average(real).to(device) if self.start is None else self.start.tensor(networks.device)
        target = torch.tensor([self.target], device=networks.device)
        gradient = input_gradients(attacked, x, target).gradient[0, 0].cpu().numpy()
        for step in push(attacked, x, target, self.eps, self.steps):
            if step.index % EVERY and not step.final:
                continue
            p, label = step.logits.softmax(1).max(1)
            seen = Pushed(step.index / self.steps, levels(step.adversarial), gradient, (int(label), float(p)))
            if not step.final:
                yield seen
        others = tuple(int(checkpoint(name, device).network(step.adversarial).argmax()) for name in JUDGES)
        place = int(nearest(step.adversarial, real)[0])
        yield Pushed(
            1.0, seen.pixels, gradient, seen.said, others, int(real.labels[place]), levels(real[place].images[None])
        )


@dataclass(frozen=True, eq=False)
class Counted:
    """Many digits that were pushed towards random classes.

    Attributes:
        done: the part of the work.
        judgement: at the end.
    """

    done: float
    judgement: Judgement | None = None


@dataclass(frozen=True)
class Count(Task[Counted]):
    """Push the first test digits towards random other classes, and judge them.

    Attributes:
        name, eps, steps, reference: as for `Push`.
        images: the number of test digits.
    """

    name: Aligned = required()
    eps: float = number(6.0, 0, 20)
    steps: int = number(40, 1, 100)
    images: int = number(100, 1, 300)
    reference: int = number(10_000, 100, 20_000)

    background = True

    @property
    def length(self) -> int:
        return self.steps + 1

    def records(self, networks: Networks) -> Iterator[Counted]:
        attacked, held = network(self.name, str(networks.device)), digits("test")[: self.images]
        x, target = held.images.to(networks.device), targets_of(held.labels).to(networks.device)
        for step in push(attacked, x, target, self.eps, self.steps):
            yield Counted(step.index / (self.steps + 1))
        yield Counted(1.0, judge(attacked, step.adversarial, target, real_digits(self.reference)))
