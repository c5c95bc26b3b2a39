"""Gradient masking: defences that only hide the gradient, and the attacks that expose them.

A gradient attack fails without a gradient. The network is as vulnerable as before; its adversarial examples are only
harder to find. Athalye, Carlini & Wagner ("Obfuscated gradients give a false sense of security", ICML 2018,
arXiv:1802.00420) found that seven of nine published defences relied on it, and broke six of them entirely and one in
part. This module follows their advice: try attacks that need less of the gradient, and watch for impossible results.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from adv_core.attacks.apgd import apgd
from adv_core.attacks.fgsm import fgsm
from adv_core.attacks.noise import random_noise
from adv_core.attacks.pgd import pgd
from adv_core.attacks.square import square_attack
from adv_core.attacks.step import Logits, Step, input_gradient
from adv_core.objectives import Margin, Untargeted
from adv_core.perturbation_sets import Linf
from adv_core.transforms.geometry import Rotation

STEPS, QUERIES = 40, 500


class Saturated(nn.Module):
    """A classifier whose logits are multiplied by a large number. Its predictions stay exactly the same.

    Where the gap between the largest logit and the others passes about 100, the probabilities of the others are 0 in
    float32, and the gradient of the cross-entropy is exactly 0. Defensive distillation hid its gradients in this way
    (Carlini & Wagner, "Defensive distillation is not robust to adversarial examples", 2016, arXiv:1607.04311).
    """

    def __init__(self, classifier: nn.Module, factor: float = 20.0) -> None:
        super().__init__()
        self.classifier, self.factor = classifier, factor

    def forward(self, x: Tensor) -> Tensor:
        return self.factor * self.classifier(x)


class Quantized(nn.Module):
    """A classifier whose pixels are first rounded to a few levels. A step function has slope 0 everywhere.

    Args:
        levels: ≥ 2; 0 and 1 are among them.
        straight_through: the gradient passes as if nothing had been rounded (the attack of Athalye et al., BPDA). The
            forward pass stays the same.
    """

    def __init__(self, classifier: nn.Module, levels: int = 8, *, straight_through: bool = False) -> None:
        super().__init__()
        if levels < 2:
            raise ValueError(f"levels has to be 2 or more, not {levels}")
        self.classifier, self.levels, self.straight_through = classifier, levels, straight_through

    def forward(self, x: Tensor) -> Tensor:
        rounded = (x * (self.levels - 1)).round() / (self.levels - 1)
        return self.classifier(x + (rounded - x).detach() if self.straight_through else rounded)


@dataclass(frozen=True, eq=False)
class Defence:
    """A classifier, and the differentiable twin that an attacker may use in its place.

    Attributes:
        classifier: the network to fool.
        twin: a network with the same predictions, or nearly, that has a gradient where the classifier hides its own.
    """

    classifier: nn.Module
    twin: nn.Module


def saturated(network: nn.Module) -> Defence:
    """The network, defended by large logits; the twin leaves the factor out."""
    return Defence(Saturated(network), network)


def quantized(network: nn.Module, levels: int = 8) -> Defence:
    """The network, defended by rounding; the twin rounds, and lets the gradient through."""
    return Defence(Quantized(network, levels), Quantized(network, levels, straight_through=True))


def undefended(network: nn.Module) -> Defence:
    """The network by itself."""
    return Defence(network, network)


# (defence, another network, x, labels, ball, seed) -> a solver under way
Launch = Callable[[Defence, nn.Module, Tensor, Tensor, Linf, int], Iterator[Step]]


@dataclass(frozen=True)
class SeriesAttack:
    """One attack of the series.

    Attributes:
        key: its name in data; title: its name on the page.
        sees: the part of the defence that it needs: "nothing", "gradient", "twin", "other network", "answers".
        launch: starts it.
    """

    key: str
    title: str
    sees: str
    launch: Launch


def _alpha(ball: Linf, steps: int) -> float:
    return 2.5 * float(ball.radius) / steps


def _climb(
    on: Callable[[Defence, nn.Module], nn.Module], objective: type, steps: int = STEPS, restarts: int = 1
) -> Launch:
    def launch(defence: Defence, other: nn.Module, x: Tensor, y: Tensor, ball: Linf, seed: int) -> Iterator[Step]:
        return pgd(
            on(defence, other),
            x,
            ball,
            objective(y),
            steps=steps,
            step_size=_alpha(ball, steps),
            restarts=restarts,
            random_start=restarts > 1,
            seed=seed,
            quantize=False,
        )

    return launch


# In this order, each attack needs less of the gradient than the one before.
SERIES = (
    SeriesAttack(
        "noise",
        "random noise",
        "nothing",
        lambda defence, _, x, y, ball, seed: random_noise(
            defence.classifier, x, ball, Untargeted(y), seed=seed, quantize=False
        ),
    ),
    SeriesAttack(
        "fgsm",
        "FGSM",
        "gradient",
        lambda defence, _, x, y, ball, seed: fgsm(defence.classifier, x, ball, Untargeted(y), quantize=False),
    ),
    SeriesAttack("pgd", f"PGD, {STEPS} steps", "gradient", _climb(lambda defence, _: defence.classifier, Untargeted)),
    SeriesAttack(
        "more",
        f"PGD, 2 × {5 * STEPS} steps, random",
        "gradient",
        _climb(lambda defence, _: defence.classifier, Untargeted, 5 * STEPS, 2),
    ),
    SeriesAttack("margin", "PGD on the margin", "gradient", _climb(lambda defence, _: defence.classifier, Margin)),
    SeriesAttack("twin", "PGD on the twin", "twin", _climb(lambda defence, _: defence.twin, Margin)),
    SeriesAttack(
        "apgd",
        "Auto-PGD on the twin",
        "twin",
        lambda defence, _, x, y, ball, seed: apgd(
            defence.twin, x, ball, Margin(y), steps=100, restarts=2, seed=seed, quantize=False
        ),
    ),
    SeriesAttack("transfer", "transfer from another network", "other network", _climb(lambda _, other: other, Margin)),
    SeriesAttack(
        "square",
        f"Square Attack, {QUERIES} queries",
        "answers",
        lambda defence, _, x, y, ball, seed: square_attack(
            defence.classifier, x, ball, Margin(y), queries=QUERIES, seed=seed, quantize=False
        ),
    ),
)


@torch.no_grad()
def answers(classifier: Logits, x: Tensor) -> Tensor:
    """The classes that the classifier answers, (N,), on the CPU."""
    return classifier(x).argmax(1).cpu()


def without_slope(classifier: Logits, x: Tensor, labels: Tensor) -> float:
    """The share of pictures at which the gradient of the cross-entropy is exactly zero."""
    gradient = input_gradient(classifier, x, Untargeted(labels)).gradient
    return float((gradient.flatten(1).abs().amax(1) == 0).float().mean())


def symptoms(errors: dict[str, float], at_any: float | None = None) -> list[str]:
    """Signs of gradient masking: results that are impossible if the gradient is right (Athalye et al., section 3.1).

    Each sign is a sentence for the page. The paper does not compare losses; here their comparison exposes large logits.

    Args:
        errors: of the attacks of `SERIES` that have ended, by key.
        at_any: the error under PGD with ε = 1, where every picture can become every other.
    """
    found = []

    # On a network that hides nothing, two attacks differ by one or two digits of a hundred, in either direction; two
    # losses differ by some more.
    def more(stronger: str, weaker: str, slack: float = 0.02) -> bool:
        return stronger in errors and weaker in errors and errors[weaker] - errors[stronger] > slack + 1e-9

    if more("pgd", "fgsm"):
        found.append("One step fools more pictures than many steps.")
    if more("pgd", "noise"):
        found.append("Random noise fools more pictures than the gradient.")
    if more("pgd", "transfer"):
        found.append("An attack on another network fools this network more often than an attack on itself.")
    if more("pgd", "square"):
        found.append("A black-box attack fools more pictures than a white-box attack.")
    if more("pgd", "margin", slack=0.1):
        found.append("On the same network, another loss fools many more pictures than cross-entropy.")
    if at_any is not None and at_any < 0.9:
        found.append("Even with ε = 1, where every picture can become any other, the gradient attack fails.")
    return found


def errors_when_turned(classifier: Logits, x: Tensor, labels: Tensor, angles: Sequence[float]) -> Iterator[Tensor]:
    """Yield which rows are wrong at each of those angles (degrees), (N,) bool each.

    This is another threat model, without any ε. For a single parameter, a grid over all angles is the strongest attack
    (Engstrom et al., ICML 2019, arXiv:1712.02779).
    """
    for angle in angles:
        yield answers(classifier, Rotation(180).at(x, angle)) != labels.cpu()
