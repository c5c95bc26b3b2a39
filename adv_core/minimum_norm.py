"""The smallest δ that does it: attacks that look for the boundary instead of filling a ball.

They are generators of `Step`, as in `attacks`. Their last step is the smallest δ that was found to reach the aim *as an
8-bit picture*: a δ that only just crosses the boundary is lost when it is rounded, so it is then lengthened, as little
as possible, until the rounded picture has crossed it as well. Rows that never got there end with their best attempt;
`objective.reached(step.logits)` tells which.
"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from adv_core.attacks import (
    Classifier,
    Step,
    checked,
    evaluate,
    input_gradient,
    known,
    warn_of_probabilities,
    where_rows,
)
from adv_core.objectives import (
    Labels,
    LogitsRatio,
    Margin,
    Objective,
    Targeted,
    TargetedDifference,
    Untargeted,
    as_labels,
)
from adv_core.perturbation_sets import L2, PerturbationSet


def deepfool(
    classifier: Classifier,
    x: Tensor,
    perturbation_set: PerturbationSet,
    y: Labels,
    *,
    steps: int = 50,
    candidates: int = 10,
    overshoot: float = 0.02,
    quantize: bool = True,
) -> Iterator[Step]:
    """DeepFool (Moosavi-Dezfooli, Fawzi & Frossard, CVPR 2016, arXiv:1511.04599).

    Takes the classifier for linear, walks straight to its nearest boundary, and repeats until it has crossed it. For a
    linear classifier the first step is exact: |z_k - z_y| over the dual norm of the difference of the weights.

    Args:
        classifier, x: as for `fgsm`.
        perturbation_set: the geometry in which "nearest" is meant, and a limit to it: `L2(math.inf)` for none.
        y: the class to leave.
        steps: at most so many; rows that have crossed stand still, and the attack ends when all have.
        candidates: how many of the likeliest other classes are tried; each costs a backward pass a step.
        overshoot: how far to go beyond the boundary, as a part of δ.
        quantize: end with an 8-bit picture (where x is one).

    Yields:
        A step for each iterate, its loss being `Margin(y)`, and the final one.

    Raises:
        ValueError: x outside [0, 1], a label out of range, a classifier with a single class.
    """
    x = checked(x, snap=quantize)
    objective = Margin(y)
    logits, loss = evaluate(classifier, x, objective)
    warn_of_probabilities(logits)
    if logits.shape[1] < 2:
        raise ValueError("there is no boundary where there is a single class")
    label = as_labels(y, logits)
    rivals = logits.scatter(1, label[:, None], -math.inf).topk(min(candidates, logits.shape[1] - 1), dim=1).indices
    delta, total = torch.zeros_like(x), torch.zeros_like(x)
    for index in range(steps):
        yield Step(index, x, delta, known(logits, loss))
        active = (~objective.reached(logits)).nonzero().flatten()
        if not len(active):
            break
        part = perturbation_set.rows(active)
        move = _to_nearest_boundary(classifier, (x + delta)[active], label[active], rivals[active], part)
        total = total.index_add(0, active, move)
        delta = delta.index_copy(0, active, part.project((1 + overshoot) * total[active], x[active]))
        seen = evaluate(classifier, (x + delta)[active], Margin(label[active]))
        logits, loss = logits.index_copy(0, active, seen[0]), loss.index_copy(0, active, seen[1])
    else:
        index = steps
    if quantize:
        delta = _settle(classifier, x, delta, perturbation_set, objective)
    yield Step(index + 1, x, delta, lambda: evaluate(classifier, x + delta, objective), final=True)


def _to_nearest_boundary(
    classifier: Classifier, point: Tensor, y: Tensor, rivals: Tensor, perturbation_set: PerturbationSet
) -> Tensor:
    """The shortest step from each point to the nearest of the linearised boundaries with the rivals (N, R)."""
    with torch.inference_mode(False), torch.enable_grad():
        point = point.clone().requires_grad_()
        logits = classifier(point)
        gaps = logits.gather(1, rivals) - logits.gather(1, y[:, None])  # negative before the boundary
        shortest = torch.full_like(gaps[:, 0], math.inf)
        normal = torch.zeros_like(point)
        last = rivals.shape[1] - 1
        for k in range(rivals.shape[1]):
            (gradient,) = torch.autograd.grad(gaps[:, k].sum(), point, retain_graph=k < last)
            gradient = torch.nan_to_num(gradient)
            distance = gaps[:, k].detach().abs() / perturbation_set.dual_norm(gradient).clamp_min(1e-12)
            nearer = distance < shortest
            shortest = torch.where(nearer, distance, shortest)
            normal = torch.where(nearer.reshape(-1, *[1] * (point.ndim - 1)), gradient, normal)
    # a little more than the distance, or the steps would only ever approach a curved boundary
    return perturbation_set.steepest(normal, shortest * (1 + 1e-4) + 1e-6)


def carlini_wagner(
    classifier: Classifier,
    x: Tensor,
    objective: Objective,
    *,
    steps: int = 100,
    searches: int = 5,
    learning_rate: float = 0.01,
    first_c: float = 0.1,
    quantize: bool = True,
) -> Iterator[Step]:
    """The L2 attack of Carlini & Wagner (S&P 2017, arXiv:1608.04644): min ‖δ‖₂² - c·margin(x + δ).

    x + δ = (tanh w + 1) / 2 keeps to the box by itself; Adam finds w; c is searched row by row: smaller where the aim
    was reached, larger where not.

    Args:
        classifier, x: as for `fgsm`.
        objective: `Untargeted(y)` or `Targeted(t)` (taken as their margins with κ = 0), or a `Margin` with its own κ.
        steps: of Adam, for each c.
        searches: how many values of c.
        learning_rate: of Adam, in units of w.
        first_c: the first c.
        quantize: end with an 8-bit picture (where x is one).

    Yields:
        ``searches · steps`` iterates (loss: the margin) and the final step, the shortest δ that reached the aim.

    Raises:
        ValueError: x outside [0, 1], an objective without a margin.
    """
    x = checked(x, snap=quantize)
    margin = margin_of(objective, kappa=0.0)
    ball = L2(math.inf)
    rows = len(x)
    c = torch.full((rows,), first_c).to(x)
    low, high = torch.zeros_like(c), torch.full_like(c, math.inf)
    best, best_length = torch.zeros_like(x), torch.full_like(c, math.inf)
    attempt, attempt_margin = torch.zeros_like(x), torch.full_like(c, -math.inf)
    start = torch.atanh((2 * x - 1) * (1 - 1e-6))
    for search in range(searches):
        w, first_moment, second_moment = start.clone(), torch.zeros_like(x), torch.zeros_like(x)
        found = torch.zeros(rows, dtype=torch.bool, device=x.device)
        for index in range(steps):
            with torch.inference_mode(False), torch.enable_grad():
                point = w.clone().requires_grad_()
                delta = (torch.tanh(point) + 1) / 2 - x
                logits = classifier(x + delta)
                gain = margin(logits)
                cost = delta.flatten(1).square().sum(1) - c.clone() * gain  # a copy: c may be an inference tensor
                (gradient,) = torch.autograd.grad(cost.sum(), point)
            delta, logits, gain = delta.detach(), logits.detach(), gain.detach()
            if search == index == 0:
                warn_of_probabilities(logits)
                delta = torch.zeros_like(delta)  # the start is x itself; atanh gives it back only nearly
            yield Step(search * steps + index, x, delta, known(logits, gain))
            # With κ > 0 the aim is the confidence κ, not the class alone.
            reached = margin.reached(logits) & (gain >= margin.kappa - 1e-6)
            found |= reached
            length = ball.norm(delta)
            shorter = reached & (length < best_length)
            best, best_length = where_rows(shorter, delta, best), torch.where(shorter, length, best_length)
            closer = gain > attempt_margin
            attempt, attempt_margin = where_rows(closer, delta, attempt), torch.where(closer, gain, attempt_margin)
            # Adam (Kingma & Ba 2015), with its usual constants
            gradient, t = torch.nan_to_num(gradient), index + 1
            first_moment = 0.9 * first_moment + 0.1 * gradient
            second_moment = 0.999 * second_moment + 0.001 * gradient.square()
            w = w - learning_rate * (first_moment / (1 - 0.9**t)) / ((second_moment / (1 - 0.999**t)).sqrt() + 1e-8)
        low, high = torch.where(found, low, c), torch.where(found, c, high)
        c = torch.where(high.isinf(), c * 10, (low + torch.where(high.isinf(), c, high)) / 2)
    delta = where_rows(best_length.isfinite(), best, attempt)
    if quantize:
        delta = _settle(classifier, x, delta, ball, margin)
    yield Step(searches * steps, x, delta, lambda: evaluate(classifier, x + delta, margin), final=True)


def smallest_epsilon(
    classifier: Classifier,
    x: Tensor,
    perturbation_set: PerturbationSet,
    objective: Objective,
    *,
    steps: int = 40,
    step_size: float = 1.0,
    gamma: float = 0.2,
    quantize: bool = True,
) -> Iterator[Step]:
    """The least ε that fools: the fast minimum-norm attack (Pintor et al., NeurIPS 2021, arXiv:2102.12827).

    ε moves with δ. As long as the aim is not reached, ε is set to where a linear classifier would have its boundary;
    once it is, ε shrinks by the factor 1 - γ wherever it is reached and grows by 1 + γ where it is not, while γ and the
    step size die down. What remains is a point that sits on the boundary, close to x.

    Args:
        classifier, x: as for `fgsm`.
        perturbation_set: the norm that is to be small; its radius is the largest ε allowed (`Linf(math.inf)`: any).
        objective: `Untargeted(y)`, `Targeted(t)`, or a `Margin`.
        steps: forward and backward passes.
        step_size: the first step's length as a part of the current ε.
        gamma: the first γ.
        quantize: end with an 8-bit picture (where x is one).

    Yields:
        ``steps`` iterates, whose norm is the ε of that moment and whose loss is the margin (above zero: fooled), and
        the final step; ``perturbation_set.norm(step.delta)`` is the ε that was found.

    Raises:
        ValueError: x outside [0, 1], an objective without a margin.
    """
    x = checked(x, snap=quantize)
    margin = margin_of(objective)
    rows = len(x)
    limit = torch.as_tensor(perturbation_set.radius, dtype=x.dtype, device=x.device).expand(rows)
    eps = torch.zeros(rows).to(x)
    best, best_length = torch.zeros_like(x), torch.full_like(eps, math.inf)
    attempt, attempt_margin = torch.zeros_like(x), torch.full_like(eps, -math.inf)
    delta = torch.zeros_like(x)
    for index in range(steps):
        here = input_gradient(classifier, x, margin, delta=delta)
        if index == 0:
            warn_of_probabilities(here.logits)
        yield Step(index, x, delta, known(here.logits, here.loss), here.norm)
        anneal = (1 + math.cos(math.pi * index / max(steps, 1))) / 2
        length, reached = perturbation_set.norm(delta), margin.reached(here.logits)
        shorter = reached & (length < best_length)
        best, best_length = where_rows(shorter, delta, best), torch.where(shorter, length, best_length)
        closer = here.loss > attempt_margin
        attempt, attempt_margin = where_rows(closer, delta, attempt), torch.where(closer, here.loss, attempt_margin)
        slope = perturbation_set.dual_norm(here.gradient).clamp_min(1e-12)
        linear = length + here.loss.clamp_max(0).abs() / slope
        grown = torch.maximum(eps * (1 + gamma * anneal), eps + perturbation_set.grain)
        shrunk = torch.minimum(eps * (1 - gamma * anneal), eps - perturbation_set.grain)
        # Never reached so far: a linear guess, but more than before, since guesses fall short; most of all for a count
        # of pixels, where a single one says little about many.
        faster = eps * (1 + gamma * anneal * (2 if perturbation_set.grain else 1))
        grown = torch.where(best_length.isfinite(), grown, torch.maximum(linear, faster))
        eps = torch.where(reached, torch.minimum(shrunk, best_length - perturbation_set.grain), grown)
        eps = torch.minimum(eps.clamp_min(0), limit)
        ball = perturbation_set.with_radius(eps)
        delta = ball.project(delta + ball.steepest(here.gradient, ball.reach * step_size * max(anneal, 0.05)), x)
    delta = where_rows(best_length.isfinite(), best, attempt)
    if quantize:
        delta = _settle(classifier, x, delta, perturbation_set, margin)
    yield Step(steps, x, delta, lambda: evaluate(classifier, x + delta, margin), final=True)


def margin_of(objective: Objective, kappa: float = math.inf) -> Margin:
    """The margin that is above zero exactly where the objective's aim is reached.

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
    raise ValueError("a minimum-norm attack needs to know when it has arrived: give it Untargeted, Targeted or Margin")


def _settle(
    classifier: Classifier,
    x: Tensor,
    delta: Tensor,
    perturbation_set: PerturbationSet,
    objective: Objective,
    growth: float = 1.1,
    tries: int = 24,
) -> Tensor:
    """δ rounded to 8 bits, and where that spoils it, the first of ever longer δ that still reaches the aim rounded.

    Each is 10 % longer than the one before (or one pixel more) and takes a small step uphill with what it gained. Rows
    that never reach it, and those whose δ did not before rounding either, are rounded as they are.
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
