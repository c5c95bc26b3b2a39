"""Detectors: a score for each picture, which is meant to be large for an attacked one, and an attack that knows it.

A detector does not correct the network. It raises an alarm where the score is above a threshold. `roc` counts what each
threshold catches, and `auc` is the area below that curve.

- `Squeezing`: the predictions before and after a filter disagree (Xu, Evans & Qi, NDSS 2018, arXiv:1704.01155).
- `DetectorNetwork`: a second network, trained on untouched and on attacked pictures (Metzen et al., ICLR 2017,
  arXiv:1702.04267).
- `unnoticed`: an attack that lowers the score, too, as one more term of L (Carlini & Wagner, "Adversarial Examples Are
  Not Easily Detected", AISec 2017, arXiv:1705.07263).

`detectors` trains the networks that come with the library, and measures all of them.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from adv_core.attacks.apgd import apgd
from adv_core.attacks.step import Step
from adv_core.bounds import check_bounds
from adv_core.networks.first_weights import first_weights
from adv_core.objectives import Labels, Margin, WithTerms
from adv_core.perturbation_sets import PerturbationSet
from adv_core.transforms.light import BitDepth

Logits = Callable[[Tensor], Tensor]
Score = Callable[[Tensor], Tensor]  # pictures (N, ...) -> (N,); a larger one is more suspicious


# ------------------------------------------------------------------------------------------------------- what it counts


def roc(clean: Tensor, attacked: Tensor) -> tuple[Tensor, Tensor]:
    """Return the receiver operating characteristic: the rates of alarms for each threshold.

    Args:
        clean: the scores of untouched pictures, (N,); attacked: those of attacked ones, (M,).

    Returns:
        The share of untouched and the share of attacked pictures with a score above the threshold, (T,) each: from no
        alarm, (0, 0), to alarms only, (1, 1). There is one threshold for each value that occurs.

    Raises:
        ValueError: no scores of either kind, or a score that is not a number.
    """
    _check_scores(clean, attacked)
    thresholds = torch.cat([clean, attacked]).unique().flip(0)

    def rates(scores: Tensor) -> Tensor:
        above = len(scores) - torch.searchsorted(scores.sort().values, thresholds, right=True)
        return torch.cat([above, torch.tensor([len(scores)])]).double() / len(scores)

    return rates(clean), rates(attacked)


def auc(clean: Tensor, attacked: Tensor) -> float:
    """Return the area under the ROC: the probability that an attacked picture has a larger score than an untouched one.

    Equal scores count half, so 0.5 is a guess and 1 is a perfect detector. It is exact: the rank statistic of Mann &
    Whitney, which is the area by the trapezoidal rule (Hanley & McNeil, Radiology 1982).

    Args, raises: as for `roc`.
    """
    _check_scores(clean, attacked)
    ranked = clean.sort().values
    below = torch.searchsorted(ranked, attacked) + torch.searchsorted(ranked, attacked, right=True)
    return float(below.sum()) / (2 * len(clean) * len(attacked))


def threshold_for(clean: Tensor, rate: float) -> float:
    """Return the smallest of the scores above which at most that share of the untouched pictures lies.

    Args:
        clean: the scores of untouched pictures, (N,).
        rate: the allowed share of false alarms, 0 ... 1.

    Raises:
        ValueError: no scores, a score that is not a number, or a rate outside 0 ... 1.
    """
    _check_scores(clean)
    if not 0 <= rate <= 1:
        raise ValueError(f"rate has to lie in 0 ... 1, not {rate}")
    allowed = int(rate * len(clean) + 1e-9)
    return float(clean.sort(descending=True).values[min(allowed, len(clean) - 1)])


def _check_scores(*kinds: Tensor) -> None:
    for scores in kinds:
        if scores.ndim != 1 or not len(scores):
            raise ValueError(f"scores have to be one number for each of one or more pictures, not {(*scores.shape,)}")
        if bool(scores.isnan().any()):
            raise ValueError("a score is not a number")


# ------------------------------------------------------------------------------------------------------------ detectors


def median_filter(x: Tensor, window: int = 2) -> Tensor:
    """Replace each pixel by the median of the square window around it; the border is mirrored.

    Of an even number of values, it takes the upper one of the two in the middle, as SciPy does, so that no new value
    appears.

    Args:
        x: (N, C, H, W); window: its side in pixels, 1 leaves x as it is.
    """
    before, after = window // 2, (window - 1) // 2
    padded = F.pad(x, (before, after, before, after), mode="reflect")
    windows = padded.unfold(2, window, 1).unfold(3, window, 1).flatten(4)
    return windows.sort(-1).values[..., window * window // 2]


@dataclass(frozen=True, eq=False)
class Squeezing:
    """Score the disagreement of the predictions before and after squeezing: the largest L1 distance, 0 ... 2.

    Squeezing leaves an untouched picture its class, and it may remove δ. There are two squeezers, and the larger
    disagreement counts, as in the joint detection of Xu et al. Rounding passes the gradient straight through.

    Attributes:
        classifier: pixels (N, C, H, W) in [0, 1] -> logits (N, K).
        bits: those that rounding leaves to each value, 1 ... 8; with 8, pictures of 8 bits stay as they are.
        window: the side of the median filter in pixels, 1 ... 5; 1 leaves it out.
    """

    classifier: Logits
    bits: int = 1
    window: int = 2

    def __post_init__(self) -> None:
        check_bounds(self, bits=(1, 8), window=(1, 5))

    def __call__(self, x: Tensor) -> Tensor:
        squeezed = [BitDepth(self.bits).at(x, float(self.bits)), median_filter(x, self.window)]
        seen = self.classifier(torch.cat([x, *squeezed])).softmax(1).chunk(3)
        return torch.stack([(seen[0] - each).abs().sum(1) for each in seen[1:]]).amax(0)


class DetectorNetwork(nn.Sequential):
    """Digits (N, 1, 28, 28) in [0, 1] -> logits (N, 2) of "untouched" and "attacked"; 3 770 weights.

    Args:
        seed: of the first weights, drawn as PyTorch draws them, without touching the global generator.
    """

    def __init__(self, seed: int = 0) -> None:
        with first_weights(seed):
            super().__init__(
                nn.Conv2d(1, 8, 4, stride=2, padding=1),
                nn.ReLU(),
                nn.Conv2d(8, 16, 4, stride=2, padding=1),
                nn.ReLU(),
                nn.Flatten(),
                nn.Linear(16 * 7 * 7, 2),
            )

    def score(self, x: Tensor) -> Tensor:
        """Return the log-odds of "attacked", (N,)."""
        logits = self(x)
        return logits[:, 1] - logits[:, 0]


# --------------------------------------------------------------------------------------------- the attack that knows it


class Watched(nn.Module):
    """A classifier that appends what a detector notices: pixels (N, ...) -> (N, K + 1), the logits, then the oddness.

    The oddness is the distance of the score from the interval ``usual``, in which the scores of many untouched pictures
    lie. An attacker has no reason to leave it downwards, either: a score that is far too small could be noticed, too.
    """

    def __init__(self, classifier: Logits, score: Score, usual: tuple[float, float]) -> None:
        super().__init__()
        self.classifier, self.score, self.usual = classifier, score, usual
        self.training = False

    def forward(self, x: Tensor) -> Tensor:
        scores = self.score(x)
        oddness = (scores - scores.clamp(*self.usual)).abs()
        return torch.cat([self.classifier(x), oddness[:, None]], 1)


@dataclass(frozen=True, eq=False)
class Unnoticed(WithTerms):
    """An objective on the logits of `Watched`, less ``weight`` times the oddness of the score."""

    weight: float = 1.0

    @property
    def weights(self) -> tuple[float, ...]:
        return (-self.weight,)


CONFIDENCE = 1.0  # the margin in logits at which the attack that knows turns to the detector alone


def unnoticed(
    classifier: Logits,
    x: Tensor,
    labels: Labels,
    perturbation_set: PerturbationSet,
    score: Score,
    usual: tuple[float, float],
    *,
    weight: float = 1.0,
    steps: int = 100,
) -> Iterator[Step]:
    """Run the attack that knows of the detector: Auto-PGD on min(margin, κ) - weight · oddness.

    Once the margin has reached κ, only the detector counts.

    Args:
        classifier: pixels (N, ...) -> logits (N, K); x: (N, ...) in [0, 1]; labels: the classes to leave.
        score: the detector, differentiable.
        usual: the interval of scores to reach; see `Watched`.
        weight: that of the detector's term; 0 is an attack that does not care.
        steps: of Auto-PGD.

    Yields:
        The steps of `apgd`. Their logits have K + 1 columns: the last one is the oddness of the score.
    """
    watched = Watched(classifier, score, usual)
    return apgd(watched, x, perturbation_set, Unnoticed(Margin(labels, kappa=CONFIDENCE), weight), steps=steps)
