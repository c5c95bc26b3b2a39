"""Filters before a network as a defence, and two attackers: one who knows the filter, and one who does not.

A defence is a transform g of the picture; the network then answers f(g(x)). The unaware attacker climbs
L(f(x + δ), y), the aware one climbs L(f(g(x + δ)), y). The latter is an attack on one more classifier: `Transformed`
with one transform. Where g rounds, the gradient passes as if it did not (straight-through: Athalye, Carlini & Wagner,
ICML 2018). Where g is random, the gradient is averaged over draws (expectation over transformation: Athalye,
Engstrom, Ilyas & Kwok, ICML 2018).

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
# The range of each kind's strength.
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
    """A change that is made to a picture before the network sees it.

    Attributes:
        kind: "none"; "jpeg": saved and opened again; "blur": by a Gaussian; "bits": rounded to fewer levels; "resize":
            made smaller and enlarged again; "crop": a random window, a new one at each pass.
        strength: for "jpeg" the quality; for "blur" σ in pixels; for "bits" the number of bits; for "resize" the sides
            of the small picture as a fraction; for "crop" the least sides of the window as a fraction.
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
        """True where the defence draws its parameters anew at each pass."""
        return self.kind == "crop"

    @property
    def transforms(self) -> tuple[Transform, ...]:
        """The defence as transforms. The last one rounds to the 8 bits of a file, so a page can show what is seen."""
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
        """The transforms, with parameters drawn by the seed. The seed has no effect where the defence is not random."""
        generator = torch.Generator().manual_seed(~seed)  # different from every seed of an attack
        return tuple((each, tuple(float(p) for p in each.sample(1, generator))) for each in self.transforms)

    def before(self, classifier: Classifier, seed: int = 0) -> Transformed:
        """The classifier behind this defence, as the aware attacker climbs it: log-probabilities."""
        views = VIEWS if self.random else 1
        return Transformed(classifier, self.transforms, views, seed, fresh=self.random)


def answers(classifier: Classifier, x: Tensor, defence: Defence, seed: int) -> np.ndarray:
    """The classes that the defended classifier answers, (N,). Each picture has a draw of its own."""
    seen = [seen_through(defence.chain(seed + place), row) for place, row in enumerate(x.split(1))]
    return np.asarray(opinions(classifier, np.concatenate(seen)).argmax(1))


def aware(
    classifier: Classifier, x: Tensor, labels: list[int], defence: Defence, eps: float, steps: int
) -> Iterator[Step]:
    """Run PGD in the L∞ ball as the aware attacker: it climbs the classifier of `Defence.before`."""
    if defence.kind == "none":
        return pgd(classifier, x, Linf(eps), Untargeted(labels), steps=steps)
    return pgd(defence.before(classifier), x, Linf(eps), ExpectedUntargeted(labels), steps=steps)
