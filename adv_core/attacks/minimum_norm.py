"""Shared parts of minimum-norm attacks, which look for the smallest δ that reaches the aim.

These attacks are generators of `Step`. Their last step is the smallest δ found that reaches the aim *as an 8-bit
picture*. Rounding can undo a δ that only just crosses the boundary; such a δ is lengthened, as little as possible,
until the rounded picture crosses it as well. Rows that never reach the aim keep their best attempt;
`objective.reached(step.logits)` tells which rows did.
"""

import math

import torch
from torch import Tensor

from adv_core.attacks.step import Logits, evaluate, input_gradient
from adv_core.objectives import LogitsRatio, Margin, Objective, Targeted, TargetedDifference, Untargeted
from adv_core.perturbation_sets import PerturbationSet


def margin_of(objective: Objective, kappa: float = math.inf) -> Margin:
    """Return the margin that is above zero exactly where the objective's aim is reached.

    Raises:
        ValueError: for an objective that has none.
    """
    if isinstance(objective, Margin):
        return objective
    if isinstance(objective, Untargeted):
        return Margin(objective.y, kappa=kappa)
    if isinstance(objective, Targeted | TargetedDifference):
        return Margin(target=objective.target, kappa=kappa)
    if isinstance(objective, LogitsRatio):
        target = objective.target
        return Margin(objective.y, kappa=kappa) if target is None else Margin(target=target, kappa=kappa)
    raise ValueError(
        "a minimum-norm attack has to know when its aim is reached: give it Untargeted, Targeted or Margin"
    )


def settle(
    classifier: Logits,
    x: Tensor,
    delta: Tensor,
    perturbation_set: PerturbationSet,
    objective: Objective,
    growth: float = 1.1,
    tries: int = 24,
) -> Tensor:
    """Round δ to 8 bits; where that loses the aim, take the first of ever longer δ that reaches it when rounded.

    Each δ is 10 % longer than the one before (or one pixel more) and uses the added length for a small step uphill. A
    row that never reaches the aim is rounded as it is, and so is a row whose δ did not reach it before rounding.
    """
    crossed = objective.reached(evaluate(classifier, x + delta, objective)[0])
    rounded = perturbation_set.quantize(delta, x)
    left = crossed.nonzero().flatten()
    for attempt in range(tries + 1):
        if not len(left):
            break
        part, picture, aim = perturbation_set.rows(left), x[left], objective.rows(left)
        if attempt:
            length = part.norm(delta[left])
            limit = torch.as_tensor(part.radius, dtype=length.dtype, device=length.device)
            ball = part.with_radius(torch.minimum(torch.maximum(length * growth, length + part.grain), limit))
            uphill = input_gradient(classifier, picture, aim, delta=delta[left]).gradient
            longer = ball.project(growth * delta[left] + ball.steepest(uphill, 0.1 * ball.reach), picture)
            delta = delta.index_copy(0, left, longer)
        candidate = part.quantize(delta[left], picture)
        reached = aim.reached(evaluate(classifier, picture + candidate, aim)[0])
        rounded = rounded.index_copy(0, left[reached], candidate[reached])
        left = left[~reached]
    return rounded
