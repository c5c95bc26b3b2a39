"""The task of the section on detection: attack digits, and give them to a detector."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from adv_core.defences.detectors import CLASSIFIER, REFERENCE, Kind, attack_digits, detector, usual_scores
from adv_core.images import round_to_8bit
from adv_core.networks.digit_network import checkpoint
from adv_core.serving.engine.digits import digits
from adv_core.serving.engine.work import Networks, Task
from adv_core.serving.fields import SEEDS, number

EVERY = 2  # steps of an attack in one record

# Digits as they are, with noise of the size ε, attacked without the detector, and attacked by one who knows it.
Sort = Literal["untouched", "noise", "plain", "aware"]


@dataclass(frozen=True, eq=False)
class Detected:
    """Some digits before the classifier and before a detector, rounded to 8 bits.

    Attributes:
        done: the part of the attack, 0 ... 1.
        pixels: (N, 28, 28) uint8.
        said: (N,), the classifier's predictions; misread: (N,) bool, those that are not the true class.
        scores: (N,) float32, the detector's; a larger one is more suspicious.
        usual: the interval of scores that the attack which knows aims at.
    """

    done: float
    pixels: np.ndarray
    said: np.ndarray
    misread: np.ndarray
    scores: np.ndarray
    usual: tuple[float, float]

    @property
    def counted(self) -> np.ndarray:
        """The scores of those that are misread: an attack that fools nobody needs no detector."""
        return self.scores[self.misread]


@dataclass(frozen=True)
class Detect(Task[Detected]):
    """Make the first test digits of one sort, and ask the classifier and the detector about them.

    Attributes:
        detector: see `adv_core.defences.detectors`; bits: those of the squeezing.
        eps: the radius of the L∞ ball.
        weight: that of the detector's term, for the attack that knows.
        images: the number of digits; steps: of an attack; seed: of the noise.
    """

    sort: Sort = "untouched"
    detector: Kind = "network"
    bits: int = number(1, 1, 8)
    eps: float = number(0.3, 0, 1)
    weight: float = number(3.0, 0, 1000)
    images: int = number(100, 1, 1000)
    steps: int = number(60, 1, "max_steps")
    seed: int = number(0, 0, SEEDS)

    @property
    def length(self) -> int:
        return 1 if self.sort in ("untouched", "noise") else self.steps // EVERY

    def records(self, networks: Networks) -> Iterator[Detected]:
        device = str(networks.device)
        classifier, held = checkpoint(CLASSIFIER, device).network, digits("test")[: self.images]
        x, labels = held.images.to(networks.device), held.labels.to(networks.device)
        score = detector(classifier, self.detector, self.bits, device)
        usual = usual_scores(score, digits("train")[-REFERENCE:].images.to(networks.device))

        @torch.no_grad()
        def detected(pictures: Tensor, done: float) -> Detected:
            said, scores = classifier(pictures).argmax(1), score(pictures).cpu().numpy()
            pixels = (pictures[:, 0] * 255).round().to(torch.uint8).cpu().numpy()
            return Detected(done, pixels, said.cpu().numpy(), (said != labels).cpu().numpy(), scores, usual)

        if self.sort == "untouched":
            yield detected(x, 1.0)
            return
        given = (classifier, x, labels, self.eps, self.sort, score, usual, self.weight, self.steps, self.seed)
        for step in attack_digits(*given):
            if step.final:
                yield detected(step.adversarial, 1.0)
            elif step.index % EVERY == 0 and self.sort != "noise":
                yield detected(round_to_8bit(step.adversarial), step.index / self.steps)
