"""The Boundary Attack, the first decision-based black-box attack: a random walk along the decision boundary."""

from collections.abc import Iterator

import torch
from torch import Tensor

from adv_core.attacks.hop_skip_jump import Walk
from adv_core.attacks.info import AttackInfo
from adv_core.attacks.step import Logits, Step, evaluate, known, prepared, where_rows
from adv_core.objectives import Objective
from adv_core.perturbation_sets import L2, PerturbationSet, per_row

_RESERVE = 6  # queries for the rounded picture at the end
_MEMORY = 0.85  # of the success rates, from step to step
_ADAPTATION = 1.1  # of a step size, when too many or too few steps succeed


def boundary_attack(
    classifier: Logits,
    x: Tensor,
    perturbation_set: PerturbationSet,
    objective: Objective,
    *,
    queries: int = 1000,
    orthogonal_step: float = 0.1,
    source_step: float = 0.1,
    seed: int = 0,
    quantize: bool = True,
) -> Iterator[Step]:
    """The Boundary Attack (Brendel, Rauber & Bethge, ICLR 2018, arXiv:1712.04248).

    Start from a random picture that reaches the aim, on the boundary. Each step goes in a random direction at the same
    distance from x, and then a little towards x; a step that loses the aim is taken back. Both step sizes adapt to the
    rate of success, row by row. It reads from each answer only whether the aim is reached.

    Args:
        classifier, x: as for `fgsm`; only the classifier's decision is used.
        perturbation_set: `L2`, the norm that is made small, and a limit to it: ``L2(math.inf)`` for none.
        objective: tells when the aim is reached. A target is rarely met by a random picture: use it untargeted.
        queries: the most queries of a row, ≥ 1, the first one included. A step takes two.
        orthogonal_step, source_step: the first step sizes, as parts of ‖δ‖₂.
        seed: of the random directions; the global generator is not touched.
        quantize: end with an 8-bit picture (where x is one).

    Yields:
        A step after each two queries: the smallest δ so far, zero while there is none. Its index is the number of
        queries used, less one.

    Raises:
        ValueError: x outside [0, 1], another set than L2, no query at all.
    """
    if queries < 1:
        raise ValueError(f"queries has to be 1 or more, not {queries}: an attack needs a query")
    if type(perturbation_set) is not L2:
        raise ValueError("the Boundary Attack supports the L2 norm: give L2")
    classifier, x = prepared(classifier, x, snap=quantize)
    logits, loss = evaluate(classifier, x, objective)
    delta = torch.zeros_like(x)
    yield Step(0, x, delta, known(logits, loss))
    generator = torch.Generator().manual_seed(seed)
    walk = Walk(classifier, x, perturbation_set, objective, queries - 1, generator)
    reserve = _RESERVE if quantize else 0
    arrived = objective.reached(logits)  # these rows need no change
    found = arrived | walk.start(reserve)

    def best() -> Tensor:
        return perturbation_set.project(where_rows(found & ~arrived, walk.point - x, torch.zeros_like(x)), x)

    sideways, towards = (torch.full_like(loss, size) for size in (orthogonal_step, source_step))
    # Rates at which neither step size changes.
    rate_sideways, rate_towards = torch.full_like(loss, 0.35), torch.full_like(loss, 0.25)
    while walk.left >= reserve + 2 and bool((found & ~arrived).any()):
        away = walk.point - x
        size = walk.set.norm(away).to(x).clamp_min(1e-12)
        noise = torch.randn(x.shape, generator=generator).to(x)
        part = (noise * away).flatten(1).sum(1) / size.square()
        noise = noise - per_row(part, x) * away  # orthogonal to the way from x
        noise = noise * per_row(sideways * size / walk.set.norm(noise).to(x).clamp_min(1e-12), x)
        # Back onto the sphere around x: the step changes the direction, and not the distance.
        aside = (x + (away + noise) / per_row((1 + sideways.square()).sqrt(), x)).clamp(0, 1)
        stayed = walk.reached(aside)
        nearer = x + per_row(1 - towards, x) * (aside - x)
        won = walk.reached(nearer) & stayed
        closer = won & (walk.set.norm(nearer - x).to(x) < size)
        walk.point = where_rows(closer, nearer, walk.point)
        rate_sideways = _MEMORY * rate_sideways + (1 - _MEMORY) * stayed.to(x)
        rate_towards = torch.where(stayed, _MEMORY * rate_towards + (1 - _MEMORY) * won.to(x), rate_towards)
        sideways = _adapted(sideways, rate_sideways, 0.2, 0.5).clamp_max(1.0)
        towards = _adapted(towards, rate_towards, 0.15, 0.35).clamp_max(0.5)
        now = best()
        yield Step(queries - 1 - walk.left, x, now, lambda now=now: evaluate(classifier, x + now, objective))  # type: ignore[misc]
    end = walk.rounded(best()) if quantize else best()
    yield Step(queries - 1 - walk.left, x, end, lambda: evaluate(classifier, x + end, objective), final=True)


def _adapted(step: Tensor, rate: Tensor, low: float, high: float) -> Tensor:
    """Return a longer step where more than ``high`` of the steps succeed, a shorter one where less than ``low`` do."""
    return step * torch.where(rate > high, _ADAPTATION, torch.where(rate < low, 1 / _ADAPTATION, 1.0)).to(step)


BOUNDARY = AttackInfo(
    "boundary",
    "Boundary Attack",
    "black box",
    boundary_attack,
    "Uses predicted labels alone. A random walk along the decision boundary: sideways at the same distance, then a "
    "little closer to the picture, and back where the network is no longer fooled.",
    r"\begin{gathered}z \perp x_t - x,\quad x' = x + \text{scale}\big(x_t - x + z\big)\\"
    r"x_{t+1} = x + (1 - \epsilon)(x' - x),\quad \text{if it still fools}\end{gathered}",
    "Brendel, Rauber & Bethge, ICLR 2018, arXiv:1712.04248",
    options=("queries", "seed"),
    norms=("l2",),
    targeted="never",
    minimal=True,
    batches=False,
)
