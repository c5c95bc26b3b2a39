"""Random noise of the size of an attack, as a task, to compare the attack with."""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Self

from adv_core.attacks.noise import random_noise
from adv_core.objectives import Untargeted
from adv_core.serving.engine.attack import Frame, InBall, batch_of, frames_of, labels_of, seeds_of
from adv_core.serving.engine.work import BatchStep, Networks
from adv_core.serving.fields import number
from adv_core.serving.limits import LIMITS, Limits


@dataclass(frozen=True)
class Noise(InBall):
    """Random δ on the edge of a ball. The first frame is the picture itself.

    Attributes:
        draws: the number of δ, one after the other; the k-th is the first one of ``seed + k - 1``.
    """

    draws: int = number(1, 1, "max_steps")

    @property
    def length(self) -> int:
        return self.draws

    def check(self, limits: Limits = LIMITS) -> None:
        super().check(limits)
        self.check_relations(1, limits)

    @property
    def batch_key(self) -> Hashable:
        return self.alike()

    @classmethod
    def together(cls, tasks: Sequence[Self], networks: Networks) -> Iterator[BatchStep[Frame]]:
        first = tasks[0]
        classifier = networks.classifier(first.classifier)
        delta_set = first.ball([eps for task in tasks for eps in task.eps])
        x, objective = batch_of(tasks).to(classifier.device), Untargeted(labels_of(tasks))
        for step in random_noise(classifier, x, delta_set, objective, draws=first.draws, seed=seeds_of(tasks)):
            yield BatchStep(step.index, step.final, partial(frames_of, step, tasks, delta_set))
