"""The fast adaptive boundary attack, FAB (Croce & Hein, ICML 2020, arXiv:1907.02044)."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from adv_core.attacks.info import AttackInfo
from adv_core.attacks.minimum_norm import settle
from adv_core.attacks.step import Logits, Step, differentiating, evaluate, known, prepared, where_rows
from adv_core.objectives import Labels, Margin, as_labels
from adv_core.perturbation_sets import L1, L2, Linf, PerturbationSet, per_row


def fab(
    classifier: Logits,
    x: Tensor,
    perturbation_set: PerturbationSet,
    y: Labels,
    *,
    steps: int = 100,
    target: Labels | None = None,
    candidates: int = 10,
    overshoot: float = 1.05,
    backward: float = 0.9,
    most_bias: float = 0.1,
    enough: float | Tensor = 0.0,
    quantize: bool = True,
) -> Iterator[Step]:
    """FAB (Croce & Hein, ICML 2020, arXiv:1907.02044): stay at the decision boundary, and come closer to x.

    Each step linearises the classifier and projects both the present point and x itself onto the approximated boundary,
    inside the box. It goes to a mean of the two, a little beyond. A point that fools is drawn back towards x.

    Args:
        classifier, x: as for `fgsm`.
        perturbation_set: `Linf`, `L2` or `L1`, the norm that is made small, and a limit to it: ``L2(math.inf)`` for
            none.
        y: the class to leave.
        steps: gradients, each with one more forward pass.
        target: approach the boundary between y and this class alone, (N,); each step then costs one backward pass (the
            targeted version of AutoAttack). The aim is still any class but y.
        candidates: without a target, the number of likeliest other classes that are tried; each costs a backward pass
            per step.
        overshoot: η, the factor on the way to the boundary.
        backward: β, the part of δ that a point that fools keeps.
        most_bias: the largest weight of the way that begins at x.
        enough: a row ends when it has a δ of this norm, or a shorter one; a number, or one per row.
        quantize: end with an 8-bit picture (where x is one).

    Yields:
        A step for each iterate, its loss being `Margin(y)`, and the final one, the shortest δ that fools.

    Raises:
        ValueError: x outside [0, 1], another set than L∞, L2 or L1, a label out of range, a target that is y itself.
    """
    if type(perturbation_set) not in (Linf, L2, L1):
        raise ValueError("FAB supports the L∞, the L2 and the L1 norm: give Linf, L2 or L1")
    classifier, x = prepared(classifier, x, snap=quantize)
    objective = Margin(y)
    logits, loss = evaluate(classifier, x, objective)
    label = as_labels(y, logits)
    if target is None:
        count = min(candidates, logits.shape[1] - 1)
        rivals = logits.scatter(1, label[:, None], -math.inf).topk(count, dim=1).indices
    else:
        rivals = as_labels(target, logits)[:, None]
        if bool((rivals[:, 0] == label).any()):
            raise ValueError("the target is the present class: choose another target")
    short_enough = torch.as_tensor(enough, device=x.device).to(x.dtype).expand(len(x))
    arrived = objective.reached(logits)
    best, best_length = torch.zeros_like(x), torch.where(arrived, 0.0, math.inf).to(x)
    attempt, attempt_loss = torch.zeros_like(x), loss
    delta, active = torch.zeros_like(x), (~arrived).nonzero().flatten()
    for index in range(steps):
        yield Step(index, x, delta, known(logits, loss))
        if not len(active):
            break
        origin, part, aim = x[active], perturbation_set.rows(active), objective.rows(active)
        here = origin + delta[active]
        gap, normal = _nearest_boundary(classifier, here, label[active], rivals[active], part)
        both = _onto_hyperplane(
            torch.cat([here, origin]),
            torch.cat([normal, normal]),
            torch.cat([gap, gap + (normal * (origin - here)).flatten(1).sum(1)]),
            part,
        )
        near, far = both.chunk(2)
        lengths = part.norm(near), part.norm(far)
        bias = per_row((lengths[0] / (lengths[0] + lengths[1]).clamp_min(1e-8)).clamp(0, most_bias), here)
        point = torch.lerp(here.add(near, alpha=overshoot), origin.add(far, alpha=overshoot), bias)
        moved = part.project(point.sub_(origin), origin)
        seen = evaluate(classifier, origin + moved, aim)
        logits, loss = logits.index_copy(0, active, seen[0]), loss.index_copy(0, active, seen[1])
        reached, length = aim.reached(seen[0]), part.norm(moved)
        shorter = reached & (length < best_length[active])
        best = best.index_copy(0, active, where_rows(shorter, moved, best[active]))
        best_length = best_length.index_copy(0, active, torch.where(shorter, length, best_length[active]))
        closer = seen[1] > attempt_loss[active]
        attempt = attempt.index_copy(0, active, where_rows(closer, moved, attempt[active]))
        attempt_loss = attempt_loss.index_copy(0, active, torch.maximum(seen[1], attempt_loss[active]))
        # The loss that the next step shows belongs to the point before it is drawn back.
        delta = delta.index_copy(0, active, where_rows(reached, backward * moved, moved))
        active = active[best_length[active] > short_enough[active]]
    else:
        index = steps
    delta = where_rows(best_length.isfinite(), best, attempt)
    if quantize:
        delta = settle(classifier, x, delta, perturbation_set, objective)
    yield Step(index + 1, x, delta, lambda: evaluate(classifier, x + delta, objective), final=True)


def _nearest_boundary(
    classifier: Logits, point: Tensor, y: Tensor, rivals: Tensor, perturbation_set: PerturbationSet
) -> tuple[Tensor, Tensor]:
    """Return z_k - z_y, (N,), and its gradient, for the rival k whose linearised boundary is nearest to each point."""
    with differentiating(classifier):
        point = point.clone().requires_grad_()
        logits = classifier(point)
        gaps = logits.gather(1, rivals) - logits.gather(1, y[:, None])
        normal, gap = torch.zeros_like(point), gaps[:, 0].detach()
        shortest = torch.full_like(gap, math.inf)
        last = rivals.shape[1] - 1
        for k in range(rivals.shape[1]):
            gradient = _gradient(gaps[:, k], point, keep=k < last)
            if not last:
                return gap, gradient
            here = gaps[:, k].detach()
            distance = here.abs() / perturbation_set.dual_norm(gradient).clamp_min(1e-12)
            nearer = distance < shortest
            shortest = torch.where(nearer, distance, shortest)
            normal, gap = where_rows(nearer, gradient, normal), torch.where(nearer, here, gap)
    return gap, normal


def _gradient(values: Tensor, point: Tensor, *, keep: bool) -> Tensor:
    """Return ∂values/∂point, zero where it is NaN or where the values do not depend on the point."""
    if not values.requires_grad:
        return torch.zeros_like(point)
    (gradient,) = torch.autograd.grad(values.sum(), point, retain_graph=keep, allow_unused=True)
    return torch.zeros_like(point) if gradient is None else torch.nan_to_num(gradient)


def _onto_hyperplane(point: Tensor, normal: Tensor, gap: Tensor, perturbation_set: PerturbationSet) -> Tensor:
    """Return the shortest way from each point to the hyperplane, inside the box: argmin ‖d‖ with gap + ⟨w, d⟩ = 0.

    Every value moves towards the hyperplane, by |dᵢ| = min(λ·sᵢ, rᵢ): rᵢ is its room in the box, and sᵢ is 1 in L∞ and
    |wᵢ| in L2 (the KKT conditions). ⟨|w|, |d|⟩ is concave and piecewise linear in λ, the ``time``, so Newton's steps
    from λ = 0 rise to the solution and end there. In L1 the values with the largest |wᵢ| use up their room, one after
    the other. Where the box does not reach the hyperplane, every value goes to its end.

    Args:
        point, normal: (N, ...); gap: (N,).
    """
    w, start = normal.flatten(1), point.flatten(1)
    direction = w * -gap.sign()[:, None]
    size, needed = w.abs(), gap.abs()
    # Comparisons as numbers, 0 or 1: a choice value by value takes the processor ten times as long as arithmetic.
    forwards = torch.gt(direction, 0, out=torch.empty_like(start))
    room = torch.lerp(start, 1 - start, forwards)
    if isinstance(perturbation_set, L1):
        room = room.masked_fill_(size == 0, 0)
        order = size.argsort(dim=1, descending=True)
        gains, sorted_room = (size * room).gather(1, order), room.gather(1, order)
        missing = needed[:, None] - (gains.cumsum(1) - gains)
        used = torch.minimum(sorted_room, missing.clamp_min(0) / size.gather(1, order).clamp_min(1e-12))
        length = torch.zeros_like(used).scatter_(1, order, used)
    else:
        is_linf = isinstance(perturbation_set, Linf)
        rate, end = (size, room) if is_linf else (size.square(), room / size.clamp_min(1e-30))
        time, elapsed, buffer = torch.zeros_like(needed), torch.zeros_like(size), torch.empty_like(size)
        for _ in range(40):
            slope = torch.gt(end, time[:, None], out=buffer).mul_(rate).sum(1)
            missing = needed - torch.mul(rate, elapsed, out=buffer).sum(1)
            short = (missing > 1e-6 * needed) & (slope > 0)
            if elapsed.is_cpu and not bool(short.any()):
                break
            time = torch.where(short, time + missing / slope.clamp_min(1e-30), time)
            torch.minimum(end, time[:, None], out=elapsed)
        length = elapsed if is_linf else torch.minimum(elapsed.mul_(size), room)
        # Where no value has room left and the hyperplane is not reached, all are at their ends already.
    return direction.sign_().mul_(length).reshape(point.shape)


FAB = AttackInfo(
    "fab",
    "FAB",
    "stronger",
    fab,
    "Stays at the decision boundary and comes closer and closer to the picture: each step is a mean of two "
    "projections onto the boundary, one from the present point and one from the picture.",
    r"\begin{gathered}x_{t+1} = (1 - \alpha)\,\big(x_t + \eta\,d_t\big) + \alpha\,\big(x + \eta\,d\big)\\"
    r"d_t, d:\ \text{the shortest ways to the linearised boundary}\end{gathered}",
    "Croce & Hein, ICML 2020, arXiv:1907.02044",
    arguments=("set", "y"),
    norms=("linf", "l2", "l1"),
    targeted="never",
    minimal=True,
    batches=False,
)
