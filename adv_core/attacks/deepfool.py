"""DeepFool (Moosavi-Dezfooli et al., CVPR 2016, arXiv:1511.04599)."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from adv_core.attacks.info import AttackInfo
from adv_core.attacks.minimum_norm import settle
from adv_core.attacks.step import Logits, Step, differentiating, evaluate, known, prepared
from adv_core.objectives import Labels, Margin, as_labels
from adv_core.perturbation_sets import PerturbationSet


def deepfool(
    classifier: Logits,
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

    Linearise the classifier, step to the nearest boundary of this approximation, and repeat until the boundary is
    crossed. For a linear classifier the first step is exact: |z_k - z_y| over the dual norm of the difference of the
    weights.

    Args:
        classifier, x: as for `fgsm`.
        perturbation_set: the norm that "nearest" refers to, and a limit to it: `L2(math.inf)` for none.
        y: the class to leave.
        steps: the most steps. Rows that have crossed the boundary stay as they are; the attack ends when all have.
        candidates: the number of likeliest other classes that are tried; each costs a backward pass per step.
        overshoot: the distance to go beyond the linearised boundary, as a part of each step.
        quantize: end with an 8-bit picture (where x is one).

    Yields:
        A step for each iterate, its loss being `Margin(y)`, and the final one.

    Raises:
        ValueError: x outside [0, 1], a label out of range, a classifier with a single class.
    """
    classifier, x = prepared(classifier, x, snap=quantize)
    objective = Margin(y)
    logits, loss = evaluate(classifier, x, objective)
    label = as_labels(y, logits)
    rivals = logits.scatter(1, label[:, None], -math.inf).topk(min(candidates, logits.shape[1] - 1), dim=1).indices
    delta = torch.zeros_like(x)
    for index in range(steps):
        yield Step(index, x, delta, known(logits, loss))
        active = (~objective.reached(logits)).nonzero().flatten()
        if not len(active):
            break
        part = perturbation_set.rows(active)
        move = _to_nearest_boundary(classifier, (x + delta)[active], label[active], rivals[active], part)
        # From where the box has left the point: the way that it cuts off is made up in other values.
        moved = part.project(delta[active] + (1 + overshoot) * move, x[active])
        delta = delta.index_copy(0, active, moved)
        seen = evaluate(classifier, (x + delta)[active], Margin(label[active]))
        logits, loss = logits.index_copy(0, active, seen[0]), loss.index_copy(0, active, seen[1])
    else:
        index = steps
    if quantize:
        delta = settle(classifier, x, delta, perturbation_set, objective)
    yield Step(index + 1, x, delta, lambda: evaluate(classifier, x + delta, objective), final=True)


def _to_nearest_boundary(
    classifier: Logits, point: Tensor, y: Tensor, rivals: Tensor, perturbation_set: PerturbationSet
) -> Tensor:
    """Return the shortest step from each point to the nearest linearised boundary with one of the rivals (N, R)."""
    with differentiating(classifier):
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
    # a little more than the distance: otherwise the steps approach a curved boundary and never cross it
    return perturbation_set.steepest(normal, shortest * (1 + 1e-4) + 1e-6)


DEEPFOOL = AttackInfo(
    "deepfool",
    "DeepFool",
    "stronger",
    deepfool,
    "Approximates the network by a linear one and steps to its nearest decision boundary, until the network's own "
    "boundary is crossed.",
    r"\begin{gathered}\delta \leftarrow \delta + \frac{|z_k - z_y|}{\|w\|_*}\operatorname{step}(w)\\"
    r"w = \nabla z_k - \nabla z_y,\quad k\ \text{the nearest class}\end{gathered}",
    "Moosavi-Dezfooli, Fawzi & Frossard, CVPR 2016, arXiv:1511.04599",
    arguments=("set", "y"),
    norms=("linf", "l2"),
    targeted="never",
    minimal=True,
    batches=False,
)
