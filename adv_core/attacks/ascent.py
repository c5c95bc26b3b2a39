"""The one loop of the solvers that climb a gradient:  δ* = argmax over Δ of L(y, f(x + δ)).

A solver is a generator of `Step`. Iterate over it to watch each step, or call `run` for the last one. To stop it, stop
iterating.

An attack consists of a rule that finds the next δ (a `Rule`: `SteepestAscent` here, momentum in `mi_fgsm`, an adaptive
step size in `apgd`) and of the point where it starts. Attacks that look for the smallest δ are in `deepfool`, `fab`,
`carlini_wagner`, `ddn` and `smallest_epsilon`; black-box attacks are in `square`, `hop_skip_jump`, `boundary`,
`spatial` and `evolution`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from adv_core.attacks.step import (
    InputGradient,
    Logits,
    Seed,
    Step,
    evaluate,
    input_gradient,
    known,
    prepared,
    where_rows,
)
from adv_core.objectives import Climbable, Custom, Objective
from adv_core.perturbation_sets import PerturbationSet, per_row

StepRule = Literal["steepest", "gradient"]
ProjectionRule = Literal["each", "last"]
Sample = Callable[[PerturbationSet, Tensor, torch.Generator], Tensor]


def default_step_size(reach: float | Tensor, steps: int) -> float | Tensor:
    """α = 5·ε/steps, at most ε.

    This is twice the 2.5·ε/steps of Madry et al. (2018), for two reasons: steps of a quarter of a level are lost when
    the result is rounded to 8 bits, and the L2 iterates then reach the sphere. One step takes α = ε, which is
    FGSM.

    Args:
        reach: ε, or the `reach` of the set.
    """
    return min(5 / max(steps, 1), 1.0) * reach


# --------------------------------------------------------------------------------- the rules: how to find the next δ


class Rule(ABC):
    """The rule by which an attack finds the next δ. One instance serves one run, and may keep state.

    Attributes:
        inside: whether its present δ lie in the set. A rule may begin outside of it, and has to end inside.
    """

    inside: bool = True
    _projection: Callable[[Tensor], Tensor] | None = None  # onto the set around the present x

    @abstractmethod
    def next(self, delta: Tensor, here: InputGradient, x: Tensor) -> Tensor:
        """The next δ, feasible; ``here`` holds the logits, the loss and the gradient at x + δ."""

    def last(self, delta: Tensor, loss: Callable[[Tensor], Tensor]) -> Tensor:
        """The δ to end with, given the next one, ``delta``; ``loss`` evaluates a δ, (N,)."""
        return delta

    def narrow(self, rows: Tensor) -> None:
        """Go on with those rows of the batch alone; ``rows`` are their numbers."""
        for name, value in vars(self).items():
            if isinstance(value, PerturbationSet):
                setattr(self, name, value.rows(rows))
            elif isinstance(value, Tensor) and value.ndim:
                setattr(self, name, value[rows])
        self._projection = None  # it holds the x of the rows before

    def _projection_at(self, delta_set: PerturbationSet, x: Tensor) -> Callable[[Tensor], Tensor]:
        """Return the projection onto the set around x, made once for all steps. It may overwrite the δ that it gets."""
        self._projection = self._projection or delta_set.projection(x)
        return self._projection


@dataclass
class SteepestAscent(Rule):
    """δ ← P(δ + α·step(g)): step(g) is the set's steepest step, or g itself; P acts each time, or only at the end."""

    delta_set: PerturbationSet
    step_size: float | Tensor
    step: StepRule = "steepest"
    projected: ProjectionRule = "each"

    def next(self, delta: Tensor, here: InputGradient, x: Tensor) -> Tensor:
        project = self._projection_at(self.delta_set, x)
        if self.step == "steepest":
            moved = self.delta_set.ascend(delta, self.delta_set.free(here.gradient, delta, x), self.step_size)
        elif self.step == "gradient":
            moved = per_row(self.step_size, x) * here.gradient + delta
        else:
            raise ValueError(f"step is 'steepest' or 'gradient', not {self.step!r}")
        return project(moved) if self.projected == "each" else moved

    def last(self, delta: Tensor, loss: Callable[[Tensor], Tensor]) -> Tensor:
        return delta if self.projected == "each" or self._projection is None else self._projection(delta)


# ---------------------------------------------------------------------------------------------------------- the loop


def ascend(
    classifier: Logits,
    x: Tensor,
    perturbation_set: PerturbationSet,
    objective: Climbable,
    make_rule: Callable[[], Rule],
    *,
    steps: int,
    starts: Sequence[Callable[[Tensor], Tensor] | None] = (None,),
    first: InputGradient | None = None,
    quantize: bool,
    until: Objective | None = None,
) -> Iterator[Step]:
    """Run the loop from every start in turn. No grad mode is held across a yield: it would leak into the caller.

    Args:
        make_rule: a fresh rule for every start.
        starts: each gives the first δ for x; None is δ = 0.
        first: the input gradient at the very first point, if it is known already.
        until: see `ascend_until`, which runs instead if it is given.
    """
    if until is not None:
        yield from ascend_until(
            classifier, x, perturbation_set, objective, make_rule, until, steps=steps, starts=starts, quantize=quantize
        )
        return
    if steps < 0:
        raise ValueError(f"the number of steps cannot be negative, and is {steps}")
    classifier, x = prepared(classifier, x, snap=quantize)
    if first is not None and first.gradient.shape != x.shape:
        raise ValueError("the given gradient has another shape than the images")
    if first is not None:  # a rule may overwrite the gradient that it gets
        first = InputGradient(first.logits, first.loss, first.gradient.clone())
    best: Tensor | None = None
    best_seen: tuple[Tensor, Tensor] | None = None
    for restart, start in enumerate(starts):
        delta = torch.zeros_like(x) if start is None else start(x)
        rule = make_rule()
        for index in range(steps):
            here, first = first or input_gradient(classifier, x, objective, delta=delta), None
            yield Step(restart * steps + index, x, delta, known(here.logits, here.loss), here.norm)
            delta = rule.next(delta, here, x)
        delta = rule.last(delta, lambda delta: evaluate(classifier, x + delta, objective)[1])
        if quantize:
            delta = perturbation_set.quantize(delta, x)
        if len(starts) == 1:
            best = delta
            break
        seen = evaluate(classifier, x + delta, objective)
        if best is None or best_seen is None:
            best, best_seen = delta, seen
        else:
            better = _better(objective, seen, best_seen)
            best = where_rows(better, delta, best)
            best_seen = (where_rows(better, seen[0], best_seen[0]), where_rows(better, seen[1], best_seen[1]))
    assert best is not None
    final = best
    look = known(*best_seen) if best_seen else lambda: evaluate(classifier, x + final, objective)
    yield Step(len(starts) * steps, x, final, look, final=True)


def ascend_until(
    classifier: Logits,
    x: Tensor,
    perturbation_set: PerturbationSet,
    objective: Climbable,
    make_rule: Callable[[], Rule],
    until: Objective,
    *,
    steps: int,
    starts: Sequence[Callable[[Tensor], Tensor] | None],
    quantize: bool,
) -> Iterator[Step]:
    """Run the loop for the rows that have not reached the aim ``until``. A row that has reached it costs no more.

    It keeps the δ that reached the aim first. The other rows keep the last δ of the last start. For verdicts: whether
    some δ fools is asked, and not how high the loss becomes.

    Raises:
        ValueError: an objective without rows; a negative number of steps.
    """
    if not isinstance(objective, Objective):
        raise ValueError(
            "rows can leave the batch only if the objective knows its rows: give an Objective, not a function"
        )
    if steps < 0:
        raise ValueError(f"the number of steps cannot be negative, and is {steps}")
    classifier, x = prepared(classifier, x, snap=quantize)
    found, active = torch.zeros_like(x), torch.arange(len(x), device=x.device)
    logits, loss = evaluate(classifier, x, objective)
    for restart, start in enumerate(starts):
        rule, picture, aim, climbed = make_rule(), x[active], until.rows(active), objective.rows(active)
        delta = torch.zeros_like(x) if start is None else start(x)
        delta = delta[active]
        rule.narrow(active)
        for index in range(steps):
            if not len(active):
                break
            here = input_gradient(classifier, picture, climbed, delta=delta)
            found = found.index_copy(0, active, delta)
            logits, loss = logits.index_copy(0, active, here.logits), loss.index_copy(0, active, here.loss)
            yield Step(restart * steps + index, x, found, known(logits, loss))
            waiting = ~(aim.reached(here.logits) & rule.inside)
            if not bool(waiting.all()):
                rows = waiting.nonzero().flatten()
                active, picture, delta = active[rows], picture[rows], delta[rows]
                aim, climbed = aim.rows(rows), climbed.rows(rows)
                here = InputGradient(here.logits[rows], here.loss[rows], here.gradient[rows])
                rule.narrow(rows)
            if len(active):
                delta = rule.next(delta, here, picture)
        if len(active):
            delta = rule.last(delta, lambda d, p=picture, c=climbed: evaluate(classifier, p + d, c)[1])  # type: ignore[misc]
            found = found.index_copy(0, active, delta)
            waiting = ~aim.reached(evaluate(classifier, picture + delta, climbed)[0])
            active = active[waiting]
    if quantize:
        found = perturbation_set.quantize(found, x)
    yield Step(len(starts) * steps, x, found, lambda: evaluate(classifier, x + found, objective), final=True)


def _better(objective: Climbable, new: tuple[Tensor, Tensor], old: tuple[Tensor, Tensor]) -> Tensor:
    """Tell which rows of ``new`` beat ``old``, boolean (N,). A reached aim beats any loss."""
    higher = new[1] > old[1]
    if not isinstance(objective, Objective) or (isinstance(objective, Custom) and objective.aim is None):
        return higher
    now, before = objective.reached(new[0]), objective.reached(old[0])
    return (now & ~before) | ((now == before) & higher)


def random_starts(
    perturbation_set: PerturbationSet,
    seed: Seed,
    sample: Sample = lambda within, x, generator: within.random(x, generator),
) -> Callable[[Tensor], Tensor]:
    """Return a function that draws a point of the set, a new one at each call; ``sample`` draws it."""
    if isinstance(seed, int):
        generator = torch.Generator().manual_seed(seed)
        return lambda x: sample(perturbation_set, x, generator)
    generators = [torch.Generator().manual_seed(each) for each in seed]

    def draw(x: Tensor) -> Tensor:
        _one_seed_a_row(generators, x)
        rows = [torch.tensor([row]) for row in range(len(x))]
        drawn = [sample(perturbation_set.rows(i), x[i], g) for i, g in zip(rows, generators, strict=True)]
        return torch.cat(drawn) if drawn else torch.zeros_like(x)

    return draw


def normal_noise(x: Tensor, seed: Seed) -> Tensor:
    """Normal noise like x, drawn for the whole batch from one seed, or row by row from one seed per row."""
    if isinstance(seed, int):
        return torch.randn(x.shape, generator=torch.Generator().manual_seed(seed)).to(x)
    _one_seed_a_row(seed, x)
    rows = [torch.randn(x[:1].shape, generator=torch.Generator().manual_seed(each)) for each in seed]
    return torch.cat(rows).to(x) if rows else torch.zeros_like(x)


def _one_seed_a_row(seeds: Sequence[object], x: Tensor) -> None:
    if len(seeds) != len(x):
        raise ValueError(f"{len(seeds)} seeds for {len(x)} images: give one for all, or one per row")
