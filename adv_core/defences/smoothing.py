"""Randomised smoothing, and its certified L2 radius (Cohen, Rosenfeld & Kolter, ICML 2019, arXiv:1902.02918).

The smoothed classifier g takes a majority vote of f over many noisy copies of x:

    g(x) = argmax over k of P(f(x + z) = k),   z ~ N(0, σ²)

If the winner has probability p > 1/2, then g gives the same answer at every x + δ with

    ‖δ‖₂ < σ · Φ⁻¹(p)

for every f and every such δ. p is not known, but counting gives a lower bound of it. The certificate therefore holds
with probability 1 - α, over the noise that was drawn.

Noisy copies are not clipped to [0, 1]: the theorem holds for Gaussian noise only.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import NormalDist

import torch
from scipy.special import bdtr, betaincinv  # `scipy.stats` has these by their names, and takes 50 MB
from torch import Tensor, nn

from adv_core.networks.any_model import Logits, as_classifier

ALPHA = 0.001


@torch.no_grad()
def votes(
    classifier: Logits, x: Tensor, sigma: float, samples: int, *, seed: int = 0, chunk: int = 500
) -> Iterator[Tensor]:
    """Count the answers to noisy copies of one picture. Yield the counts so far, (K,) long, up to all ``samples``.

    Args:
        x: (1, ...).
        seed: of the noise; the same seed draws the same noise for every size of the chunks.
    """
    classifier, generator, counts = as_classifier(classifier), torch.Generator().manual_seed(seed), None
    for start in range(0, samples, chunk):
        size = (min(chunk, samples - start), *x.shape[1:])
        # Row by row, so that a row's noise does not depend on the size of its chunk.
        noise = torch.stack([torch.randn(size[1:], generator=generator) for _ in range(size[0])]).to(x)
        logits = classifier(x + sigma * noise)
        new = torch.bincount(logits.argmax(1).cpu(), minlength=logits.shape[1])
        counts = new if counts is None else counts + new
        yield counts


def lower_bound(successes: int, samples: int, alpha: float = ALPHA) -> float:
    """The lower end of the one-sided confidence interval of a probability (Clopper & Pearson, Biometrika 1934).

    For every true p, the bound lies above it in at most a share α of all experiments.

    Raises:
        ValueError: not 0 ≤ successes ≤ samples, or α outside (0, 1).
    """
    if not 0 <= successes <= samples or not samples or not 0 < alpha < 1:
        raise ValueError(f"0 ≤ successes ≤ samples and 0 < α < 1 have to hold, not {successes}, {samples} and {alpha}")
    return float(betaincinv(successes, samples - successes + 1, alpha)) if successes else 0.0


@dataclass(frozen=True)
class Certificate:
    """The certified L2 radius of one picture, and its class.

    Attributes:
        label: the class that g answers within the radius, with probability 1 - α; None is an abstention: for no class
            do the counts prove a probability above one half.
        radius: in L2, in pixel units; 0 with an abstention.
        p: the lower bound of the winner's probability.
    """

    label: int | None
    radius: float
    p: float


def certificate(first: Tensor, counts: Tensor, sigma: float, alpha: float = ALPHA) -> Certificate:
    """Certify a radius from counts: CERTIFY of the paper.

    Args:
        first: counts of a few noisy copies, (K,), that choose the class.
        counts: counts of many other copies, that judge it. Both numbers have to be fixed beforehand: a sampler that
            looks at the votes to decide when to stop breaks the guarantee.
    """
    winner = int(first.argmax())
    p = lower_bound(int(counts[winner]), int(counts.sum()), alpha)
    if p <= 0.5:
        return Certificate(None, 0.0, p)
    return Certificate(winner, sigma * NormalDist().inv_cdf(p), p)


def prediction(counts: Tensor, alpha: float = ALPHA) -> int | None:
    """Return the class that g answers, or None, an abstention, where two classes are too close: PREDICT of the paper.

    The test compares the votes of the first two classes with those of a fair coin (Hung & Fithian, Annals of Statistics
    2019). The answer is wrong with probability α at most.

    Args:
        counts: votes of noisy copies, (K,), their number fixed beforehand.
    """
    (first, second), (winner, _) = (part.tolist() for part in counts.topk(2))
    p_value = 2 * bdtr(second, first + second, 0.5)  # of a two-sided test
    return winner if first > second and p_value <= alpha else None


class SoftVote(nn.Module):
    """The log of the mean probabilities over a fixed set of noisy copies, which an attacker of g climbs.

    Salman et al., NeurIPS 2019, arXiv:1906.04584. Pixels (N, ...) -> (N, K). Every row gets the same noise, drawn once.
    """

    def __init__(self, classifier: Logits, sigma: float, samples: int = 64, seed: int = 0) -> None:
        super().__init__()
        self.classifier, self.sigma, self.samples, self.seed = classifier, sigma, samples, seed
        self._logits = as_classifier(classifier)
        self._noise: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        if self._noise is None or self._noise.shape[1:] != x.shape[1:]:
            shape = (self.samples, *x.shape[1:])
            self._noise = torch.randn(shape, generator=torch.Generator().manual_seed(self.seed)).to(x)
        copies = (x[:, None] + self.sigma * self._noise[None]).flatten(0, 1)
        logs = self._logits(copies).log_softmax(1).unflatten(0, (len(x), self.samples))
        return logs.logsumexp(1) - math.log(self.samples)
