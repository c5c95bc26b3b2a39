"""Auto-PGD (Croce & Hein, ICML 2020, arXiv:2003.01690): PGD that chooses its own step size."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from adv_core.attacks.ascent import Rule, ascend, random_starts
from adv_core.attacks.info import AttackInfo
from adv_core.attacks.step import InputGradient, Logits, Seed, Step, where_rows
from adv_core.objectives import Climbable, Objective
from adv_core.perturbation_sets import PerturbationSet


class AdaptiveAscent(Rule):
    """The step size of Auto-PGD (Croce & Hein, ICML 2020): halved, row by row, when the loss stops rising.

    The checkpoints come closer and closer together. At a checkpoint, a row halves α and goes back to its best δ if its
    loss rose in fewer than ρ = 75 % of the steps, or if neither its best loss nor its step size changed. Every step
    adds a quarter of the previous move.
    """

    def __init__(self, delta_set: PerturbationSet, steps: int, rho: float = 0.75, momentum: float = 0.75) -> None:
        self.delta_set, self.rho, self.momentum = delta_set, rho, momentum
        self.checkpoints = self._checkpoints(steps)
        self.index = 0
        self._project: Callable[[Tensor], Tensor] | None = None

    @staticmethod
    def _checkpoints(steps: int) -> list[int]:
        """The authors' checkpoints: after 22 % of the steps, then at shrinking distances, down to 6 %."""
        places, apart = [0], max(int(0.22 * steps), 1)
        while places[-1] < steps:
            places.append(places[-1] + apart)
            apart = max(apart - max(int(0.03 * steps), 1), int(0.06 * steps), 1)
        return places

    def next(self, delta: Tensor, here: InputGradient, x: Tensor) -> Tensor:
        gradient = here.gradient
        if self.index == 0:
            self.step_size = (
                2 * torch.as_tensor(self.delta_set.reach, dtype=x.dtype, device=x.device).expand(len(x)).clone()
            )
            self.before, self.loss_before = delta, here.loss
            self.best, self.best_loss, self.best_gradient = delta, here.loss, gradient
            self.rises = torch.zeros_like(here.loss)
            self.halved = torch.zeros_like(here.loss, dtype=torch.bool)
            self.best_at_checkpoint = here.loss
        self.rises = self.rises + (here.loss > self.loss_before)
        better = here.loss > self.best_loss
        self.best = where_rows(better, delta, self.best)
        self.best_gradient = where_rows(better, gradient, self.best_gradient)
        self.best_loss = torch.maximum(here.loss, self.best_loss)
        self.loss_before = here.loss
        if self.index and self.index in self.checkpoints:
            since = self.index - self.checkpoints[self.checkpoints.index(self.index) - 1]
            stuck = (self.rises < self.rho * since) | (~self.halved & (self.best_loss <= self.best_at_checkpoint))
            self.step_size = torch.where(stuck, self.step_size / 2, self.step_size)
            delta, gradient = where_rows(stuck, self.best, delta), where_rows(stuck, self.best_gradient, gradient)
            self.halved, self.best_at_checkpoint = stuck, self.best_loss
            self.rises = torch.zeros_like(self.rises)
        project = self._project = self._project or self.delta_set.projection(x)
        ahead = project(self.delta_set.steepest(gradient, self.step_size).add_(delta))
        if self.index:
            moved = ahead.sub_(delta).mul_(self.momentum).add_(delta)
            ahead = project(moved.add_((delta - self.before).mul_(1 - self.momentum)))
        self.before = delta
        self.index += 1
        return ahead

    def narrow(self, rows: Tensor) -> None:
        super().narrow(rows)
        self._project = None  # it holds the x of the rows before

    def last(self, delta: Tensor, loss: Callable[[Tensor], Tensor]) -> Tensor:
        if self.index == 0:
            return delta
        return where_rows(loss(delta) > self.best_loss, delta, self.best)


def apgd(
    classifier: Logits,
    x: Tensor,
    perturbation_set: PerturbationSet,
    objective: Climbable,
    *,
    steps: int = 40,
    random_start: bool = False,
    restarts: int = 1,
    seed: Seed = 0,
    quantize: bool = True,
    until: Objective | None = None,
) -> Iterator[Step]:
    """Auto-PGD (Croce & Hein, ICML 2020, arXiv:2003.01690): PGD that finds its step size, and returns its best δ.

    It costs ``steps`` forward and backward passes per restart, and one forward pass at the end of each.

    Args:
        classifier, x, perturbation_set, objective, quantize: as for `fgsm`. The paper climbs `LogitsRatio` as well.
        steps, random_start, restarts, seed: as for `pgd`. There is no step size to choose.
        until: an aim at which a row ends: it keeps the first δ that reaches it, and costs no more. For verdicts, which
            ask only whether some δ fools. None: every row makes all steps.

    Yields:
        ``restarts · steps + 1`` steps; the last is the best point of all, rounded.
    """
    if restarts < 1:
        raise ValueError(f"an attack has to run at least once, not {restarts} times")
    drawn = random_starts(perturbation_set, seed)
    yield from ascend(
        classifier,
        x,
        perturbation_set,
        objective,
        lambda: AdaptiveAscent(perturbation_set, steps),
        steps=steps,
        starts=[drawn if random_start or restart else None for restart in range(restarts)],
        quantize=quantize,
        until=until,
    )


APGD = AttackInfo(
    "apgd",
    "Auto-PGD",
    "stronger",
    apgd,
    "PGD that halves its step size when the loss stops rising, and returns the best point that it visited.",
    r"\begin{gathered}z = \mathcal{P}\big(\delta + \alpha\operatorname{step}(\nabla_\delta L)\big)\\ \delta "
    r"\leftarrow \mathcal{P}\big(\delta + \tfrac34 (z - \delta) + \tfrac14 (\delta - \delta_{\text{old}})\big)"
    r"\end{gathered}",
    "Croce & Hein, ICML 2020, arXiv:2003.01690",
    options=("steps", "random_start", "restarts", "seed"),
)
