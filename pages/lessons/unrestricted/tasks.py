"""Tasks of the lesson on unrestricted attacks: the smallest rotation, shift, change of colour or crop that fools.

Δ is not a ball here, but a family of natural changes with a few parameters. A search through them needs only the
network's outputs, and no gradient (Engstrom, Tran, Tsipras, Schmidt & Madry, "Exploring the Landscape of Spatial
Robustness", ICML 2019, arXiv:1712.02779; Brown et al., "Unrestricted Adversarial Examples", 2018, arXiv:1809.08352).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from adv_core.attacks.spatial import AT_ONCE, FARTHEST, Budget, Kind, Pose, Room, SearchStep, asked, poses, search
from adv_core.classifiers import Classifier
from adv_core.images import from_pixels
from adv_core.serving.engine.look import Pictures
from adv_core.serving.engine.work import Networks, Task
from adv_core.serving.fields import LABELS, SEEDS, checked, number, required
from adv_core.transforms.transform import opinions

# The number of sizes on the ladder; afterwards the interval with the first success is halved.
RUNGS: dict[Kind, int] = {"turn": 90, "shift": 40, "colour": 36, "crop": 30}
HALVINGS = 4


# ------------------------------------------------------------------------------------------------- the smallest change


@dataclass(frozen=True, eq=False)
class Rung:
    """The predictions for all changes of one size.

    Attributes:
        size: degrees, or a part of the side.
        kept: the probability of the original prediction, one for each of `poses`.
        fooled: whether the prediction has changed, one for each of `poses`.
        best: of the poses that fool, the one with the lowest probability of the original prediction; None without one.
        pixels: of that pose, (H, W, 3) uint8; empty where none fools.
        answer, certainty: the network's prediction for it, and its probability.
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
    """Find the smallest change of one kind that fools: by a ladder of sizes, all directions at each, then by halving.

    The whole ladder is computed, for the curve. A larger change need not fool where a smaller one does, so the result
    is only the smallest change *found*.

    Attributes:
        label: the original prediction.
        frameless: see `Pose`.
    """

    picture: Pictures = checked(..., Pictures.check_single)
    classifier: str = required()
    kind: Kind = required()
    label: int = number(..., 0, LABELS)
    frameless: bool = False

    rows = 4

    @property
    def length(self) -> int:
        return RUNGS.get(self.kind, 2) + HALVINGS - 1

    def records(self, networks: Networks) -> Iterator[Rung]:
        classifier = networks.classifier(self.classifier)
        x = from_pixels(self.picture.pixels).to(networks.device)
        step = FARTHEST[self.kind] / RUNGS[self.kind]
        first: float | None = None
        low = high = 0.0
        for rank in range(1, RUNGS[self.kind] + 1):
            rung = self.rung(classifier, x, rank * step, show=first is None)
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
        """Compute all changes of that size; return pixels only where ``show`` is true."""
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
    """Run `search` for one picture: find the smallest pose, in all changes at once.

    Attributes:
        label: the original prediction.
        queries: the number of queries.
    """

    picture: Pictures = checked(..., Pictures.check_single)
    classifier: str = required()
    label: int = number(..., 0, LABELS)
    budget: Budget = Budget()
    queries: int = number(320, 1, "max_queries")
    seed: int = number(0, 0, SEEDS)
    frameless: bool = False

    rows = AT_ONCE // 2

    @property
    def length(self) -> int:
        return max(-(-self.queries // AT_ONCE), 2)

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
    """All crops at one angle: the probability of the original prediction, and the network's prediction, one a crop."""

    angle: float
    kept: tuple[float, ...]
    answers: tuple[int, ...]


@dataclass(frozen=True)
class Landscape(Task[Strip]):
    """Rotate and crop at once, on a grid; one record an angle, from the middle outwards.

    Attributes:
        angles, cuts: degrees, and parts of the sides that a crop in the middle takes away.
    """

    picture: Pictures = checked(..., Pictures.check_single)
    classifier: str = required()
    label: int = number(..., 0, LABELS)
    angles: tuple[float, ...] = number(..., -180, 180, count=(1, 61))
    cuts: tuple[float, ...] = number(..., 0, 0.9, count=(1, 16))
    frameless: bool = False

    background = True

    @property
    def length(self) -> int:
        return max(len(self.angles), 2)

    @property
    def rows(self) -> int:
        return max(len(self.cuts) // 2, 1)

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
    """The progress of one picture: the number of queries, and the number of the first query that fooled; 0 is none."""

    picture: int
    queries: int
    first: int


@dataclass(frozen=True)
class Trials(Task[Trial]):
    """Run `search` for many pictures, each to its first success.

    Attributes:
        room: the changes that are allowed.
        queries: the most queries for each picture. All pictures have draws of their own.
    """

    pictures: Pictures
    classifier: str = required()
    room: Room = required()
    budget: Budget = Budget()
    queries: int = number(64, 1, 200)
    seed: int = number(0, 0, SEEDS)

    background = True
    rows = AT_ONCE // 2

    @property
    def length(self) -> int:
        return max(self.pictures.count * -(-self.queries // AT_ONCE), 2)

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
    """Count the pictures that were fooled by one of their first ``queries`` queries."""
    return len({each.picture for each in trials if 0 < each.first <= queries})
