"""Evolution, a black-box search over genomes, each of which encodes a picture.

The search mutates a genome, queries the classifier with its picture, and keeps the genome if it scores higher. It
needs no gradient and no weights (Nguyen, Yosinski & Clune, "Deep neural networks are easily fooled", CVPR 2015,
arXiv:1412.1897).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Generic, Protocol, Self, TypeVar

import torch
from torch import Tensor

from adv_core.images import round_to_8bit
from adv_core.networks.any_model import Logits, as_classifier


class Genome(Protocol):
    """An encoding of a picture that can be mutated."""

    def child(self, generator: torch.Generator) -> Self:
        """A copy with some mutations."""

    def picture(self, side: int) -> Tensor:
        """The picture that the genome encodes, (3, side, side) in [0, 1]."""


G = TypeVar("G", bound=Genome)


@dataclass(frozen=True, eq=False)
class Tiles:
    """The direct encoding: every gene is one colour of one tile, independent of all other tiles.

    Attributes:
        colours: (3, B, B) in [0, 1], for B × B tiles.
    """

    colours: Tensor

    @classmethod
    def newborn(cls, generator: torch.Generator, tiles: int) -> "Tiles":
        """Colours drawn uniformly."""
        return cls(torch.rand(3, tiles, tiles, generator=generator))

    def child(self, generator: torch.Generator) -> "Tiles":
        """Return a copy in which some tiles, at least one and about a tenth at most, get similar new colours."""
        share = 10 ** (-1 - 2 * float(torch.rand((), generator=generator)))
        lots = torch.rand(self.colours.shape[1:], generator=generator)
        chosen = (lots < share) | (lots == lots.min())
        change = torch.randn(self.colours.shape, generator=generator) * 0.5
        return Tiles((self.colours + chosen * change).clamp(0, 1))

    def picture(self, side: int) -> Tensor:
        place = (torch.arange(side) * self.colours.shape[1]) // side
        return self.colours[:, place][:, :, place]


def _between(low: float, high: float, generator: torch.Generator, *shape: int) -> Tensor:
    """Draw numbers between ``low`` and ``high`` such that every order of magnitude is equally likely."""
    return low * (high / low) ** torch.rand(shape, generator=generator)


# The activations of a CPPN's hidden units: periodic, bell-shaped, a step, a fold, the identity.
_ACTIVATIONS: tuple[Callable[[Tensor], Tensor], ...] = (
    torch.sin,
    lambda values: (-values.square()).exp(),
    torch.tanh,
    torch.abs,
    lambda values: values,
)


@dataclass(frozen=True, eq=False)
class Cppn:
    """A compositional pattern-producing network (Stanley, 2007): a small network that gives the colour at every place.

    Its inputs are x, y and the distance from the middle. Its hidden units are sines, bells, steps and folds, so its
    pictures are regular: symmetric, repeated, smooth, at any resolution. The paper also lets the network's form evolve
    (NEAT); this one keeps its form and evolves weights and kinds of units.

    Attributes:
        layers: weights (out, in + 1) of each layer, the last column being the bias.
        kinds: the activation of each hidden unit of each layer.
    """

    layers: tuple[Tensor, ...]
    kinds: tuple[Tensor, ...]

    @classmethod
    def newborn(cls, generator: torch.Generator, hidden: int = 12, depth: int = 3) -> "Cppn":
        """Draw weights from a normal distribution, and kinds uniformly.

        Every unit of the first layer sees the picture at a scale of its own. Contrast and colourfulness differ from
        picture to picture.
        """
        sizes = [3, *[hidden] * depth, 3]
        first, *middle, last = (
            torch.randn(wide, narrow + 1, generator=generator) * (3 / (narrow + 1)) ** 0.5
            for narrow, wide in pairwise(sizes)
        )
        first[:, :-1] *= _between(1, 20, generator, hidden, 1)
        colour = float(torch.rand((), generator=generator))
        grey = last.mean(0, keepdim=True) * 3**0.5  # as strong as one of its three
        last = (colour * last + (1 - colour) * grey) * _between(0.2, 1.5, generator)
        kinds = [torch.randint(len(_ACTIVATIONS), (hidden,), generator=generator) for _ in range(depth)]
        return cls((first, *middle, last), tuple(kinds))

    def child(self, generator: torch.Generator) -> "Cppn":
        """Return a copy in which some weights have moved, and a few units have another kind.

        The number of moved weights and the size of their moves are drawn anew for every child.
        """
        share, strength = (float(_between(least, 1, generator)) for least in (0.01, 0.03))
        layers = []
        for layer in self.layers:
            chosen = torch.rand(layer.shape, generator=generator) < share
            layers.append(layer + chosen * torch.randn(layer.shape, generator=generator) * strength)
        kinds = []
        for kind in self.kinds:
            chosen = torch.rand(kind.shape, generator=generator) < 0.02
            kinds.append(torch.where(chosen, torch.randint(len(_ACTIVATIONS), kind.shape, generator=generator), kind))
        return Cppn(tuple(layers), tuple(kinds))

    def picture(self, side: int) -> Tensor:
        place = (torch.arange(side, dtype=torch.float32) + 0.5) / side * 2 - 1
        y, x = torch.meshgrid(place, place, indexing="ij")
        values = torch.stack([x, y, (x.square() + y.square()).sqrt()]).flatten(1)
        for depth, layer in enumerate(self.layers):
            values = torch.addmm(layer[:, -1:], layer[:, :-1], values)
            if depth < len(self.kinds):
                kinds = self.kinds[depth].tolist()
                values = torch.stack([_ACTIVATIONS[kind](row) for kind, row in zip(kinds, values, strict=True)])
        return (0.5 + 0.5 * torch.sin(values)).reshape(3, side, side)


@dataclass(frozen=True, eq=False)
class Generation(Generic[G]):
    """The state of the search after a generation.

    Attributes:
        queries: pictures shown to the classifier so far.
        scores: the logarithm of the probability that each class's champion got, (K,). It never falls.
        champions: for every class, the genome to which the classifier gave the highest probability.
        gained: the classes that have got a new champion in this generation.
    """

    queries: int
    scores: Tensor
    champions: Sequence[G]
    gained: tuple[int, ...]


def grown(genomes: Sequence[Genome], side: int) -> Tensor:
    """The genomes' pictures as they are shown to a classifier: (N, 3, side, side), 8-bit values."""
    return round_to_8bit(torch.stack([genome.picture(side) for genome in genomes]))


def evolve(
    classifier: Logits,
    newborn: Callable[[torch.Generator], G],
    *,
    side: int,
    wanted: int | None = None,
    focus: float = 0.5,
    queries: int = 1000,
    children: int = 8,
    elite: int = 4,
    strangers: float = 0.2,
    seed: int = 0,
    parents: Sequence[G] = (),
    device: torch.device | str = "cpu",
) -> Iterator[Generation[G]]:
    """MAP-Elites (Mouret & Clune, 2015, arXiv:1504.04909), as in the paper: one champion for every class at once.

    A child of any parent becomes the champion of every class to which the classifier gives a higher probability than
    ever before. A picture that scores low as a trombone may be the best burger so far, and a burger's child the best
    trombone.

    Args:
        classifier: pixels (N, 3, side, side) in [0, 1] to logits (N, K). Only its output is used. It is queried
            with 8-bit pictures, all children of a generation in one batch.
        newborn: draws a genome that has no parent.
        wanted: a class that matters more than the others.
        focus: the part of the children whose parent is among the best for that class; the parents of the others are
            champions of any class.
        queries: the number of pictures that may be shown to the classifier, ≥ 1.
        children: of one generation.
        elite: the number of genomes that count as the best for the wanted class.
        strangers: the share of the queries, at the beginning, that is spent on newborns instead of children.
        seed: of everything that is drawn.
        parents: the first generation, such as champions of an earlier search; newborns if empty.

    Yields:
        One `Generation` after another, until the queries are used up.

    Raises:
        ValueError: no query, no child or no parent.
    """
    if min(queries, children, elite) < 1:
        raise ValueError("a search needs at least one query, one child and one parent")
    classifier, generator = as_classifier(classifier), torch.Generator().manual_seed(seed)

    def one_of(many: Sequence[G]) -> G:
        return many[int(torch.randint(len(many), (), generator=generator))]

    scores, champions, best, asked = torch.empty(0), [], [], 0  # type: ignore[var-annotated]
    while asked < queries:
        size = min(children, queries - asked)
        if not champions and parents:
            brood = list(parents)[:size]
        elif not champions or asked < strangers * queries:
            brood = [newborn(generator) for _ in range(size)]
        else:
            close = torch.rand(size, generator=generator) < (0 if wanted is None else focus)
            brood = [
                one_of([genome for _, genome in best] if near else champions).child(generator)
                for near in close.tolist()
            ]
        with torch.no_grad():
            answers = classifier(grown(brood, side).to(device)).log_softmax(1).float().cpu()
        asked += len(brood)
        if not champions:
            scores, champions = torch.full_like(answers[0], -torch.inf), [brood[0]] * answers.shape[1]
        top, first = answers.max(0)
        gained = (top > scores).nonzero().flatten().tolist()
        scores, champions = torch.maximum(scores, top), list(champions)
        for label in gained:
            champions[label] = brood[int(first[label])]
        if wanted is not None:
            best += [(float(row[wanted]), genome) for row, genome in zip(answers, brood, strict=True)]
            best = sorted(best, key=lambda each: -each[0])[:elite]  # stable: the elder wins a tie
        yield Generation(asked, scores, champions, tuple(gained))
