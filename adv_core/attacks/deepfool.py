"""DeepFool (Moosavi-Dezfooli et al., CVPR 2016, arXiv:1511.04599)."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from adv_core.attacks.info import AttackInfo
from adv_core.attacks.minimum_norm import settle
from adv_core.attacks.step import Logits, Step, differentiating, evaluate, known, prepared
from adv_core.networks.any_model import AnyModel
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
    delta, active = torch.zeros_like(x), torch.arange(len(x), device=x.device)
    for index in range(steps):
        # The pass that tells whether a point has crossed the boundary is the one that is differentiated, if it has not.
        with differentiating(classifier):
            point = (x + delta)[active].requires_grad_()
            answers = classifier(point)
        seen = answers.detach()
        if not index:
            logits, label = seen, as_labels(y, seen)
            count = min(candidates, seen.shape[1] - 1)
            rivals = seen.scatter(1, label[:, None], -math.inf).topk(count, dim=1).indices
        logits = logits.index_copy(0, active, seen)
        yield Step(index, x, delta, known(logits, objective(logits)))
        left = (~Margin(label[active]).reached(seen)).nonzero().flatten()
        if not len(left):
            break
        active, origin = active[left], x[active[left]]
        part = perturbation_set.rows(active)
        move = _to_nearest_boundary(classifier, answers, point, left, label[active], rivals[active], part)
        # From where the box has left the point: the way that it cuts off is made up in other values.
        delta = delta.index_copy(0, active, part.project(delta[active] + (1 + overshoot) * move, origin))
    else:
        index = steps
    if quantize:
        delta = settle(classifier, x, delta, perturbation_set, objective)
    yield Step(index + 1, x, delta, lambda: evaluate(classifier, x + delta, objective), final=True)


def _to_nearest_boundary(
    classifier: AnyModel,
    logits: Tensor,
    point: Tensor,
    left: Tensor,
    y: Tensor,
    rivals: Tensor,
    perturbation_set: PerturbationSet,
) -> Tensor:
    """Return the shortest step from the points ``left`` to the nearest linearised boundary with one of the rivals.

    Args:
        logits: of all points, (M, K), to be differentiated; point: (M, ...); left: numbers of some of them, (N,).
        y, rivals: of those, (N,) and (N, R).
    """
    everyone, last = len(left) == len(point), rivals.shape[1] - 1
    found = []
    with differentiating(classifier):
        logits = logits[left]
        gaps = logits.gather(1, rivals) - logits.gather(1, y[:, None])  # negative before the boundary
        for k, gap in enumerate(gaps.unbind(1)):
            (gradient,) = torch.autograd.grad(gap.sum(), point, retain_graph=k < last)
            found.append(gradient if everyone else gradient[left])
    gradients = torch.stack(found)
    sizes = torch.stack([perturbation_set.dual_norm(each) for each in gradients])
    if not bool(sizes.isfinite().all()):
        gradients = torch.nan_to_num(gradients)
        sizes = torch.stack([perturbation_set.dual_norm(each) for each in gradients])
    shortest, nearest = (gaps.detach().T.abs() / sizes.clamp_min(1e-12)).min(0)
    normal = gradients[nearest, torch.arange(len(left), device=left.device)]
    # A little more than the distance: otherwise the steps approach a curved boundary and take long to cross it. The
    # authors' code adds the same.
    return perturbation_set.steepest(normal, shortest + 1e-4)


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
