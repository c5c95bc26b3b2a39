"""The smallest ε at which PGD fools, found by bisection."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from adv_core.attacks.info import AttackInfo
from adv_core.attacks.minimum_norm import margin_of, settle
from adv_core.attacks.step import (
    Logits,
    Step,
    evaluate,
    input_gradient,
    known,
    prepared,
    where_rows,
)
from adv_core.objectives import Objective
from adv_core.perturbation_sets import PerturbationSet, per_row


def smallest_epsilon(
    classifier: Logits,
    x: Tensor,
    perturbation_set: PerturbationSet,
    objective: Objective,
    *,
    steps: int = 40,
    step_size: float = 1.0,
    gamma: float = 0.2,
    quantize: bool = True,
) -> Iterator[Step]:
    """The smallest ε that fools: the fast minimum-norm attack (Pintor et al., NeurIPS 2021, arXiv:2102.12827).

    ε changes with δ. Until a row first reaches the aim, ε is the distance to the boundary of the linearised classifier.
    After that, ε shrinks by the factor 1 - γ at each step that reaches the aim and grows by 1 + γ at each that does
    not, while γ and the step size decay. The search ends at a point on the boundary, close to x.

    It differs from the paper in three ways. A step is as long as δ at first, and 1 % of it in the end, where the paper
    takes lengths from 1 to 0.01. After the step, δ is stretched or projected to length ε, as in `ddn`. And the step is
    the steepest one of the norm, where the paper normalises the gradient in L2.

    Args:
        classifier, x: as for `fgsm`.
        perturbation_set: the norm that is to be small; its radius is the largest ε allowed (`Linf(math.inf)`: any).
        objective: `Untargeted(y)`, `Targeted(t)`, or a `Margin`.
        steps: forward and backward passes.
        step_size: the first step's length as a part of that of δ.
        gamma: the first γ.
        quantize: end with an 8-bit picture (where x is one).

    Yields:
        ``steps`` iterates, whose norm is the current ε and whose loss is the margin (above zero: fooled), and the final
        step; its ``perturbation_set.norm(step.delta)`` is the ε that was found.

    Raises:
        ValueError: x outside [0, 1], an objective without a margin.
    """
    classifier, x = prepared(classifier, x, snap=quantize)
    margin = margin_of(objective)
    rows = len(x)
    limit = torch.as_tensor(perturbation_set.radius, dtype=x.dtype, device=x.device).expand(rows)
    eps = torch.zeros(rows).to(x)
    best, best_length = torch.zeros_like(x), torch.full_like(eps, math.inf)
    attempt, attempt_margin = torch.zeros_like(x), torch.full_like(eps, -math.inf)
    delta = torch.zeros_like(x)
    for index in range(steps):
        here = input_gradient(classifier, x, margin, delta=delta)
        yield Step(index, x, delta, known(here.logits, here.loss), here.norm)
        anneal = (1 + math.cos(math.pi * index / max(steps, 1))) / 2
        length, reached = perturbation_set.norm(delta), margin.reached(here.logits)
        shorter = reached & (length < best_length)
        best, best_length = where_rows(shorter, delta, best), torch.where(shorter, length, best_length)
        if not bool(best_length.isfinite().all()):
            closer = here.loss > attempt_margin
            attempt, attempt_margin = where_rows(closer, delta, attempt), torch.where(closer, here.loss, attempt_margin)
        slope = perturbation_set.dual_norm(here.gradient).clamp_min(1e-12)
        linear = length + here.loss.clamp_max(0).abs() / slope
        grown = torch.maximum(eps * (1 + gamma * anneal), eps + perturbation_set.grain)
        shrunk = torch.minimum(eps * (1 - gamma * anneal), eps - perturbation_set.grain)
        # Aim never reached so far: take the linear estimate, and at least a larger ε than before, since the estimate is
        # too small; most of all for a count of pixels, where the slope of one pixel tells little about many.
        faster = eps * (1 + gamma * anneal * (2 if perturbation_set.grain else 1))
        grown = torch.where(best_length.isfinite(), grown, torch.maximum(linear, faster))
        eps = torch.where(reached, torch.minimum(shrunk, best_length - perturbation_set.grain), grown)
        eps = torch.minimum(eps.clamp_min(0), limit)
        pace = max(anneal, 0.05) if perturbation_set.grain else 0.01 + 0.99 * anneal
        direction = perturbation_set.free(here.gradient, delta, x)
        present = perturbation_set.with_radius(torch.where(length > 0, length, eps))
        moved = delta + present.steepest(direction, present.reach * step_size * pace)
        if not perturbation_set.grain:  # out to the edge of the ball if the step ends inside it
            moved = moved * per_row((eps / perturbation_set.norm(moved).clamp_min(1e-12)).clamp_min(1), moved)
        delta = perturbation_set.with_radius(eps).project(moved, x)
    delta = where_rows(best_length.isfinite(), best, attempt)
    if quantize:
        delta = settle(classifier, x, delta, perturbation_set, margin)
    yield Step(steps, x, delta, lambda: evaluate(classifier, x + delta, margin), final=True)


SMALLEST_EPSILON = AttackInfo(
    "smallest",
    "Smallest ε",
    "stronger",
    smallest_epsilon,
    "ε shrinks after each step that fools the network and grows after each that does not, until it is about the "
    "smallest ε that fools it.",
    r"\begin{gathered}\varepsilon \leftarrow \varepsilon\,(1 \mp \gamma)\\ \delta \leftarrow "
    r"\mathcal{P}_\varepsilon\big(\delta + \alpha\operatorname{step}(\nabla_\delta L)\big)\end{gathered}",
    "Pintor et al., NeurIPS 2021, arXiv:2102.12827",
    minimal=True,
)
