"""What the lesson on defences computes: one picture under the attack that knows the defence, and a table of sixteen."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from torch import Tensor

from adv_core.defences.filters import VIEWS, Defence, answers, aware
from adv_core.images import from_pixels
from adv_core.serving.engine.look import Pictures
from adv_core.serving.engine.work import Networks, Task
from adv_core.serving.limits import LIMITS, Limits
from adv_core.transforms.transform import opinions, seen_through

GROUP = 4  # pictures that are attacked together


# ---------------------------------------------------------------------------------------------------------- one picture


@dataclass(frozen=True, eq=False)
class DefenceStep:
    """One step of the attack that knows.

    Attributes:
        index: of the step; 0 is the untouched picture.
        attacked: x + δ, (H, W, 3) uint8; seen: the same behind the defence, which is what was judged.
        probabilities: of the defended network, (K,) float32.
        size: the largest change, in levels.
    """

    index: int
    attacked: np.ndarray
    seen: np.ndarray
    probabilities: np.ndarray
    size: int


@dataclass(frozen=True)
class Aware(Task[DefenceStep]):
    """The attack that knows of the defence, on one picture.

    Attributes:
        label: the class to be left.
        seed: of the draws that judge; the attack's own are others.
    """

    picture: Pictures
    classifier: str
    defence: Defence
    eps: float
    label: int
    steps: int = 10
    seed: int = 0

    @property
    def length(self) -> int:
        return self.steps

    @property
    def rows(self) -> int:
        return VIEWS if self.defence.random else 1

    def check(self, limits: Limits = LIMITS) -> None:
        self.picture.check(limits)
        self.defence.check()
        _check_attack(self.eps, self.steps, self.seed, limits)
        if self.picture.count != 1 or not 0 <= self.label < 1000:
            raise ValueError("one picture, and a class to leave")

    def records(self, networks: Networks) -> Iterator[DefenceStep]:
        classifier = networks.classifier(self.classifier)
        before = self.picture.pixels
        x = from_pixels(before).to(networks.device)
        chain = self.defence.chain(self.seed)
        for step in aware(classifier, x, [self.label], self.defence, self.eps, self.steps):
            attacked = seen_through((), step.adversarial)
            seen = seen_through(chain, from_pixels(attacked).to(networks.device))
            size = int(np.abs(attacked.astype(int) - before).max())
            yield DefenceStep(step.index, attacked[0], seen[0], opinions(classifier, seen)[0], size)


# -------------------------------------------------------------------------------------------------------- many pictures


@dataclass(frozen=True, eq=False)
class AttackedPictures:
    """Some pictures after the attack on the bare network; while it runs, only how far it is.

    Attributes:
        first: the place of the first of them; done: 0 ... 1.
        pixels: (n, H, W, 3) uint8, labels: what the network says of them untouched, (n,). Both empty before the end.
    """

    first: int
    done: float
    pixels: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class Plain(Task[AttackedPictures]):
    """The attack that knows of no defence, on many pictures: away from what the network says of each."""

    pictures: Pictures
    classifier: str
    eps: float
    steps: int = 10

    @property
    def length(self) -> int:
        return -(-self.pictures.count // GROUP) * (self.steps + 1)

    @property
    def rows(self) -> int:
        return GROUP

    def check(self, limits: Limits = LIMITS) -> None:
        self.pictures.check(limits)
        _check_attack(self.eps, self.steps, 0, limits)

    def records(self, networks: Networks) -> Iterator[AttackedPictures]:
        classifier, none = networks.classifier(self.classifier), np.empty(0, np.uint8)
        for first in range(0, self.pictures.count, GROUP):
            pixels = self.pictures.pixels[first : first + GROUP]
            x = from_pixels(pixels).to(networks.device)
            labels = opinions(classifier, pixels).argmax(1)
            for step in aware(classifier, x, labels.tolist(), Defence(), self.eps, self.steps):
                if not step.final:
                    yield AttackedPictures(first, step.index / self.steps, none, none)
            yield AttackedPictures(first, 1.0, seen_through((), step.adversarial), labels)


@dataclass(frozen=True)
class Tried:
    """How some pictures fared behind a defence.

    Attributes:
        attack: "none", "plain" by someone who does not know, "aware" by someone who does.
        first: the place of the first of them; done: 0 ... 1.
        right: for each, whether the answer is the one that the bare network gives to the untouched picture; empty
            before the end.
    """

    attack: Literal["none", "plain", "aware"]
    first: int
    done: float
    right: tuple[bool, ...] = ()


@dataclass(frozen=True)
class Contest(Task[Tried]):
    """One defence against nobody, against the attack that does not know of it, and against the one that does.

    Attributes:
        pictures, attacked: untouched, and after `Plain`; labels: the class of each.
        eps, steps: of the attack that knows.
        seed: of the draws that judge a random defence.
    """

    pictures: Pictures
    attacked: Pictures
    labels: tuple[int, ...]
    classifier: str
    defence: Defence
    eps: float
    steps: int = 10
    seed: int = 0

    @property
    def length(self) -> int:
        groups = -(-self.pictures.count // GROUP)
        return groups * (2 if self.defence.kind == "none" else 3 + self.steps)

    @property
    def rows(self) -> int:
        return GROUP * (VIEWS if self.defence.random else 1)

    background = True

    def check(self, limits: Limits = LIMITS) -> None:
        self.pictures.check(limits)
        self.attacked.check(limits)
        self.defence.check()
        _check_attack(self.eps, self.steps, self.seed, limits)
        if not self.pictures.count == self.attacked.count == len(self.labels):
            raise ValueError("each picture needs one attacked picture and one class")
        if not all(0 <= label < 1000 for label in self.labels):
            raise ValueError("there is no such class")

    def records(self, networks: Networks) -> Iterator[Tried]:
        classifier = networks.classifier(self.classifier)
        labels = np.array(self.labels)

        def right(x: Tensor, first: int) -> tuple[bool, ...]:
            own = labels[first : first + GROUP]
            return tuple((answers(classifier, x, self.defence, self.seed + first) == own).tolist())

        def batch(pictures: Pictures, first: int) -> Tensor:
            return from_pixels(pictures.pixels[first : first + GROUP]).to(networks.device)

        places = range(0, self.pictures.count, GROUP)
        for first in places:
            yield Tried("none", first, 1, right(batch(self.pictures, first), first))
            yield Tried("plain", first, 1, right(batch(self.attacked, first), first))
        if self.defence.kind == "none":
            return
        for first in places:
            x, own = batch(self.pictures, first), labels[first : first + GROUP].tolist()
            for step in aware(classifier, x, own, self.defence, self.eps, self.steps):
                if not step.final:
                    yield Tried("aware", first, step.index / self.steps)
            yield Tried("aware", first, 1, right(step.adversarial, first))


def _check_attack(eps: float, steps: int, seed: int, limits: Limits) -> None:
    if not 0 <= eps <= 1 or not 1 <= steps <= limits.max_steps or not 0 <= seed < 2**31:
        raise ValueError("such an attack cannot be run")
