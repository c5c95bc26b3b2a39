"""The attack on a speech recogniser."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from adv_core.attacks.ascent import Rule, _ascend
from adv_core.attacks.step import InputGradient, Logits, Step, where_rows
from adv_core.objectives import Objective
from adv_core.perturbation_sets import PerturbationSet, per_row


class QuietestAdam(Rule):
    """Adam inside an L∞ ball that shrinks to 0.8 of the change whenever the aim is reached (Carlini & Wagner 2018).

    What is kept is the smallest change that was *seen* to reach the aim.

    Args:
        delta_set: the ball to begin with, ε a whole number of ``grain``.
        reached: whether logits reach the aim, (N,).
        pace: twice the step of a usual sample, as a part of the present ε.
        grain: one level of the file; ε stays a whole number of them, so that rounding cannot leave the ball.
    """

    def __init__(
        self, delta_set: PerturbationSet, reached: Callable[[Tensor], Tensor], pace: float, grain: float
    ) -> None:
        self.delta_set, self.reached, self.pace, self.grain = delta_set, reached, pace, grain
        self.index = 0

    def next(self, delta: Tensor, here: InputGradient, x: Tensor) -> Tensor:
        if self.index == 0:
            self.radius = torch.as_tensor(self.delta_set.radius).to(x).expand(len(x)).clone()
            self.best, self.smallest = delta, torch.full_like(self.radius, torch.inf)
            self.mean, self.square = torch.zeros_like(delta), torch.zeros_like(delta)
        self.keep(delta, self.reached(here.logits))
        self.index += 1
        # Gradients of sound differ by orders of magnitude from clip to clip; Adam does not mind. It forgets faster than
        # usual (0.9 and 0.99): which letters are still wrong, and so, where it has to push, changes within a few steps.
        self.mean = 0.5 * self.mean + 0.5 * here.gradient
        self.square = 0.8 * self.square + 0.2 * here.gradient.square()
        mean, square = self.mean / (1 - 0.5**self.index), self.square / (1 - 0.8**self.index)
        # Halfway to a plain gradient: a sample that hardly matters moves less. Where all move alike, those that are
        # right already keep shaking what is nearly said.
        usual = per_row(square.flatten(1).mean(1), x)
        moved = delta + per_row(self.pace * self.radius, x) * mean / (square.sqrt() + usual.sqrt() + 1e-12)
        return self.delta_set.with_radius(self.radius).project(moved, x)

    def keep(self, delta: Tensor, won: Tensor) -> None:
        """Remember the rows that reach the aim, and leave them less room."""
        size = (self.delta_set.norm(delta) / self.grain).round()  # the file's levels
        better = won & (size * self.grain < self.smallest)
        self.best = where_rows(better, delta, self.best)
        self.smallest = torch.where(better, size * self.grain, self.smallest)
        less = torch.floor(0.8 * size).clamp_min(1) * self.grain
        self.radius = torch.where(won, torch.minimum(self.radius, less), self.radius)

    def last(self, delta: Tensor, loss: Callable[[Tensor], Tensor]) -> Tensor:
        return delta if self.index == 0 else where_rows(self.smallest.isfinite(), self.best, delta)


def quietest(
    classifier: Logits,
    x: Tensor,
    perturbation_set: PerturbationSet,
    objective: Objective,
    *,
    grain: float,
    steps: int = 400,
    pace: float = 0.2,
) -> Iterator[Step]:
    """The attack of Carlini & Wagner on speech (2018, arXiv:1801.01944): reach the aim, then with ever less room.

    Args:
        classifier: from x (N, ...) in [0, 1] to logits, looking at x + δ rounded to its grid.
        x: on the grid; perturbation_set: the first ball, ε a whole number of ``grain``.
        objective: any; each time it is reached, ε becomes 0.8 of the change.
        grain: one level of the grid.
        steps, pace: updates, and twice Adam's usual step as a part of the present ε.

    Yields:
        ``steps + 1`` steps; the last is the smallest change that reached the aim, rounded to the grid; where none did,
        the last one tried.
    """
    for step in _ascend(
        classifier,
        x,
        perturbation_set,
        objective,
        lambda: QuietestAdam(perturbation_set, objective.reached, pace, grain),
        steps=steps,
        quantize=False,
    ):
        if step.final:
            step.delta = (step.delta / grain).round() * grain
        yield step
