"""What the lesson without noise asks of the engine: the smallest turn, shift, change of colour or crop that fools.

Δ is no ball here: it is a family of natural changes with a few parameters, and a search through them needs neither a
gradient nor more than the network's answers (Engstrom, Tran, Tsipras, Schmidt & Madry, "Exploring the Landscape of
Spatial Robustness", ICML 2019, arXiv:1712.02779; Brown et al., "Unrestricted Adversarial Examples", 2018,
arXiv:1809.08352).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from adv_core.attacks.spatial import (
    AT_ONCE,
    FARTHEST,
    KINDS,
    Budget,
    Kind,
    Pose,
    Room,
    SearchStep,
    asked,
    poses,
    search,
)
from adv_core.classifiers import Classifier
from adv_core.images import from_pixels
from adv_core.serving.engine.look import Pictures
from adv_core.serving.engine.work import Networks, Task
from adv_core.serving.limits import LIMITS, Limits
from adv_core.transforms.transform import opinions

# The first rungs of the ladder lie so far apart; then the interval with the first success is halved.
RUNGS: dict[Kind, int] = {"turn": 90, "shift": 40, "colour": 36, "crop": 30}
HALVINGS = 4


# ------------------------------------------------------------------------------------------------- the smallest change


@dataclass(frozen=True, eq=False)
class Rung:
    """All changes of one size.

    Attributes:
        size: degrees, or a part of the side.
        kept: the probability of the present answer, one for each of `poses`.
        fooled: whether the answer is another one.
        best: of those that fool, the one that leaves the least to the present answer; None where none does.
        pixels: of that one, (H, W, 3) uint8; empty where none does.
        answer, certainty: what the network says of it.
        halved: whether it lies between two rungs of the ladder.
    """

    size: float
    kept: tuple[float, ...]
    fooled: tuple[bool, ...]
    best: Pose | None
    pixels: np.ndarray
    answer: int
    certainty: float
    halved: bool = False


@dataclass(frozen=True)
class Smallest(Task[Rung]):
    """The smallest change of one kind that fools: up a ladder of sizes, all directions at each; then halving.

    The whole ladder is climbed, for the curve. Nothing says that a larger change fools wherever a smaller one does, so
    what is found is the smallest *found*.

    Attributes:
        label: the present answer, to be left.
        frameless: see `Pose`.
    """

    picture: Pictures
    classifier: str
    kind: Kind
    label: int
    frameless: bool = False

    @property
    def length(self) -> int:
        return RUNGS.get(self.kind, 2) + HALVINGS - 1

    @property
    def rows(self) -> int:
        return 4

    def check(self, limits: Limits = LIMITS) -> None:
        self.picture.check(limits)
        if self.kind not in KINDS:
            raise ValueError(f"there is no change of the kind {self.kind!r}")
        if self.picture.count != 1 or not 0 <= self.label < 1000:
            raise ValueError("one picture, and a class to leave")

    def records(self, networks: Networks) -> Iterator[Rung]:
        classifier = networks.classifier(self.classifier)
        x = from_pixels(self.picture.pixels).to(networks.device)
        step = FARTHEST[self.kind] / RUNGS[self.kind]
        first: float | None = None
        low = high = 0.0
        for number in range(1, RUNGS[self.kind] + 1):
            rung = self.rung(classifier, x, number * step, show=first is None)
            if first is None and rung.best is not None:
                first = rung.size
            yield rung
        if first is None:
            return
        low, high = first - step, first
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            rung = replace(self.rung(classifier, x, middle, show=True), halved=True)
            yield rung
            low, high = (low, middle) if rung.best is not None else (middle, high)

    def rung(self, classifier: Classifier, x: Tensor, size: float, show: bool) -> Rung:
        """All changes of that size; the pixels only where they are to be shown."""
        held = poses(self.kind, size, self.frameless)
        pixels, said = asked(classifier, x, held)
        kept, answers = said[:, self.label], said.argmax(1)
        fooled = answers != self.label
        none = np.empty(0, np.uint8)
        if not fooled.any():
            return Rung(size, tuple(kept.tolist()), tuple(fooled.tolist()), None, none, self.label, 0.0)
        best = int(np.where(fooled, kept, 2).argmin())
        shown = pixels[best] if show else none
        certainty = float(said[best, answers[best]])
        return Rung(
            size, tuple(kept.tolist()), tuple(fooled.tolist()), held[best], shown, int(answers[best]), certainty
        )


# ------------------------------------------------------------------------------------------------- everything at once


@dataclass(frozen=True)
class Together(Task[SearchStep]):
    """`search` for one picture: the smallest pose, in all changes at once.

    Attributes:
        label: the answer to be left.
        queries: questions.
    """

    picture: Pictures
    classifier: str
    label: int
    budget: Budget = Budget()
    queries: int = 320
    seed: int = 0
    frameless: bool = False

    @property
    def length(self) -> int:
        return max(-(-self.queries // AT_ONCE), 2)

    @property
    def rows(self) -> int:
        return AT_ONCE // 2

    def check(self, limits: Limits = LIMITS) -> None:
        self.picture.check(limits)
        self.budget.check()
        if self.picture.count != 1 or not 0 <= self.label < 1000 or not 0 <= self.seed < 2**31:
            raise ValueError("one picture, and a class to leave")
        if not 1 <= self.queries <= limits.max_queries:
            raise ValueError(f"queries have to lie in 1 ... {limits.max_queries}")

    def records(self, networks: Networks) -> Iterator[SearchStep]:
        x = from_pixels(self.picture.pixels).to(networks.device)
        yield from search(
            networks.classifier(self.classifier),
            x,
            self.label,
            self.budget,
            queries=self.queries,
            seed=self.seed,
            frameless=self.frameless,
        )


# -------------------------------------------------------------------------------------------------------- a landscape


@dataclass(frozen=True, eq=False)
class Strip:
    """All crops at one angle: the probability of the present answer, and what the network says, one a crop."""

    angle: float
    kept: tuple[float, ...]
    answers: tuple[int, ...]


@dataclass(frozen=True)
class Landscape(Task[Strip]):
    """Turned and cropped at once, on a grid; one record an angle, from the middle outwards.

    Attributes:
        angles, cuts: degrees, and parts of the sides that a crop in the middle takes away.
    """

    picture: Pictures
    classifier: str
    label: int
    angles: tuple[float, ...]
    cuts: tuple[float, ...]
    frameless: bool = False

    @property
    def length(self) -> int:
        return max(len(self.angles), 2)

    @property
    def rows(self) -> int:
        return max(len(self.cuts) // 2, 1)

    background = True

    def check(self, limits: Limits = LIMITS) -> None:
        self.picture.check(limits)
        if self.picture.count != 1 or not 0 <= self.label < 1000:
            raise ValueError("one picture, and a class to leave")
        if not 1 <= len(self.angles) <= 61 or not 1 <= len(self.cuts) <= 16:
            raise ValueError("such a landscape would take too long")
        for angle in self.angles:
            for cut in self.cuts:
                Pose(angle, cut=cut).check()

    def records(self, networks: Networks) -> Iterator[Strip]:
        classifier = networks.classifier(self.classifier)
        x = from_pixels(self.picture.pixels).to(networks.device)
        for angle in self.angles:
            held = [Pose(angle, cut=cut, frameless=self.frameless) for cut in self.cuts]
            _, said = asked(classifier, x, held)
            yield Strip(angle, tuple(said[:, self.label].tolist()), tuple(said.argmax(1).tolist()))


# ------------------------------------------------------------------------------------------------------ many pictures


@dataclass(frozen=True)
class Trial:
    """One picture, some questions later: how many were asked, and the number of the first that fooled; 0 is none."""

    picture: int
    queries: int
    first: int


@dataclass(frozen=True)
class Trials(Task[Trial]):
    """`search` for many pictures, each to its first success.

    Attributes:
        room: what may change.
        queries: for each picture at most. All pictures have draws of their own.
    """

    pictures: Pictures
    classifier: str
    room: Room
    budget: Budget = Budget()
    queries: int = 64
    seed: int = 0

    @property
    def length(self) -> int:
        return max(self.pictures.count * -(-self.queries // AT_ONCE), 2)

    @property
    def rows(self) -> int:
        return AT_ONCE // 2

    background = True

    def check(self, limits: Limits = LIMITS) -> None:
        self.pictures.check(limits)
        self.budget.check()
        if self.room not in (*KINDS, "all") or not 1 <= self.queries <= 200 or not 0 <= self.seed < 2**31:
            raise ValueError("there is no such trial")

    def records(self, networks: Networks) -> Iterator[Trial]:
        classifier = networks.classifier(self.classifier)
        for place, pixels in enumerate(self.pictures.pixels):
            label = int(opinions(classifier, pixels[None])[0].argmax())
            x = from_pixels(pixels[None]).to(networks.device)
            drawn = self.seed * 1000 + place
            tries = search(
                classifier, x, label, self.budget, room=self.room, queries=self.queries, seed=drawn, shrink=False
            )
            for each in tries:
                yield Trial(place, each.queries, each.first)


def fallen(trials: Sequence[Trial], queries: int) -> int:
    """How many pictures were fooled by one of their first so many questions."""
    return len({each.picture for each in trials if 0 < each.first <= queries})
