"""Tasks of the lesson on poisoning: train a network on poisoned digits, and look for the poison."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch

from adv_core.defences.backdoors import features, smallest_trigger, spectral_scores, two_clusters
from adv_core.networks.digit_network import DigitNetwork, pack, unpack
from adv_core.poisoning import PoisonedData, Trigger, backdoor, clean_label, success_rate
from adv_core.serving.engine.digits import Digit, digits, network_of
from adv_core.serving.engine.work import Networks, Task
from adv_core.serving.fields import SEEDS, Checked, number, required
from adv_core.serving.limits import LIMITS, Limits
from adv_core.training import Recipe, train, wrong_at

HELD_OUT = 1000  # test digits that count the errors
CHUNK = 5  # minibatches of one record
ATTACKER = "standard"  # the network with which the attacker makes digits hard
SHOWN = 8  # poisoned training digits that a page shows
SEARCHED = 200  # test digits for the search for a trigger
PARTS = 10  # steps of that search in one record

Kind = Literal["backdoor", "clean label", "stamp only"]


def training_digits() -> int:
    """The number of digits to train on."""
    return len(digits("train"))


@dataclass(frozen=True)
class Poison(Checked):
    """The attacker's change of the training data.

    Attributes:
        kind: "backdoor" stamps digits of other classes and relabels them; "clean label" makes digits of the class
            hard and stamps them; "stamp only" stamps them as they are.
        share: the poisoned part of all training digits; 0 poisons nothing.
        target: the class to which the trigger leads.
        eps: the radius of the L∞ ball for "clean label".
        images: the number of training digits, the first ones of MNIST's training data.
        seed: of the choice of digits.
    """

    kind: Kind = "backdoor"
    trigger: Trigger = field(default_factory=Trigger)
    share: float = number(0.01, 0, 0.1)
    target: int = number(7, 0, 9)
    eps: float = number(0.3, 0, 1)
    images: int = number(10_000, Recipe.batch, training_digits)
    seed: int = number(0, 0, SEEDS)

    @property
    def most(self) -> int:
        """The number of training digits that this attack could poison."""
        same = digits("train").labels[: self.images] == self.target
        return int((~same if self.kind == "backdoor" else same).sum())

    @property
    def count(self) -> int:
        """The number of digits that it poisons."""
        return round(self.share * self.images)

    def check(self, limits: Limits = LIMITS) -> None:
        super().check(limits)
        if self.count > self.most:
            raise ValueError(
                f"share asks for {self.count} poisoned digits, but only {self.most} of the {self.images} training "
                "digits can be poisoned in this way. Choose a smaller share."
            )

    def parts(self) -> Iterator[PoisonedData]:
        """Yield the training data after each part of the poisoning; see `adv_core.poisoning`."""
        data = digits("train")[: self.images]
        if self.kind == "backdoor":
            yield backdoor(data.images, data.labels, self.trigger, self.target, self.share, self.seed)
            return
        attacker = network_of(ATTACKER) if self.kind == "clean label" else None
        given = (data.images, data.labels, self.trigger, self.target, self.share, self.eps, self.seed)
        yield from clean_label(attacker, *given)

    def judged(self, network: DigitNetwork) -> tuple[float, float]:
        """The error on `HELD_OUT` untouched test digits, and the success of the trigger on those of other classes."""
        held = digits("test")[:HELD_OUT]
        x, labels = held.images.to(network.device), held.labels.to(network.device)
        error = float(wrong_at(network, x, labels).float().mean())
        return error, success_rate(network, x, labels, self.trigger, self.target)


@dataclass(frozen=True, eq=False)
class PoisonedTraining:
    """The progress of a training on poisoned data.

    Attributes:
        done: the part of the work, 0 ... 1.
        poisoned: the digits that are poisoned so far.
        epoch: passes over the data.
        error: after an epoch, the error on `HELD_OUT` untouched test digits; None between.
        success: after an epoch, the share of the test digits of other classes that are read as the target once they
            are stamped; None between.
        weights: at the end, the network (see `digit_network.pack`); empty before.
        examples: with the first record of the training, some poisoned training digits, (n, 28, 28) uint8, and
            ``labels``: their labels in the training data, (n,).
    """

    done: float
    poisoned: int = 0
    epoch: float = 0.0
    error: float | None = None
    success: float | None = None
    weights: bytes = field(default=b"", repr=False)
    examples: np.ndarray = field(default_factory=lambda: np.empty((0, 28, 28), np.uint8), repr=False)
    labels: tuple[int, ...] = ()


@dataclass(frozen=True)
class TrainPoisoned(Task[PoisonedTraining]):
    """Train a `DigitNetwork` as usual, on data that somebody has poisoned."""

    poison: Poison = Poison()
    epochs: int = number(5, 1, 20)
    seed: int = number(0, 0, SEEDS)

    rows = 2

    @property
    def length(self) -> int:
        return self.epochs * (self.poison.images // Recipe.batch) // CHUNK + self.poison.count // 50

    def records(self, networks: Networks) -> Iterator[PoisonedTraining]:
        for made in self.poison.parts():
            yield PoisonedTraining(0.0, poisoned=len(made.rows))
        some = made.rows[:SHOWN]
        pixels = (made.x[some, 0] * 255).round().to(torch.uint8).numpy()
        labels = tuple(made.labels[some].tolist())
        yield PoisonedTraining(0.0, poisoned=len(made.rows), examples=pixels, labels=labels)
        network, count = DigitNetwork(self.seed).to(networks.device), len(made.rows)
        recipe = Recipe("none", epochs=self.epochs, seed=self.seed)
        for now in train(network, made.x, made.labels, recipe):
            if now.ends_epoch:
                weights = pack(network)
                error, success = self.poison.judged(unpack(weights, str(networks.device)))
                last = now.step == now.of
                yield PoisonedTraining(now.step / now.of, count, now.epoch, error, success, weights if last else b"")
            elif now.step % CHUNK == 0:
                yield PoisonedTraining(now.step / now.of, count, now.epoch)


# ------------------------------------------------------------------------------------------------------------ one digit


@dataclass(frozen=True, eq=False)
class Stamped:
    """One digit without and with the trigger, before some networks.

    Attributes:
        pixels: (2, 28, 28) uint8: untouched, stamped.
        probabilities: (networks, 2, 10), of exactly these pictures.
    """

    pixels: np.ndarray
    probabilities: np.ndarray


@dataclass(frozen=True)
class Stamp(Task[Stamped]):
    """Ask networks about one digit without and with the trigger.

    Attributes:
        models: the packed weights of each network.
    """

    models: tuple[bytes, ...] = required(repr=False)
    digit: Digit = required()
    trigger: Trigger = field(default_factory=Trigger)

    def check(self, limits: Limits = LIMITS) -> None:
        super().check(limits)
        for weights in self.models:
            unpack(weights)

    def records(self, networks: Networks) -> Iterator[Stamped]:
        x = self.digit.tensor(networks.device)
        both = torch.cat([x, self.trigger.stamp(x)])
        said = [unpack(weights, str(networks.device))(both).softmax(1) for weights in self.models]
        pixels = (both[:, 0] * 255).round().to(torch.uint8)
        yield Stamped(pixels.cpu().numpy(), torch.stack(said).cpu().numpy())


# --------------------------------------------------------------------------------------------------------- the defender


@dataclass(frozen=True, eq=False)
class Suspects:
    """The training digits with the target's label, in the numbers before the network's last layer.

    Attributes:
        made: the digits that are poisoned so far; the arrays are empty until it has all of them.
        places: (N, 2), their first two principal components.
        poisoned: (N,) bool, the truth, which a defender does not know.
        spectral: (N,) bool, the largest spectral scores, 1.5 times as many as are poisoned.
        cluster: (N,) bool, the smaller of two clusters.
    """

    made: int
    places: np.ndarray
    poisoned: np.ndarray
    spectral: np.ndarray
    cluster: np.ndarray


@dataclass(frozen=True)
class FindSuspects(Task[Suspects]):
    """Look for poisoned training digits by spectral signatures and by activation clustering."""

    poison: Poison = required()
    weights: bytes = required(repr=False)

    background = True

    @property
    def length(self) -> int:
        return 2 + self.poison.count // 50

    def check(self, limits: Limits = LIMITS) -> None:
        super().check(limits)
        unpack(self.weights)

    def records(self, networks: Networks) -> Iterator[Suspects]:
        none = np.empty(0)
        for made in self.poison.parts():
            yield Suspects(len(made.rows), none, none, none, none)
        rows = (made.labels == self.poison.target).nonzero()[:, 0]
        network = unpack(self.weights, str(networks.device))
        found = features(network, made.x[rows].to(networks.device)).cpu()
        poisoned = torch.isin(rows, made.rows)
        asked = min(round(1.5 * int(poisoned.sum())), len(rows))
        spectral = torch.zeros_like(poisoned)
        spectral[spectral_scores(found).topk(asked).indices] = True
        cluster, components = two_clusters(found)
        shown = components[:, :2].numpy()
        yield Suspects(int(poisoned.sum()), shown, poisoned.numpy(), spectral.numpy(), cluster.numpy())


@dataclass(frozen=True, eq=False)
class TriggerStep:
    """The search for the smallest trigger of one class.

    Attributes:
        mask: (28, 28) in [0, 1]; pattern: (28, 28) in [0, 1]; rate: the share of digits that it turns.
        size: the number of pixels that it covers.
        done: the part of the work.
    """

    mask: np.ndarray
    pattern: np.ndarray
    rate: float
    size: float
    done: float


@dataclass(frozen=True)
class SearchTrigger(Task[TriggerStep]):
    """Search for the smallest pattern that turns test digits into one class (Neural Cleanse)."""

    weights: bytes = required(repr=False)
    target: int = number(..., 0, 9)
    steps: int = number(150, 10, 500)

    background = True

    @property
    def length(self) -> int:
        return self.steps // PARTS + 1

    def check(self, limits: Limits = LIMITS) -> None:
        super().check(limits)
        unpack(self.weights)

    def records(self, networks: Networks) -> Iterator[TriggerStep]:
        network = unpack(self.weights, str(networks.device))
        held = digits("test")[:HELD_OUT]
        x = held.images[held.labels != self.target][:SEARCHED].to(networks.device)
        for step in smallest_trigger(network, x, self.target, self.steps):
            if step.index % PARTS == 0 or step.index == self.steps:
                mask, pattern = step.mask.cpu().numpy(), step.pattern[0].cpu().numpy()
                yield TriggerStep(mask, pattern, step.rate, step.size, step.index / self.steps)


@dataclass(frozen=True)
class Tuned:
    """A network after more training on clean digits: its error, and the trigger's success."""

    epoch: float
    error: float | None
    success: float | None


@dataclass(frozen=True)
class FineTune(Task[Tuned]):
    """Train the poisoned network further on clean digits that the attacker never had.

    Attributes:
        images: the number of clean digits, from the end of MNIST's training data.
    """

    poison: Poison = required()
    weights: bytes = required(repr=False)
    images: int = number(1000, 100, 20_000)
    epochs: int = number(5, 1, 20)

    rows = 2
    background = True

    @property
    def length(self) -> int:
        return self.epochs * (self.images // Recipe.batch) // CHUNK + 1

    def check(self, limits: Limits = LIMITS) -> None:
        super().check(limits)
        unpack(self.weights)

    def records(self, networks: Networks) -> Iterator[Tuned]:
        network = unpack(self.weights, str(networks.device)).requires_grad_(True)
        clean = digits("train")[-self.images :]
        for now in train(network, clean.images, clean.labels, Recipe("none", epochs=self.epochs)):
            if now.ends_epoch:
                yield Tuned(now.epoch, *self.poison.judged(network))
            elif now.step % CHUNK == 0:
                yield Tuned(now.epoch, None, None)
