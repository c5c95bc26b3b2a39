"""Tasks of the lesson on black-box attacks: transfer between networks, and a substitute of one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from adv_core.attacks.mi_fgsm import mi_fgsm
from adv_core.attacks.noise import random_noise
from adv_core.attacks.pgd import pgd
from adv_core.attacks.step import Step, run
from adv_core.attacks.substitute import Substitute, steal
from adv_core.classifiers import REGISTRY, Classifier
from adv_core.images import from_pixels
from adv_core.networks.ensemble import Ensemble
from adv_core.norms import NORMS
from adv_core.objectives import ExpectedUntargeted, Untargeted
from adv_core.perturbation_sets import Linf
from adv_core.serving.engine.digits import check_model, digits, network_of
from adv_core.serving.engine.look import Pictures
from adv_core.serving.engine.work import Networks, Task
from adv_core.serving.fields import SEEDS, checked, number, word
from adv_core.serving.limits import LIMITS, Limits
from adv_core.transforms.transform import opinions, seen_through

Method = Literal["pgd", "momentum"]
GROUP = 4  # pictures that are attacked together


# ------------------------------------------------------------------------------------------------------------ transfer


@dataclass(frozen=True)
class Passed:
    """Some pictures that were made on one network, or on several, and the predictions of all networks for them.

    Attributes:
        first: the index of the first picture; done: the done part of their attack, 0 ... 1.
        fooled: for each asked network, whether its prediction for each picture has changed; empty before the end.
    """

    first: int
    done: float
    fooled: tuple[tuple[bool, ...], ...] = ()


@dataclass(frozen=True)
class Transfer(Task[Passed]):
    """Attack ``made_on`` in the L∞ ball, away from its own predictions, and show the 8-bit pictures to ``asked``.

    A network counts as fooled where its prediction differs from its prediction for the untouched picture.

    Attributes:
        pictures: of one size, the same file for every network. Each network resizes it itself, and the attack goes
            through this resizing.
        made_on: one network, or several, whose mean is attacked (`Ensemble`).
        asked: the networks that classify the pictures.
        method: PGD; or with momentum (MI-FGSM: Dong et al., CVPR 2018, arXiv:1710.06081), which transfers better.
    """

    pictures: Pictures
    made_on: tuple[str, ...] = word(..., REGISTRY, count=(1, 6))
    asked: tuple[str, ...] = word(..., REGISTRY, count=(1, 6))
    eps: float = number(..., 0, 1)
    steps: int = number(10, 1, "max_steps")
    method: Method = "momentum"

    background = True

    @property
    def length(self) -> int:
        return max(-(-self.pictures.count // GROUP) * (self.steps + 1), 2)

    @property
    def rows(self) -> int:
        return GROUP * len(self.made_on)

    def records(self, networks: Networks) -> Iterator[Passed]:
        sources = [networks.classifier(name) for name in self.made_on]
        asked = [networks.classifier(name) for name in self.asked]
        for first in range(0, self.pictures.count, GROUP):
            x = from_pixels(self.pictures.pixels[first : first + GROUP]).to(networks.device)
            labels = opinions_of(sources, x)
            last = None
            for last in self.attack(sources, x, labels):
                yield Passed(first, last.index / (self.steps + 1))
            assert last is not None
            made, clean = seen_through((), last.adversarial), seen_through((), x)
            fooled = [opinions(each, made).argmax(1) != opinions(each, clean).argmax(1) for each in asked]
            yield Passed(first, 1.0, tuple(tuple(rows.tolist()) for rows in fooled))

    def attack(self, sources: Sequence[Classifier], x: Tensor, labels: list[int]) -> Iterator[Step]:
        """Start the solver, on the network or on the mean of several."""
        one = len(sources) == 1
        classifier = sources[0] if one else Ensemble(sources)
        objective = Untargeted(labels) if one else ExpectedUntargeted(labels)
        solver = mi_fgsm if self.method == "momentum" else pgd
        return solver(classifier, x, Linf(self.eps), objective, steps=self.steps)


def opinions_of(sources: Sequence[Classifier], x: Tensor) -> list[int]:
    """The class that the networks predict on average, one a row, which an attack on them has to leave."""
    with torch.no_grad():
        return [int(label) for label in Ensemble(sources)(x).argmax(1)]


def passed(records: Sequence[Passed]) -> np.ndarray:
    """Count the pictures that fooled each of the asked networks, and those that are ready: (M + 1,)."""
    ready = [record for record in records if record.fooled]
    if not ready:
        return np.zeros(1, int)
    together = np.concatenate([np.array(record.fooled) for record in ready], 1)
    return np.append(together.sum(1), together.shape[1])


# ---------------------------------------------------------------------------------------------------------- substitute


@dataclass(frozen=True, eq=False)
class Extraction:
    """The progress of the training of a substitute.

    Attributes:
        number: of the round; done: the done part of its training, 0 ... 1.
        queries: pictures that the victim has classified so far.
        agreement: the share of the test digits for which the substitute predicts the victim's class; NaN before
            the end of a round, as are the next fields.
        transferred: the share for which an attack on the substitute changes the victim's prediction; noise: the share
            for which random noise of the same size changes it.
        shown: some of the newest pictures that the victim classified, (N, 28, 28) uint8; answers: its answers.
    """

    number: int
    done: float
    queries: int
    agreement: float
    transferred: float
    noise: float
    shown: np.ndarray
    answers: tuple[int, ...]


@dataclass(frozen=True)
class Steal(Task[Extraction]):
    """Train a substitute on a digit network's answers; after each round attack it, and test the result on the victim.

    Attributes:
        victim: a checkpoint (`digit_network.names`).
        seeds: the number of first digits of each kind, out of MNIST's last 5000 test digits; the test uses its first.
        rounds: the number of rounds; each doubles the queries.
        eps: of the attack, PGD-20, in that norm.
        images: the number of test digits that the substitute is tested on.
    """

    victim: str = checked("standard", check_model)
    seeds: int = number(10, 1, 50)
    rounds: int = number(6, 1, 7)
    eps: float = number(0.3, 0, 28)
    seed: int = number(0, 0, SEEDS)
    norm: Literal["linf", "l2"] = "linf"
    images: int = number(300, 1, 1000)

    epochs = 10

    @property
    def length(self) -> int:
        return self.rounds * self.epochs - 1

    def check(self, limits: Limits = LIMITS) -> None:
        super().check(limits)
        asked = 10 * self.seeds * 2 ** (self.rounds - 1)
        if asked > 10_000:
            raise ValueError(f"seeds and rounds have to make 10·seeds·2^(rounds - 1) ≤ 10000 queries, not {asked}")

    def records(self, networks: Networks) -> Iterator[Extraction]:
        device = networks.device
        victim = network_of(self.victim, str(device))
        test = digits("test")
        chance = np.random.default_rng(self.seed)
        places = [5000 + np.flatnonzero(test.labels[5000:].numpy() == digit) for digit in range(10)]
        chosen = np.stack([chance.choice(where, self.seeds, replace=False) for where in places], 1).ravel()
        seeds, judged = test[chosen].images.to(device), test[: self.images].images.to(device)
        ball = NORMS[self.norm].ball(self.eps)

        def ask(x: Tensor) -> Tensor:
            with torch.no_grad():
                return victim(x).argmax(1)

        truth = ask(judged)
        # The victim's predictions under noise do not depend on the substitute.
        noisy = run(random_noise(victim, judged, ball, Untargeted(truth), seed=self.seed))
        noise = float((noisy.logits.argmax(1) != truth).float().mean())
        substitute = Substitute(self.seed).to(device)
        for each in steal(ask, substitute, seeds, rounds=self.rounds, epochs=self.epochs, seed=self.seed):
            agreement = transferred = float("nan")
            if each.final:
                with torch.no_grad():
                    guess = substitute(judged).argmax(1)
                agreement = float((guess == truth).float().mean())
                made = run(pgd(substitute, judged, ball, Untargeted(guess), steps=20)).adversarial
                transferred = float((ask(made) != truth).float().mean())
            shown = (each.shown[:10, 0] * 255).round().to(torch.uint8).cpu().numpy()
            yield Extraction(
                each.number,
                each.epoch / self.epochs,
                each.queries,
                agreement,
                transferred,
                noise,
                shown,
                tuple(int(answer) for answer in each.answers[:10]),
            )
