"""Tasks of the lesson on defences: the adaptive attack on one picture, and a comparison on sixteen."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from torch import Tensor

from adv_core.defences.filters import VIEWS, Defence, answers, aware
from adv_core.images import from_pixels
from adv_core.serving.engine.look import MAX_PICTURES, Pictures
from adv_core.serving.engine.work import Networks, Task
from adv_core.serving.fields import LABELS, SEEDS, checked, number, required
from adv_core.serving.limits import LIMITS, Limits
from adv_core.transforms.transform import opinions, seen_through

GROUP = 4  # pictures that are attacked together


# ---------------------------------------------------------------------------------------------------------- one picture


@dataclass(frozen=True, eq=False)
class DefenceStep:
    """One step of the adaptive attack.

    Attributes:
        index: of the step; 0 is the untouched picture.
        attacked: x + δ, (H, W, 3) uint8; seen: the same after the defence, as the network sees it.
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
    """The adaptive attack, which goes through the defence, on one picture.

    Attributes:
        label: the class to leave.
        seed: for the random draws of the test; the attack has other draws.
    """

    picture: Pictures = checked(..., Pictures.check_single)
    classifier: str = required()
    defence: Defence = required()
    eps: float = number(..., 0, 1)
    label: int = number(..., 0, LABELS)
    steps: int = number(10, 1, "max_steps")
    seed: int = number(0, 0, SEEDS)

    @property
    def length(self) -> int:
        return self.steps

    @property
    def rows(self) -> int:
        return VIEWS if self.defence.random else 1

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
    """Some pictures after the attack on the undefended network; while it runs, only its progress.

    Attributes:
        first: the index of the first of them; done: the done part, 0 ... 1.
        pixels: (n, H, W, 3) uint8; labels: the predictions for the untouched ones, (n,). Both are empty before
            the end.
    """

    first: int
    done: float
    pixels: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class Plain(Task[AttackedPictures]):
    """The attack without the defence, on many pictures: away from the undefended network's prediction for each."""

    pictures: Pictures
    classifier: str = required()
    eps: float = number(..., 0, 1)
    steps: int = number(10, 1, "max_steps")

    rows = GROUP

    @property
    def length(self) -> int:
        return -(-self.pictures.count // GROUP) * (self.steps + 1)

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
    """The results of some pictures after a defence.

    Attributes:
        attack: "none"; "plain", made without the defence; "aware", made through it.
        first: the index of the first of them; done: the done part, 0 ... 1.
        right: for each, whether the prediction equals that of the undefended network for the untouched picture; empty
            before the end.
    """

    attack: Literal["none", "plain", "aware"]
    first: int
    done: float
    right: tuple[bool, ...] = ()


@dataclass(frozen=True)
class Contest(Task[Tried]):
    """One defence without an attack, against the attack without the defence, and against the adaptive attack.

    Attributes:
        pictures, attacked: untouched, and after `Plain`; labels: the class of each.
        eps, steps: those of the adaptive attack.
        seed: for the random draws of the test, where the defence is random.
    """

    pictures: Pictures
    attacked: Pictures
    labels: tuple[int, ...] = number(..., 0, LABELS, count=(1, MAX_PICTURES))
    classifier: str = required()
    defence: Defence = required()
    eps: float = number(..., 0, 1)
    steps: int = number(10, 1, "max_steps")
    seed: int = number(0, 0, SEEDS)

    background = True

    @property
    def length(self) -> int:
        groups = -(-self.pictures.count // GROUP)
        return groups * (2 if self.defence.kind == "none" else 3 + self.steps)

    @property
    def rows(self) -> int:
        return GROUP * (VIEWS if self.defence.random else 1)

    def check(self, limits: Limits = LIMITS) -> None:
        super().check(limits)
        counts = self.pictures.count, self.attacked.count, len(self.labels)
        if len(set(counts)) > 1:
            raise ValueError(f"pictures, attacked and labels have to be equally many, not {counts}")

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
