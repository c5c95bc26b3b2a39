"""Tasks of section 3: a training on digits that were moved and relabelled."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch

from adv_core.networks.digit_network import DigitNetwork
from adv_core.norms import NORMS
from adv_core.relabelling import FeatureNorm, Rule, new_labels, relabelled
from adv_core.serving.engine.digits import Model, check_model, digits, network_of
from adv_core.serving.engine.work import Networks, Task
from adv_core.serving.fields import SEEDS, checked, number
from adv_core.training import Recipe, train, wrong_at

HELD_OUT = 1000  # untouched test digits that count the accuracy
EXAMPLES = 8  # moved digits that the page shows
REFEREE = "robust_03"  # the network that tells whether the strokes of a moved digit are still those of its true class
CHUNK = 10  # minibatches of one record


def training_digits() -> int:
    """The number of digits to train on."""
    return len(digits("train"))


@dataclass(frozen=True, eq=False)
class RelabelledTraining:
    """The progress of a training on relabelled digits.

    Attributes:
        moved: the digits that are moved so far.
        epoch: passes over them.
        accuracy: on `HELD_OUT` untouched test digits, after each epoch and before the first; None between.
        reached: with the first record of the training, the share of moved digits that the source network reads as their
            new label; kept: the share that `REFEREE` reads as their true class.
        examples: with that record, some moved digits, (n, 28, 28) uint8; labels: their new labels; true: their classes.
    """

    moved: int
    epoch: float = 0.0
    accuracy: float | None = None
    reached: float = 0.0
    kept: float = 0.0
    examples: np.ndarray = field(default_factory=lambda: np.empty((0, 28, 28), np.uint8), repr=False)
    labels: tuple[int, ...] = ()
    true: tuple[int, ...] = ()


@dataclass(frozen=True)
class TrainRelabelled(Task[RelabelledTraining]):
    """Move training digits towards other classes, relabel them, and train a fresh network on nothing else.

    Attributes:
        source: the network that the attack sees.
        norm, eps: of the ball, in pixel units.
        noise: the control, random noise of the same ε with the same labels.
        images: the number of digits, the first ones of MNIST's training data.
        steps: of targeted PGD.
        seed: of the labels, of the noise and of the training. The fresh network starts from other weights than every
            source, whose seed is 0.
    """

    source: Model = checked("standard", check_model)
    norm: FeatureNorm = "l2"
    eps: float = number(2.0, 0, 10)
    rule: Rule = "other"
    noise: bool = False
    images: int = number(3000, Recipe.batch, training_digits)
    steps: int = number(10, 1, 50)
    epochs: int = number(8, 1, 20)
    seed: int = number(0, 0, SEEDS - 1)

    rows = 2

    @property
    def length(self) -> int:
        return self.images // 250 + self.epochs * (self.images // Recipe.batch) // CHUNK + self.epochs + 2

    def records(self, networks: Networks) -> Iterator[RelabelledTraining]:
        device = str(networks.device)
        data, source = digits("train")[: self.images], network_of(self.source, device)
        x, true = data.images.to(networks.device), data.labels.to(networks.device)
        labels = new_labels(true, self.rule, seed=self.seed)
        ball = NORMS[self.norm].ball(self.eps)
        for made in relabelled(source, x, labels, ball, steps=self.steps, noise=self.noise, seed=self.seed):
            yield RelabelledTraining(len(made.x))
        kept = ~wrong_at(network_of(REFEREE, device), made.x, true)
        network = DigitNetwork(self.seed + 1).to(networks.device)
        yield RelabelledTraining(
            len(made.x),
            accuracy=self._accuracy(network),
            reached=float(made.reached.float().mean()),
            kept=float(kept.float().mean()),
            examples=(made.x[:EXAMPLES, 0] * 255).round().to(torch.uint8).cpu().numpy(),
            labels=tuple(labels[:EXAMPLES].tolist()),
            true=tuple(true[:EXAMPLES].tolist()),
        )
        for now in train(network, made.x, made.labels, Recipe("none", epochs=self.epochs, seed=self.seed)):
            if now.ends_epoch:
                yield RelabelledTraining(len(made.x), now.epoch, self._accuracy(network))
            elif now.step % CHUNK == 0:
                yield RelabelledTraining(len(made.x), now.epoch)

    def _accuracy(self, network: DigitNetwork) -> float:
        held = digits("test")[:HELD_OUT]
        wrong = wrong_at(network, held.images.to(network.device), held.labels.to(network.device))
        return 1 - float(wrong.float().mean())
