"""Defences that a user might put before a network, and two attackers: one who knows of them and one who does not.

A defence is a transform g of the picture; the network then answers f(g(x)). The attacker who does not know climbs
L(f(x + δ), y), the one who knows climbs L(f(g(x + δ)), y). That is one more classifier: `Transformed` with one
transform. Where g rounds, its gradient is that of not rounding (straight-through: Athalye, Carlini & Wagner, ICML
2018); where g is random, the gradient is averaged over draws (expectation over transformation: Athalye, Engstrom,
Ilyas & Kwok, ICML 2018).

- JPEG: Dziugaite, Ghahramani & Roy 2016, arXiv:1608.00853; Guo et al., ICLR 2018, arXiv:1711.00117
- fewer bits, smoothing: Xu, Evans & Qi, NDSS 2018, arXiv:1704.01155; Guo et al.
- smaller and back; a random crop: Guo et al.; Xie et al., ICLR 2018, arXiv:1711.01991
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from adv_core.attacks.pgd import pgd
from adv_core.attacks.step import Step
from adv_core.bounds import check_bounds
from adv_core.classifiers import Classifier
from adv_core.objectives import ExpectedUntargeted, Untargeted
from adv_core.perturbation_sets import Linf
from adv_core.transforms.expectation import Transformed
from adv_core.transforms.geometry import Crop, Resize
from adv_core.transforms.jpeg import Jpeg
from adv_core.transforms.light import BitDepth, Blur
from adv_core.transforms.transform import Chain, Transform, opinions, seen_through

Kind = Literal["none", "jpeg", "blur", "bits", "resize", "crop"]
# What the strength of each may be.
STRENGTHS: dict[Kind, tuple[float, float]] = {
    "none": (0, 0),
    "jpeg": (1, 100),
    "blur": (0, 10),
    "bits": (1, 8),
    "resize": (0.05, 1),
    "crop": (0.1, 1),
}


VIEWS = 4  # draws of a random defence in each step of the attack that knows of it


@dataclass(frozen=True)
class Defence:
    """What is done to a picture before the network looks at it.

    Attributes:
        kind: "none"; "jpeg" saved and opened again; "blur" by a Gaussian; "bits" rounded to fewer levels; "resize" made
            smaller and back; "crop" a random window, another one at each look.
        strength: the quality; σ in pixels; the number of bits; the fraction that the sides of the small picture have;
            the least fraction that the sides of the window have.
    """

    kind: Kind = "none"
    strength: float = 0.0

    def check(self) -> None:
        """Refuse unknown kinds and strengths out of range."""
        if self.kind not in STRENGTHS:
            raise ValueError(f"the kind of a defence has to be one of {', '.join(STRENGTHS)}, not {self.kind!r}")
        check_bounds(self, strength=STRENGTHS[self.kind])

    @property
    def random(self) -> bool:
        """Whether it draws anew at each look."""
        return self.kind == "crop"

    @property
    def transforms(self) -> tuple[Transform, ...]:
        """As transforms; the last one rounds to the 8 bits of a file, so that what the network sees can be shown."""
        s = self.strength
        made: dict[Kind, Callable[[], Transform]] = {
            "jpeg": lambda: Jpeg(round(s), round(s)),
            "blur": lambda: Blur(s, s),
            "bits": lambda: BitDepth(round(s)),
            "resize": lambda: Resize(s, s),
            "crop": lambda: Crop(s),
        }
        return *((made[self.kind](),) if self.kind in made else ()), BitDepth(8)

    def chain(self, seed: int = 0) -> Chain:
        """As one look, with its parameters drawn; of a defence without chance the seed does not matter."""
        generator = torch.Generator().manual_seed(~seed)  # far from every seed that an attack draws with
        return tuple((each, tuple(float(p) for p in each.sample(1, generator))) for each in self.transforms)

    def before(self, classifier: Classifier, seed: int = 0) -> Transformed:
        """The classifier behind this defence, as an attacker who knows of it climbs it: log-probabilities."""
        views = VIEWS if self.random else 1
        return Transformed(classifier, self.transforms, views, seed, fresh=self.random)


def answers(classifier: Classifier, x: Tensor, defence: Defence, seed: int) -> np.ndarray:
    """What the defended classifier says, (N,). Each picture has a draw of its own."""
    seen = [seen_through(defence.chain(seed + place), row) for place, row in enumerate(x.split(1))]
    return np.asarray(opinions(classifier, np.concatenate(seen)).argmax(1))


def aware(
    classifier: Classifier, x: Tensor, labels: list[int], defence: Defence, eps: float, steps: int
) -> Iterator[Step]:
    """PGD in the L∞ ball by someone who knows the defence: it climbs what `Defence.before` makes of the classifier."""
    if defence.kind == "none":
        return pgd(classifier, x, Linf(eps), Untargeted(labels), steps=steps)
    return pgd(defence.before(classifier), x, Linf(eps), ExpectedUntargeted(labels), steps=steps)
