"""The task of the lesson on threat models: a network's predictions in a plane through a picture."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from adv_core.images import from_pixels
from adv_core.landscape import decision_slice
from adv_core.objectives import Untargeted
from adv_core.serving.engine.look import Pictures, WithLogits
from adv_core.serving.engine.work import Networks, Task
from adv_core.serving.fields import LABELS, SEEDS, checked, number, required
from adv_core.serving.limits import LIMITS, Limits


@dataclass(frozen=True, eq=False)
class Line(WithLogits):
    """One line of the plane.

    Attributes:
        index: its index in `landscape.line_order`.
        logits: at each of its points, (side, K) float32.
    """

    index: int
    logits: np.ndarray


@dataclass(frozen=True)
class Slice(Task[Line]):
    """Compute a network's logits in a plane through a picture (`adv_core.landscape`). A record is one line of it.

    Attributes:
        label: the predicted class; one axis is the direction in which its loss grows fastest.
        reach: the plane's extent to each side, in pixel units.
        side: the number of points along each side.
        seed: for the other axis, which is random.
    """

    picture: Pictures = checked(..., Pictures.check_single)
    classifier: str = required()
    label: int = number(..., 0, LABELS)
    reach: float = number(..., 0, 1)
    side: int = number(25, 3, 41)
    seed: int = number(0, 0, SEEDS)

    background = True

    @property
    def length(self) -> int:
        return self.side - 1

    @property
    def rows(self) -> int:
        return self.side

    def check(self, limits: Limits = LIMITS) -> None:
        super().check(limits)
        most = limits.max_pixels // (self.picture.height * self.picture.width)
        if self.side > most:
            raise ValueError(f"side has to lie in 3 ... {most} for a picture of this size, not {self.side}")

    def records(self, networks: Networks) -> Iterator[Line]:
        classifier = networks.classifier(self.classifier)
        x = from_pixels(self.picture.pixels).expand(self.side, -1, -1, -1).to(networks.device)
        objective = Untargeted([self.label] * self.side)
        for step in decision_slice(classifier, x, objective, reach=self.reach, seed=self.seed):
            yield Line(step.index, step.logits.float().cpu().numpy())
