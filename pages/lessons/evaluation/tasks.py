"""Tasks of the lesson on evaluation: a series of attacks, other threat models, certificates."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from adv_core.attacks.pgd import pgd
from adv_core.attacks.smallest_epsilon import smallest_epsilon
from adv_core.attacks.step import run
from adv_core.defences.intervals import verified
from adv_core.defences.masking import (
    QUERIES,
    SERIES,
    STEPS,
    Defence,
    answers,
    errors_when_turned,
    quantized,
    saturated,
    undefended,
    without_slope,
)
from adv_core.defences.smoothing import SoftVote, certificate, prediction, votes
from adv_core.networks.digit_network import DigitNetwork
from adv_core.objectives import ExpectedUntargeted, Margin, Untargeted
from adv_core.perturbation_sets import L2, Linf
from adv_core.serving.engine.digits import Digit, Model, check_model, digits, network_of
from adv_core.serving.engine.work import Networks, Task
from adv_core.serving.fields import SEEDS, checked, number, required, word

MAX_IMAGES = 300


def defence_of(kind: str, network: DigitNetwork, levels: int) -> Defence:
    """The network with that defence."""
    if kind == "saturated":
        return saturated(network)
    return quantized(network, levels) if kind == "quantized" else undefended(network)


@dataclass(frozen=True, eq=False)
class Judged:
    """The result of one attack of the series so far.

    Attributes:
        key: that of the attack; "clean" before any, "any" for PGD with ε = 1 on the cross-entropy.
        done: the done part of it, 0 ... 1.
        error: the share of digits that are wrong at its end; until then, at its present point.
        together: the share that this or an earlier attack has fooled.
        flat: for "clean", the share of digits with a gradient of exactly zero; NaN otherwise.
        pixels: the first ten digits at its end, (10, 28, 28) uint8; wrong: which of them are misclassified. Both are
            empty before the end.
    """

    key: str
    done: float
    error: float
    together: float
    flat: float
    pixels: np.ndarray
    wrong: np.ndarray


@dataclass(frozen=True)
class Series(Task[Judged]):
    """All attacks of `masking.SERIES` on one defence, one after the other.

    Attributes:
        model: the network; defence: "none", "saturated" or "quantized"; levels: of the last.
        other: the network on which transferred perturbations are made.
        eps: of the L∞ ball.
        images: the number of test digits, the first ones.
        seed: of noise, random starts and squares.
    """

    model: Model = checked(..., check_model, repr=False)
    defence: str = word(..., ("none", "saturated", "quantized"))
    eps: float = number(..., 0, 1)
    levels: int = number(8, 2, 256)
    other: str = checked("noise_025", check_model)
    images: int = number(100, 1, MAX_IMAGES)
    seed: int = number(0, 0, SEEDS)

    rows = 2

    @property
    def length(self) -> int:
        # the attacks' own steps, a record for every tenth of them
        return 2 * (len(SERIES) + 2) + (5 * STEPS + 2 * 5 * STEPS + 200 + QUERIES) // 10

    def records(self, networks: Networks) -> Iterator[Judged]:
        device = str(networks.device)
        defence = defence_of(self.defence, network_of(self.model, device), self.levels)
        other = network_of(self.other, device)
        held = digits("test")[: self.images]
        x, labels = held.images.to(networks.device), held.labels.to(networks.device)
        truth = labels.cpu()
        fooled = answers(defence.classifier, x) != truth

        def judged(key: str, done: float, points: Tensor, flat: float = float("nan")) -> Judged:
            nonlocal fooled
            wrong = answers(defence.classifier, points) != truth
            if done == 1 and key != "any":
                fooled = fooled | wrong
            shown = (points[:10, 0] * 255).round().to(torch.uint8).cpu().numpy() if done == 1 else np.empty(0, np.uint8)
            share = float(wrong.float().mean())
            return Judged(key, done, share, float(fooled.float().mean()), flat, shown, wrong[:10].numpy())

        yield judged("clean", 1, x, without_slope(defence.classifier, x, labels))
        for each in SERIES:
            ball, last = Linf(self.eps), x
            expected = {"more": 2 * 5 * STEPS, "apgd": 200, "square": QUERIES, "noise": 1, "fgsm": 1}.get(
                each.key, STEPS
            )
            for step in each.launch(defence, other, x, labels, ball, self.seed):
                last = step.adversarial
                if step.index % 10 == 0 and not step.final and expected > 1:
                    yield judged(each.key, min(step.index / expected, 0.99), last)
            yield judged(each.key, 1, last)
        anywhere = pgd(
            defence.classifier, x, Linf(1.0), Untargeted(labels), steps=STEPS, step_size=2.5 / STEPS, quantize=False
        )
        yield judged("any", 1, run(anywhere, keep_steps=False).adversarial)


@dataclass(frozen=True)
class Turned:
    """The error of a network when every digit is turned by one angle, and so far at the worst angle of each digit."""

    angle: float
    error: float
    worst: float


@dataclass(frozen=True)
class Rotations(Task[Turned]):
    """A threat model without any ε: rotated test digits. Angles are in degrees, from the middle outwards."""

    model: Model = checked(..., check_model, repr=False)
    angles: tuple[float, ...] = number(..., -180, 180, count=(1, 61))
    images: int = number(300, 1, MAX_IMAGES)

    background = True

    @property
    def length(self) -> int:
        return len(self.angles)

    def records(self, networks: Networks) -> Iterator[Turned]:
        network, held = network_of(self.model, str(networks.device)), digits("test")[: self.images]
        x, labels = held.images.to(networks.device), held.labels
        ever = torch.zeros(self.images, dtype=torch.bool)
        for angle, wrong in zip(self.angles, errors_when_turned(network, x, labels, self.angles), strict=True):
            ever |= wrong
            yield Turned(angle, float(wrong.float().mean()), float(ever.float().mean()))


# --------------------------------------------------------------------------------------------------------- certificates


@dataclass(frozen=True)
class Vote:
    """The votes of noisy copies of one digit.

    Attributes:
        counts: so far, one a class.
        label, radius, p: the certificate, at the end; label is None before the end, and where the vote abstains.
        ended: whether this is the last record.
        attacked: counts for the digit after an attack on the vote, of the length of the radius; None before the end,
            and where there is no radius.
        length: ‖δ‖₂ of that attack.
        single: the least ‖δ‖₂ that was found to change the prediction of the network without any noise; None where
            none was found.
    """

    counts: tuple[int, ...]
    label: int | None = None
    radius: float = 0.0
    p: float = 0.0
    ended: bool = False
    attacked: tuple[int, ...] | None = None
    length: float = 0.0
    single: float | None = None

    @property
    def held(self) -> bool:
        """True where the attack did not break the certificate.

        At the edge of the radius the class may keep little more than half of all copies. The certificate counts as
        broken only where the vote names another class with statistical certainty.
        """
        return self.attacked is None or prediction(torch.tensor(self.attacked)) in (None, self.label)


@dataclass(frozen=True)
class Certify(Task[Vote]):
    """Certify one digit by randomised smoothing, and attack it inside the certified radius.

    Attributes:
        sigma: deviation of the noise, in pixel units.
        samples: the number of noisy copies that vote; before them, a tenth as many choose the class.
        seed: of the noise.
    """

    model: Model = checked(..., check_model, repr=False)
    digit: Digit = required()
    sigma: float = number(0.25, 0.01, 2)
    samples: int = number(10_000, 100, 20_000)
    seed: int = number(0, 0, SEEDS)

    @property
    def length(self) -> int:
        return self.samples // 500 + 1

    def records(self, networks: Networks) -> Iterator[Vote]:
        network, x = network_of(self.model, str(networks.device)), self.digit.tensor(networks.device)
        *_, first = votes(network, x, self.sigma, self.samples // 10, seed=2 * self.seed)
        for counts in votes(network, x, self.sigma, self.samples, seed=2 * self.seed + 1):
            yield Vote(_tuple(counts))
        promise = certificate(first, counts, self.sigma)
        attacked, length = None, 0.0
        if promise.label is not None:
            soft, ball = SoftVote(network, self.sigma, 64, self.seed), L2(promise.radius * (1 - 1e-4))
            attack = pgd(soft, x, ball, ExpectedUntargeted([promise.label]), steps=10, quantize=False)
            last = run(attack, keep_steps=False)
            # New noise: the certificate holds for all noise, not only for the copies that were counted.
            *_, after = votes(network, last.adversarial, self.sigma, 1000, seed=~self.seed)
            attacked, length = _tuple(after), float(ball.norm(last.delta))
        label = int(network(x).argmax())
        least = run(smallest_epsilon(network, x, L2(50.0), Untargeted([label]), steps=60), keep_steps=False)
        single = float(L2(1.0).norm(least.delta)) if int(least.logits.argmax()) != label else None
        yield Vote(_tuple(counts), promise.label, promise.radius, promise.p, True, attacked, length, single)


@dataclass(frozen=True)
class Promised:
    """The certified L2 radius of one test digit; -1 where the vote abstains or names another class."""

    place: int
    radius: float


@dataclass(frozen=True)
class CertifiedDigits(Task[Promised]):
    """Certify the first test digits, one after the other."""

    model: Model = checked(..., check_model, repr=False)
    sigma: float = number(0.25, 0.01, 2)
    images: int = number(60, 1, MAX_IMAGES)
    samples: int = number(1000, 100, 2000)
    seed: int = number(0, 0, SEEDS)

    background = True

    @property
    def length(self) -> int:
        return self.images

    def records(self, networks: Networks) -> Iterator[Promised]:
        network, held = network_of(self.model, str(networks.device)), digits("test")
        for place in range(self.images):
            x, seed = held[place].images[None].to(networks.device), self.seed + 2 * place
            *_, first = votes(network, x, self.sigma, self.samples // 10, seed=seed)
            *_, counts = votes(network, x, self.sigma, self.samples, seed=seed + 1)
            promise = certificate(first, counts, self.sigma)
            yield Promised(place, promise.radius if promise.label == int(held.labels[place]) else -1.0)


@dataclass(frozen=True)
class Between:
    """The shares of digits at one ε: proved by intervals; fooled by an attack, or misclassified without one.

    The remaining digits are undecided.
    """

    eps: float
    safe: float
    fallen: float


@dataclass(frozen=True)
class ProofAndAttack(Task[Between]):
    """Prove by intervals and attack by PGD, at the same ε, the same test digits."""

    model: Model = checked(..., check_model, repr=False)
    eps: tuple[float, ...] = number(..., 0, 1, count=(1, 40))
    images: int = number(200, 1, MAX_IMAGES)

    background = True

    @property
    def length(self) -> int:
        return len(self.eps)

    def records(self, networks: Networks) -> Iterator[Between]:
        network, held = network_of(self.model, str(networks.device)), digits("test")[: self.images]
        x, labels = held.images.to(networks.device), held.labels.to(networks.device)
        for eps in self.eps:
            safe = verified(network, x, labels, eps).cpu()
            attack = pgd(network, x, Linf(eps), Margin(labels), steps=20, step_size=eps / 8, quantize=False)
            fallen = answers(network, run(attack, keep_steps=False).adversarial) != labels.cpu()
            yield Between(eps, float(safe.float().mean()), float(fallen.float().mean()))


def _tuple(counts: Tensor) -> tuple[int, ...]:
    return tuple(int(count) for count in counts)
