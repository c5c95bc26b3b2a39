"""Tasks of the lesson on evaluation that give a verdict: the leaderboard, security curves, the diagnosis."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from adv_core.attacks.minimum_norm import settle
from adv_core.evaluation import Budget, Evaluation, Finding, evaluate
from adv_core.evaluation.members import MEMBERS, members_of
from adv_core.norms import NORMS
from adv_core.objectives import Margin
from adv_core.perturbation_sets import Linf
from adv_core.serving.engine.digits import Model, check_model, digits, network_of
from adv_core.serving.engine.work import Networks, Task
from adv_core.serving.fields import SEEDS, Checked, checked, number, word
from adv_core.serving.limits import LIMITS, Limits
from pages.lessons.evaluation.tasks import defence_of

MOST = 50  # digits of a verdict
PARTS = 10  # records of one attack
DEFENCES = ("none", "saturated", "quantized")
KNOWN = (*MEMBERS, "fgsm", "pgd", "ddn")


@dataclass(frozen=True)
class Effort(Checked):
    """The work that each attack may spend on a digit: an `adv_core.evaluation.Budget` with a server's limits."""

    steps: int = number(40, 1, 100)
    targets: int = number(3, 1, 9)
    queries: int = number(500, 1, 5000)

    @property
    def budget(self) -> Budget:
        return Budget(steps=self.steps, targets=self.targets, queries=self.queries)


def first_digits(count: int, networks: Networks) -> tuple[Tensor, Tensor]:
    """The first test digits and their labels, on the device that computes."""
    held = digits("test")[:count]
    return held.images.to(networks.device), held.labels.to(networks.device)


def paced(records: Iterator[Evaluation]) -> Iterator[Evaluation]:
    """Yield the records after each tenth of the work, and the last one."""
    told, last = 0, None
    for last in records:
        if last.share < 1 and int(PARTS * last.share) > told:
            told = int(PARTS * last.share)
            yield last
    if last is not None:
        yield last


# ------------------------------------------------------------------------------------------------------ the leaderboard


@dataclass(frozen=True, eq=False)
class Scored:
    """The result of one attack alone on all digits.

    Attributes:
        key: of the attack; "clean" for the digits without one. title: for people.
        done: the done part of it, 0 ... 1; all below is empty or 0 before the end.
        passes: pictures that passed through the network, forward and backward.
        broke: (N,) bool, the digits that the network misclassifies at x + δ; saved: those that it still misclassifies
            as a picture of 8 bits with a δ in the ball.
        pixels: (N, 28, 28) uint8, that picture; a digit that was not broken is untouched.
        sizes: (N,) float64, ‖δ‖ of that picture.
        says: (N,) int64, the network's class for that picture; p: (N,), its probability.
    """

    key: str
    title: str
    done: float
    passes: int = 0
    broke: np.ndarray = field(default_factory=lambda: np.empty(0, bool))
    saved: np.ndarray = field(default_factory=lambda: np.empty(0, bool))
    pixels: np.ndarray = field(default_factory=lambda: np.empty((0, 28, 28), np.uint8), repr=False)
    sizes: np.ndarray = field(default_factory=lambda: np.empty(0), repr=False)
    says: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64), repr=False)
    p: np.ndarray = field(default_factory=lambda: np.empty(0), repr=False)


@dataclass(frozen=True)
class Leaderboard(Task[Scored]):
    """Judge a network by each of several attacks alone, on the same digits. The pointwise worst case is their union.

    Attributes:
        norm, eps: the ball; attacks: names that `evaluate` knows, in their order.
        images: the number of test digits, the first ones.
    """

    model: Model = checked(..., check_model, repr=False)
    norm: Literal["linf", "l2"] = "linf"
    eps: float = number(0.3, 0, 10)
    attacks: tuple[str, ...] = word(("apgd-ce", "apgd-t", "fab", "square"), KNOWN, count=(1, len(KNOWN)))
    images: int = number(30, 1, MOST)
    effort: Effort = Effort()
    seed: int = number(0, 0, SEEDS)

    @property
    def length(self) -> int:
        return (PARTS + 1) * len(self.attacks)

    def check(self, limits: Limits = LIMITS) -> None:
        super().check(limits)
        members_of(self.attacks, self.norm)

    def records(self, networks: Networks) -> Iterator[Scored]:
        network, (x, y) = network_of(self.model, str(networks.device)), first_digits(self.images, networks)
        ball = NORMS[self.norm].ball(self.eps)
        wrong = network(x).argmax(1) != y

        def scored(key: str, title: str, broke: Tensor, delta: Tensor, passes: int) -> Scored:
            """Save the pictures, and ask the network about exactly these."""
            kept = settle(network, x, delta, ball, Margin(y))
            probabilities = network(x + kept).softmax(1)
            p, says = (each.cpu() for each in probabilities.max(1))
            saved = broke & (says != y.cpu())
            pixels = ((x + kept)[:, 0] * 255).round().to(torch.uint8).cpu()
            sizes = ball.norm(kept).double().cpu()
            arrays = [each.numpy() for each in (broke, saved, pixels, sizes, says, p)]
            return Scored(key, title, 1.0, passes, *arrays)

        yield scored("clean", "without an attack", wrong.cpu(), torch.zeros_like(x), len(x))
        for name in self.attacks:
            verdicts = evaluate(
                network, x, y, ball, [name], budget=self.effort.budget, cascade=False, diagnose=0, seed=self.seed
            )
            for now in paced(verdicts):
                title = now.attacks[0].title
                if now.finished:
                    delta = torch.where(now.broke[0, :, None, None, None], now.deltas, 0).to(x)
                    yield scored(name, title, now.broke[0], delta, now.forward + now.backward)
                else:
                    yield Scored(name, title, now.share)


# ------------------------------------------------------------------------------------------------------ security curves


@dataclass(frozen=True)
class Standing:
    """One point of a security curve, or the work on it.

    Attributes:
        eps: the ε.
        stands: which digits stand under this attack at this ε and all smaller ones; None while it runs.
    """

    eps: float
    stands: tuple[bool, ...] | None


@dataclass(frozen=True)
class SecurityCurve(Task[Standing]):
    """The digits that stand under one attack, at each ε of the L∞ ball.

    A digit that falls at one ε has fallen at every larger one, since the smaller ball lies in the larger.

    Attributes:
        model: the network; defence: in front of it; levels: of the rounding.
        attack: a name that `evaluate` knows. "fmn", which looks for the smallest δ, runs once.
        eps: rising.
        images: the number of test digits, the first ones.
    """

    model: Model = checked(..., check_model, repr=False)
    defence: str = word(..., DEFENCES)
    attack: str = word(..., KNOWN)
    eps: tuple[float, ...] = number(..., 0, 1, count=(1, 20))
    levels: int = number(8, 2, 256)
    images: int = number(20, 1, MOST)
    effort: Effort = Effort()

    background = True

    @property
    def length(self) -> int:
        return (PARTS + 1) * len(self.eps)

    def check(self, limits: Limits = LIMITS) -> None:
        super().check(limits)
        members_of((self.attack,), "linf")
        if list(self.eps) != sorted(self.eps):
            raise ValueError(f"eps has to rise from a small ε to a large one, not {self.eps}")

    def records(self, networks: Networks) -> Iterator[Standing]:
        network = defence_of(self.defence, network_of(self.model, str(networks.device)), self.levels).classifier
        x, y = first_digits(self.images, networks)
        stands = (network(x).argmax(1) == y).cpu()
        if self.attack == "fmn":
            for now in paced(self.attacked(network, x, y, self.eps[-1])):
                if now.finished:
                    for eps in self.eps:
                        yield Standing(eps, tuple((stands & (now.sizes > eps)).tolist()))
                else:
                    yield Standing(self.eps[0], None)
            return
        for eps in self.eps:
            left = stands.nonzero()[:, 0]
            if eps and len(left):
                rows = left.to(x.device)
                for now in paced(self.attacked(network, x[rows], y[rows], eps)):
                    if not now.finished:
                        yield Standing(eps, None)
                stands = stands.index_copy(0, left, now.stands)
            yield Standing(eps, tuple(stands.tolist()))

    def attacked(self, network: nn.Module, x: Tensor, y: Tensor, eps: float) -> Iterator[Evaluation]:
        budget = self.effort.budget
        return evaluate(network, x, y, Linf(eps), [self.attack], budget=budget, cascade=False, diagnose=0)


# -------------------------------------------------------------------------------------------------------- the diagnosis


@dataclass(frozen=True)
class Diagnosed:
    """The verdict on one defence so far, with its warnings.

    Attributes:
        done: the done part of the work.
        alone: (title, accuracy under that attack alone) of the attacks that have ended.
        accuracy: under all of them.
        findings: the warnings.
    """

    done: float
    alone: tuple[tuple[str, float], ...]
    accuracy: float
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Diagnose(Task[Diagnosed]):
    """Judge a defence in the L∞ ball, and look for signs that the attacks have failed.

    Attributes:
        model: the network; defence: in front of it; levels: of the rounding; eps: of the ball.
        other: a network whose adversarial examples are tried on this one.
        attacks: names that `evaluate` knows; images: the number of test digits, the first ones.
    """

    model: Model = checked(..., check_model, repr=False)
    defence: str = word("none", DEFENCES)
    levels: int = number(8, 2, 256)
    eps: float = number(0.1, 0, 1)
    other: str = checked("noise_025", check_model)
    attacks: tuple[str, ...] = word(("fgsm", "apgd-ce", "square"), KNOWN, count=(1, len(KNOWN)))
    images: int = number(32, 1, MOST)
    effort: Effort = Effort()

    background = True

    @property
    def length(self) -> int:
        return PARTS + 1

    def check(self, limits: Limits = LIMITS) -> None:
        super().check(limits)
        members_of(self.attacks, "linf")

    def records(self, networks: Networks) -> Iterator[Diagnosed]:
        device = str(networks.device)
        network = defence_of(self.defence, network_of(self.model, device), self.levels).classifier
        x, y = first_digits(self.images, networks)
        verdicts = evaluate(
            network,
            x,
            y,
            Linf(self.eps),
            self.attacks,
            budget=self.effort.budget,
            cascade=False,
            diagnose=self.images,
            surrogate=network_of(self.other, device),
        )
        for now in paced(verdicts):
            alone = tuple(
                (each.title, float((now.right & ~now.broke[number]).double().mean()))
                for number, each in enumerate(now.attacks)
                if each.done
            )
            yield Diagnosed(now.share, alone, now.accuracy, now.findings)
