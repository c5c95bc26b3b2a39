"""Auto-PGD (Croce & Hein, ICML 2020, arXiv:2003.01690): PGD that chooses its own step size."""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from adv_core.attacks.ascent import Rule, ascend, random_starts
from adv_core.attacks.info import AttackInfo
from adv_core.attacks.step import InputGradient, Logits, Seed, Step, where_rows
from adv_core.objectives import Climbable, Objective
from adv_core.perturbation_sets import L1, Masked, PerturbationSet


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
        self._remember(delta, here)
        self.loss_before = here.loss
        if self.index and self.index in self.checkpoints:
            since = self.index - self.checkpoints[self.checkpoints.index(self.index) - 1]
            stuck = (self.rises < self.rho * since) | (~self.halved & (self.best_loss <= self.best_at_checkpoint))
            self.step_size = torch.where(stuck, self.step_size / 2, self.step_size)
            delta, gradient = where_rows(stuck, self.best, delta), where_rows(stuck, self.best_gradient, gradient)
            self.halved, self.best_at_checkpoint = stuck, self.best_loss
            self.rises = torch.zeros_like(self.rises)
        project = self._projection_at(self.delta_set, x)
        ahead = project(self.delta_set.steepest(gradient, self.step_size).add_(delta))
        if self.index:
            moved = ahead.sub_(delta).mul_(self.momentum).add_(delta)
            ahead = project(moved.add_((delta - self.before).mul_(1 - self.momentum)))
        self.before = delta
        self.index += 1
        return ahead

    def last(self, delta: Tensor, loss: Callable[[Tensor], Tensor]) -> Tensor:
        if self.index == 0:
            return delta
        return where_rows(loss(delta) > self.best_loss, delta, self.best)

    def _remember(self, delta: Tensor, here: InputGradient) -> None:
        better = here.loss > self.best_loss
        self.best = where_rows(better, delta, self.best)
        self.best_gradient = where_rows(better, here.gradient, self.best_gradient)
        self.best_loss = torch.maximum(here.loss, self.best_loss)


class SparseAdaptiveAscent(AdaptiveAscent):
    """The steps of Auto-PGD in L1 (Croce & Hein, ICML 2021, arXiv:2103.01208): sparse, of adaptive sparsity.

    A step moves the values with the largest gradients: two thirds as many as δ changes, or a fifth of all where δ = 0.
    The checkpoints are 4 % of the steps apart. At a checkpoint, a row counts the values that its best δ changes, and
    moves two thirds as many from now on. If they have become fewer by 5 %, it takes α = ε and goes back to its best δ;
    otherwise it divides α by 1.5, down to ε / 10. There is no momentum, which would fill δ with small values.

    Args:
        delta_set: `L1`, or a mask of it.
        larger: multiples of ε in whose balls the climb begins; the best δ in one is projected onto the next. They share
            60 % of the steps evenly.
    """

    def __init__(self, delta_set: PerturbationSet, steps: int, larger: Sequence[float] = ()) -> None:
        self.delta_set, self.index = delta_set, 0
        self.factors = (*larger, 1.0)
        each = int(0.6 * steps / len(larger)) if larger else 0
        self.begins = [each * number for number in range(len(self.factors))]
        self.apart = [max(int(0.04 * length), 1) for length in (*[each] * len(larger), steps - self.begins[-1])]
        self._enter()

    def next(self, delta: Tensor, here: InputGradient, x: Tensor) -> Tensor:
        gradient, ball = here.gradient, self.ball()
        since = self.index - self.begins[self.stage]
        if since == 0:
            self.largest = torch.as_tensor(ball.reach, dtype=x.dtype, device=x.device).expand(len(x))
            self.step_size = self.largest
            self.best, self.best_loss, self.best_gradient = delta, here.loss, gradient
            changed = _changed(delta)
            self.share = torch.where(changed > 0, changed / 1.5, 0.2)
            self.changed = torch.where(changed > 0, changed, 1.0)
        self._remember(delta, here)
        if since and since % self.apart[self.stage] == 0:
            now = _changed(self.best)
            sparser = now < 0.95 * self.changed
            self.step_size = torch.where(sparser, self.largest, (self.step_size / 1.5).clamp_min(self.largest / 10))
            delta, gradient = where_rows(sparser, self.best, delta), where_rows(sparser, self.best_gradient, gradient)
            self.changed, self.share = now, now / 1.5
        self.index += 1
        if self.index in self.begins:
            self._enter()
            return self.ball().project(self.best, x)
        step = ball.with_spread(self.share).steepest(ball.free(gradient, delta, x), self.step_size)
        return ball.project(delta + step, x)

    def _enter(self) -> None:
        """Enter the ball of the next step; where there are few steps, the larger ones get none."""
        self.stage = sum(self.index >= begin for begin in self.begins) - 1
        self.inside = self.stage == len(self.factors) - 1

    def ball(self) -> PerturbationSet:
        """The ball of the present step."""
        return self.delta_set.with_radius(self.factors[self.stage] * torch.as_tensor(self.delta_set.radius))


def _noise(ball: PerturbationSet, x: Tensor, generator: torch.Generator) -> Tensor:
    """Normal noise, projected onto an L1 ball: a lot of a few values, as in the paper."""
    return ball.project(torch.randn(x.shape, generator=generator).to(x), x)


def _start(ball: PerturbationSet, x: Tensor, generator: torch.Generator) -> Tensor:
    """A random point of an L1 ball for a restart: a uniform one, which has a little of every value, or `_noise`.

    On some networks one of them leads nowhere: the uniform one on the digit network *standard*.
    """
    if torch.rand((), generator=generator) < 0.5:
        return ball.random(x, generator)
    return _noise(ball, x, generator)


def _changed(delta: Tensor) -> Tensor:
    """The part of the values that are not zero, (N,)."""
    return (delta != 0).flatten(1).to(delta).mean(1)


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
    larger: Sequence[float] = (),
) -> Iterator[Step]:
    """Auto-PGD (Croce & Hein, ICML 2020, arXiv:2003.01690): PGD that finds its step size, and returns its best δ.

    In L1 its steps are sparse (Croce & Hein, ICML 2021, arXiv:2103.01208); see `SparseAdaptiveAscent`. It costs
    ``steps`` forward and backward passes per restart, and one forward pass at the end of each.

    Args:
        classifier, x, perturbation_set, objective, quantize: as for `fgsm`. The paper climbs `LogitsRatio` as well.
        steps, random_start, restarts, seed: as for `pgd`. There is no step size to choose.
        until: an aim at which a row ends: it keeps the first δ that reaches it, and costs no more. For verdicts, which
            ask only whether some δ fools. None: every row makes all steps.
        larger: in L1, multiples of ε in whose balls each climb begins, with 60 % of the steps; the authors take (3, 2)
            for a verdict. The δ of those steps are outside the set.

    Yields:
        ``restarts · steps + 1`` steps; the last is the best point of all, rounded.

    Raises:
        ValueError: no run at all, or ``larger`` in another norm.
    """
    if restarts < 1:
        raise ValueError(f"an attack has to run at least once, not {restarts} times")
    sparse = isinstance(perturbation_set.inner if isinstance(perturbation_set, Masked) else perturbation_set, L1)
    if larger and not sparse:
        raise ValueError("only a climb in L1 begins in larger balls: leave out `larger`")

    def rule() -> Rule:
        if sparse:
            return SparseAdaptiveAscent(perturbation_set, steps, larger)
        return AdaptiveAscent(perturbation_set, steps)

    # the ball of the first step, which is not a larger one where there are too few steps for them
    widest = SparseAdaptiveAscent(perturbation_set, steps, larger).ball() if larger else perturbation_set
    drawn = random_starts(widest, seed, _start) if sparse else random_starts(widest, seed)
    first = (random_starts(widest, seed, _noise) if sparse else drawn) if random_start else None
    yield from ascend(
        classifier,
        x,
        perturbation_set,
        objective,
        rule,
        steps=steps,
        starts=[first, *[drawn] * (restarts - 1)],
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
