"""What the lesson without noise asks of the engine: the smallest turn, shift, change of colour or crop that fools.

Δ is no ball here: it is a family of natural changes with a few parameters, and a search through them needs neither a
gradient nor more than the network's answers (Engstrom, Tran, Tsipras, Schmidt & Madry, "Exploring the Landscape of
Spatial Robustness", ICML 2019, arXiv:1712.02779; Brown et al., "Unrestricted Adversarial Examples", 2018,
arXiv:1809.08352).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from torch import Tensor

from adv_core.camera_tasks import Pictures, opinions
from adv_core.classifiers import Classifier
from adv_core.images import from_pixels
from adv_core.serving.limits import LIMITS, Limits
from adv_core.transforms.geometry import Crop, Rotation, Scale, Translation
from adv_core.transforms.light import Hue
from adv_core.transforms.transform import Chain, seen_through
from adv_core.work import Networks, Task

Kind = Literal["turn", "shift", "colour", "crop"]
KINDS: tuple[Kind, ...] = ("turn", "shift", "colour", "crop")
# How far a search goes: degrees; the part of the side that leaves the frame; degrees of the colour wheel; the part of
# the side that is cut off.
FARTHEST: dict[Kind, float] = {"turn": 180, "shift": 0.4, "colour": 180, "crop": 0.6}
# The first rungs of the ladder lie so far apart; then the interval with the first success is halved.
RUNGS: dict[Kind, int] = {"turn": 90, "shift": 40, "colour": 36, "crop": 30}
HALVINGS = 4


@dataclass(frozen=True)
class Pose:
    """How a picture is held before the network. What is zero is left out: then the picture is the picture.

    Attributes:
        angle: degrees, counter-clockwise, -180 ... 180.
        down, right: by how much of the height and of the width it is moved, -1 ... 1.
        hue: degrees on the colour wheel, -180 ... 180.
        cut: how much of its sides is cut off before it is enlarged again, 0 ... 0.9.
        top, left: where the window lies: 0 at the upper or left edge, 1 at the lower or right one.
        frameless: enlarge a turned picture just so much that none of what fills its corners is seen.
    """

    angle: float = 0.0
    down: float = 0.0
    right: float = 0.0
    hue: float = 0.0
    cut: float = 0.0
    top: float = 0.5
    left: float = 0.5
    frameless: bool = False

    @property
    def chain(self) -> Chain:
        """As transforms with their parameters. What lies outside the picture is its mirror image."""
        found: Chain = ()
        if self.angle:
            found += ((Rotation(), (self.angle,)),)
            if self.frameless:
                found += ((Scale(), (room_for(self.angle),)),)
        if self.down or self.right:
            found += ((Translation(), (self.down, self.right)),)
        if self.cut:
            found += ((Crop(), (1 - self.cut, self.top, self.left)),)
        if self.hue:
            found += ((Hue(), (self.hue,)),)
        return found

    def check(self) -> None:
        """Refuse what no hand can do."""
        turned = -180 <= self.angle <= 180 and -180 <= self.hue <= 180
        placed = -1 <= self.down <= 1 and -1 <= self.right <= 1 and 0 <= self.top <= 1 and 0 <= self.left <= 1
        if not turned or not placed or not 0 <= self.cut <= 0.9:
            raise ValueError("nobody can hold a picture like that")


def room_for(angle: float) -> float:
    """By how much a square has to be enlarged, so that it still fills its frame when turned by ``angle`` degrees."""
    turned = math.radians(angle)
    return abs(math.cos(turned)) + abs(math.sin(turned))


def poses(kind: Kind, size: float, frameless: bool = False) -> list[Pose]:
    """All that changes the picture by that size: both ways round, eight directions of a shift, nine windows."""
    if kind == "turn":
        return [Pose(angle=size, frameless=frameless), Pose(angle=-size, frameless=frameless)]
    if kind == "colour":
        return [Pose(hue=size), Pose(hue=-size)]
    if kind == "crop":
        return [Pose(cut=size, top=top, left=left) for top in (0, 0.5, 1) for left in (0, 0.5, 1)]
    return [Pose(down=size * math.sin(a), right=size * math.cos(a)) for a in (k * math.pi / 4 for k in range(8))]


def asked(classifier: Classifier, x: Tensor, held: Sequence[Pose]) -> tuple[np.ndarray, np.ndarray]:
    """One picture (1, 3, H, W) in several poses: the 8-bit pixels (N, H, W, 3), and what the network says, (N, K)."""
    pixels = np.concatenate([seen_through(pose.chain, x) for pose in held])
    return pixels, opinions(classifier, pixels)


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

    @property
    def nbytes(self) -> int:
        return 200 + 16 * len(self.kept) + self.pixels.nbytes


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

    def key(self) -> tuple[object, ...]:
        return (replace(self, picture=self.picture.digest),)

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

Room = Literal["turn", "shift", "colour", "crop", "all"]
AT_ONCE = 8  # poses that are asked about together
_TURN, _DOWN, _RIGHT, _HUE, _CUT, _TOP, _LEFT = range(7)
_MOVES: dict[Room, tuple[int, ...]] = {
    "turn": (_TURN,),
    "shift": (_DOWN, _RIGHT),
    "colour": (_HUE,),
    "crop": (_CUT, _TOP, _LEFT),
    "all": tuple(range(7)),
}


@dataclass(frozen=True)
class Budget:
    """How far each change may go: degrees, part of the side, degrees on the colour wheel, part of the side.

    A point of the cube [-1, 1]⁷ is a pose within it; its size is the largest part of any budget that it uses.
    """

    turn: float = 30.0
    shift: float = 0.1
    colour: float = 30.0
    crop: float = 0.2

    def check(self) -> None:
        """Refuse what is farther than a search goes."""
        if not all(0 <= getattr(self, kind) <= FARTHEST[kind] for kind in KINDS):
            raise ValueError("a budget goes no farther than a search")

    def pose(self, point: np.ndarray, frameless: bool = False) -> Pose:
        """The pose of a point (7,)."""
        u = [float(value) for value in point]
        return Pose(
            angle=self.turn * u[_TURN],
            down=self.shift * u[_DOWN],
            right=self.shift * u[_RIGHT],
            hue=self.colour * u[_HUE],
            cut=self.crop * abs(u[_CUT]),
            top=(1 + u[_TOP]) / 2,
            left=(1 + u[_LEFT]) / 2,
            frameless=frameless,
        )


def size_of(point: np.ndarray) -> float:
    """The largest part of a budget that a point (7,) uses; where the window lies costs nothing."""
    return float(np.abs(point[:_TOP]).max())


@dataclass(frozen=True, eq=False)
class Try:
    """After some more questions.

    Attributes:
        queries: asked so far.
        first: the number of the first question whose answer was another; 0 while there is none.
        pose: the best so far. Before the first success the one that leaves the least to the present answer, then the
            smallest; size: of it, a part of the budget.
        pixels: (H, W, 3) uint8, only where the best is new; otherwise empty.
        kept: the probability of the present answer there; answer, certainty: what the network says.
    """

    queries: int
    first: int
    pose: Pose
    size: float
    pixels: np.ndarray
    kept: float
    answer: int
    certainty: float

    @property
    def nbytes(self) -> int:
        return 200 + self.pixels.nbytes


def search(
    classifier: Classifier,
    x: Tensor,
    label: int,
    budget: Budget,
    *,
    room: Room = "all",
    queries: int = 160,
    seed: int = 0,
    shrink: bool = True,
    frameless: bool = False,
) -> Iterator[Try]:
    """Look for a pose that fools, by the network's answers alone: at random, then around the best one found.

    Args:
        x: one picture, (1, 3, H, W).
        label: the answer to be left.
        room: which changes there are.
        shrink: after a success go on, for a smaller one: the cube shrinks to a little less than what has been found.
            Otherwise a success ends the search.

    Yields:
        A record every `AT_ONCE` questions.
    """
    chance, side = np.random.default_rng(seed), 1.0
    moves = list(_MOVES[room])
    best, best_gap, found, told = np.zeros(7), -math.inf, 0, (0.0, label, 0.0)
    none = np.empty(0, np.uint8)
    for done in range(0, queries, AT_ONCE):
        points = np.zeros((min(AT_ONCE, queries - done), 7))
        if found or done >= queries / 2:
            points[:, moves] = best[moves] + chance.normal(0, 0.3 * side, (len(points), len(moves)))
        else:
            points[:, moves] = chance.uniform(-1, 1, (len(points), len(moves)))
        reach = np.full(7, side)
        reach[_TOP:] = 1
        points = points.clip(-reach, reach)
        pixels, said = asked(classifier, x, [budget.pose(point, frameless) for point in points])
        logs = np.log(said.clip(1e-12))
        own = logs[:, label].copy()
        logs[:, label] = -math.inf
        gaps, fooled = logs.max(1) - own, said.argmax(1) != label
        sizes = np.array([size_of(point) for point in points])
        found = found or (done + int(fooled.argmax()) + 1 if fooled.any() else 0)
        row = int(np.where(fooled, sizes, 9).argmin()) if fooled.any() else int(gaps.argmax())
        better = bool(fooled[row]) if found else gaps[row] > best_gap
        if better:
            best, best_gap = points[row], float(gaps[row])
            answer = int(said[row].argmax())
            told = (float(said[row, label]), answer, float(said[row, answer]))
            if fooled[row]:
                side = 0.95 * size_of(best)
        shown = pixels[row] if better else none
        yield Try(done + len(points), found, budget.pose(best, frameless), size_of(best), shown, *told)
        if found and not shrink:
            return


@dataclass(frozen=True)
class Together(Task[Try]):
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

    def key(self) -> tuple[object, ...]:
        return (replace(self, picture=self.picture.digest),)

    def check(self, limits: Limits = LIMITS) -> None:
        self.picture.check(limits)
        self.budget.check()
        if self.picture.count != 1 or not 0 <= self.label < 1000 or not 0 <= self.seed < 2**31:
            raise ValueError("one picture, and a class to leave")
        if not 1 <= self.queries <= limits.max_queries:
            raise ValueError(f"queries have to lie in 1 ... {limits.max_queries}")

    def records(self, networks: Networks) -> Iterator[Try]:
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

    @property
    def nbytes(self) -> int:
        return 100 + 16 * len(self.kept)


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

    @property
    def behind(self) -> bool:
        return True

    def key(self) -> tuple[object, ...]:
        return (replace(self, picture=self.picture.digest),)

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

    @property
    def nbytes(self) -> int:
        return 60


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

    @property
    def behind(self) -> bool:
        return True

    def key(self) -> tuple[object, ...]:
        return (replace(self, pictures=self.pictures.digest),)

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
