"""Tasks of the lesson on fooling images: gradient ascent from a picture of nothing, and evolution."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from adv_core.attacks.evolution import Cppn, Generation, Tiles, evolve, grown
from adv_core.attacks.pgd import pgd
from adv_core.classifiers import DEFAULT, REGISTRY, Classifier, info_of
from adv_core.images import Pixels, from_pixels
from adv_core.objectives import Custom
from adv_core.perturbation_sets import Box
from adv_core.serving.engine.work import Networks, Task
from adv_core.serving.fields import LABELS, SEEDS, number, word
from adv_core.serving.limits import LIMITS, Limits

Start = Literal["noise", "grey", "colour", "stripes", "shade"]
STARTS: tuple[Start, ...] = ("noise", "grey", "colour", "stripes", "shade")
CLASSES = LABELS + 1
CHILDREN = 8  # of one generation
GALLERY = 8  # classes whose champions are shown
GALLERY_EVERY = 20  # generations between two records that show them
_SMALL = 2  # patterns before the end have half the side
# Functions that draw a new genome. A tile of the direct encoding is 8 pixels wide on a picture of 224.
ENCODINGS: dict[str, Callable[[torch.Generator], Any]] = {
    "pattern": Cppn.newborn,
    "tiles": lambda generator: Tiles.newborn(generator, 28),
}


def start_picture(kind: Start, side: int, seed: int = 0) -> Pixels:
    """A picture that shows nothing, (side, side, 3) uint8.

    Args:
        kind: "noise", every value uniform; "grey", all 128; "colour", one flat colour; "stripes", upright, black and
            white, of 1/16 of the width; "shade", from black on the left to white on the right.
        seed: of the noise and the colour.

    Raises:
        ValueError: another kind.
    """
    drawn = np.random.default_rng(seed)
    if kind == "noise":
        return drawn.integers(0, 256, (side, side, 3), dtype=np.uint8)
    if kind == "grey":
        return np.full((side, side, 3), 128, np.uint8)
    if kind == "colour":
        return np.broadcast_to(drawn.integers(0, 256, 3, dtype=np.uint8), (side, side, 3)).copy()
    place = np.arange(side) / side
    if kind == "stripes":
        row = (place * 16).astype(int) % 2 * 255
    elif kind == "shade":
        row = np.round(place * side / (side - 1) * 255)
    else:
        raise ValueError(f"unknown start {kind!r}: choose one of {', '.join(STARTS)}")
    return np.broadcast_to(row.astype(np.uint8)[None, :, None], (side, side, 3)).copy()


def some_classes(count: int, seed: int = 0) -> tuple[int, ...]:
    """Draw different classes at random."""
    return tuple(int(each) for each in np.random.default_rng(seed).choice(CLASSES, count, replace=False))


def pixels_of(x: Tensor) -> Pixels:
    """(N, 3, H, W) in [0, 1] as (N, H, W, 3) uint8."""
    return (x * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu().numpy()


# ------------------------------------------------------------------------------------------------- gradient ascent


@dataclass(frozen=True, eq=False)
class Wall:
    """One step of several ascents that are made in one batch.

    Attributes:
        index: steps done.
        pixels: (N, H, W, 3) uint8; empty in most of the steps before the end.
        wanted: the probability of each row's target class, one line for each attacked network, (M, N).
        seen, sure: the predicted class of each row, and its probability, (M, N).
    """

    index: int
    pixels: Pixels
    wanted: np.ndarray
    seen: np.ndarray
    sure: np.ndarray


@dataclass(frozen=True)
class Climb(Task[Wall]):
    """Gradient ascent from one picture towards several classes at once, the rows of one batch.

    The objective is the logarithm of the class's probability; for several networks, the sum of these. Δ is the box:
    every picture is allowed. Steps follow the sign, by whole levels of 255, so every iterate can be saved as it is.

    Attributes:
        targets: a class for every row.
        start, seed: the common starting picture (`start_picture`).
        alpha: levels by which every value moves in a step.
        classifiers: one or more of the registry. The pictures have the input size of the first; the others resize.
    """

    targets: tuple[int, ...] = number(..., 0, LABELS, count=(1, "max_rows"))
    start: Start = "noise"
    seed: int = number(0, 0, SEEDS)
    steps: int = number(40, 1, "max_steps")
    alpha: int = number(1, 1, 255)
    classifiers: tuple[str, ...] = word((DEFAULT,), REGISTRY, count=(1, "max_rows"))

    @property
    def length(self) -> int:
        return max(self.steps, 2)  # never a short run: each step takes a gradient of every row

    @property
    def rows(self) -> int:
        return len(self.targets) * len(self.classifiers)

    @property
    def row_pixels(self) -> int:
        return info_of(self.classifiers[0]).input_size ** 2

    def check(self, limits: Limits = LIMITS) -> None:
        super().check(limits)
        if self.rows > limits.max_rows:
            raise ValueError(f"targets times classifiers have to be at most {limits.max_rows}, not {self.rows}")
        if self.rows * self.row_pixels > limits.max_pixels:
            raise ValueError(
                f"targets times classifiers have to be at most {limits.max_pixels // self.row_pixels} for pictures of "
                f"this size, not {self.rows}"
            )

    def records(self, networks: Networks) -> Iterator[Wall]:
        classifiers = [networks.classifier(name) for name in self.classifiers]
        start = from_pixels(start_picture(self.start, classifiers[0].info.input_size, self.seed)).to(networks.device)
        x = start.expand(len(self.targets), -1, -1, -1)
        ascent = pgd(
            lambda x: torch.cat([each(x) for each in classifiers], 1),
            x,
            Box(),
            Custom(self.certainty),
            steps=self.steps,
            step_size=self.alpha / 255,
        )
        # about the same number of pictures for every number of rows: they are kept as long as a page shows them
        stride = max(len(self.targets), math.ceil(self.steps / 20))
        for step in ascent:
            shown = step.final or step.index % stride == 0
            pixels = pixels_of(step.adversarial) if shown else np.empty(0, np.uint8)
            said = np.stack([answer.softmax(1).cpu().numpy() for answer in step.logits.split(CLASSES, 1)])
            wanted = said[:, np.arange(len(x)), list(self.targets)]
            yield Wall(step.index, pixels, wanted, said.argmax(2), said.max(2))

    def certainty(self, logits: Tensor) -> Tensor:
        """Σ log p(target) over the networks, (N,), from their logits side by side, (N, 1000 M)."""
        labels = torch.tensor(self.targets, device=logits.device)
        said = [F.cross_entropy(each, labels, reduction="none") for each in logits.split(CLASSES, 1)]
        return -torch.stack(said).sum(0)


# ------------------------------------------------------------------------------------------------------- evolution


@dataclass(frozen=True, eq=False)
class Bred:
    """The progress of the evolution.

    Attributes:
        queries: the number of queries so far.
        wanted: the probability of the wanted class for its champion.
        picture: the champion, (S, S, 3) uint8; small before the end, and empty where it has not changed.
        gained: the number of classes with a new champion.
        sure: the number of classes whose champion's probability is above one half.
        others: the classes, without the wanted one, whose champions have the highest probability; in some records
            and at the end, otherwise empty.
        certainty: their probabilities; pictures: (N, S, S, 3) uint8, small before the end.
    """

    queries: int
    wanted: float
    picture: Pixels
    gained: int
    sure: int
    others: tuple[int, ...] = ()
    certainty: tuple[float, ...] = ()
    pictures: Pixels = field(default_factory=lambda: np.empty(0, np.uint8))


@dataclass(frozen=True)
class Evolution(Task[Bred]):
    """The evolutionary search for a picture of one class, and of all other classes beside it, by queries alone.

    The last record holds the probabilities of the pictures after rounding to 8 bits.

    Attributes:
        target: the class.
        encoding: of `ENCODINGS`.
        queries: the number of queries.
    """

    target: int = number(..., 0, LABELS)
    encoding: str = word("pattern", ENCODINGS)
    queries: int = number(1000, CHILDREN, "max_queries")
    seed: int = number(0, 0, SEEDS)
    classifier: str = word(DEFAULT, REGISTRY)

    rows = CHILDREN // 2  # forward passes only

    @property
    def length(self) -> int:
        return -(-self.queries // CHILDREN)

    @property
    def row_pixels(self) -> int:
        return info_of(self.classifier).input_size ** 2

    def records(self, networks: Networks) -> Iterator[Bred]:
        classifier = networks.classifier(self.classifier)
        none, generation = np.empty(0, np.uint8), None
        for generation in self.generations(classifier):
            small = classifier.info.input_size // _SMALL
            better = self.target in generation.gained
            picture = pixels_of(grown([generation.champions[self.target]], small))[0] if better else none
            sure = int((generation.scores.exp() > 0.5).sum())
            told = (generation.queries, float(generation.scores[self.target].exp()), picture)
            if generation.queries % (GALLERY_EVERY * CHILDREN):
                yield Bred(*told, len(generation.gained), sure)
            else:
                others = self.others(generation)
                certainty = tuple(generation.scores[list(others)].exp().tolist())
                pictures = pixels_of(grown([generation.champions[label] for label in others], small))
                yield Bred(*told, len(generation.gained), sure, others, certainty, pictures)
        assert generation is not None
        others = self.others(generation)
        shown = grown([generation.champions[label] for label in (self.target, *others)], classifier.info.input_size)
        with torch.no_grad():
            said = classifier(shown.to(networks.device)).softmax(1).cpu()
        wanted, *rest = (float(row[label]) for row, label in zip(said, (self.target, *others), strict=True))
        pixels = pixels_of(shown)
        yield Bred(generation.queries, wanted, pixels[0], 0, sure, others, tuple(rest), pixels[1:])

    def generations(self, classifier: Classifier) -> Iterator[Generation[Any]]:
        """Run the search to its last query."""
        return evolve(
            classifier,
            ENCODINGS[self.encoding],
            side=classifier.info.input_size,
            wanted=self.target,
            queries=self.queries,
            children=CHILDREN,
            seed=self.seed,
            device=classifier.device,
        )

    def others(self, generation: Generation[Any]) -> tuple[int, ...]:
        """The classes whose champions have the highest probability, without the wanted one."""
        order = generation.scores.argsort(descending=True).tolist()
        return tuple(label for label in order if label != self.target)[:GALLERY]
