"""Decoupled direction and norm, DDN (Rony et al., CVPR 2019, arXiv:1811.09600)."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from adv_core.attacks.info import AttackInfo
from adv_core.attacks.minimum_norm import margin_of, settle
from adv_core.attacks.step import Logits, Step, evaluate, input_gradient, known, prepared, where_rows
from adv_core.images import is_8bit, round_to_8bit
from adv_core.objectives import Objective
from adv_core.perturbation_sets import L2, per_row


def ddn(
    classifier: Logits,
    x: Tensor,
    objective: Objective,
    *,
    steps: int = 100,
    gamma: float = 0.05,
    first_radius: float = 1.0,
    quantize: bool = True,
) -> Iterator[Step]:
    """DDN (Rony et al., CVPR 2019, arXiv:1811.09600): a small L2 perturbation within few steps.

    The gradient decides on the direction of δ alone. Its length ε shrinks by the factor 1 - γ after each step that
    reaches the aim, and grows by 1 + γ after each that does not.

    Args:
        classifier, x: as for `fgsm`.
        objective: `Untargeted(y)` or `Targeted(t)`, which the paper climbs, or another one with a margin.
        steps: forward and backward passes.
        gamma: γ.
        first_radius: the first ε, in pixel units.
        quantize: round each iterate to an 8-bit picture (where x is one), and end with one.

    Yields:
        ``steps`` iterates, the loss being the objective, and the final step, the shortest δ that reached the aim.

    Raises:
        ValueError: x outside [0, 1], an objective without a margin.
    """
    classifier, x = prepared(classifier, x, snap=quantize)
    margin, ball = margin_of(objective), L2(math.inf)
    rounds = quantize and is_8bit(x)
    radius = torch.full((len(x),), first_radius).to(x)
    farthest = ball.norm(torch.maximum(x, 1 - x))
    best, best_length = torch.zeros_like(x), torch.full_like(radius, math.inf)
    attempt, attempt_margin = torch.zeros_like(x), torch.full_like(radius, -math.inf)
    delta = torch.zeros_like(x)
    for index in range(steps):
        here = input_gradient(classifier, x, objective, delta=delta)
        yield Step(index, x, delta, known(here.logits, here.loss), here.norm)
        reached, length, gain = margin.reached(here.logits), ball.norm(delta), margin(here.logits)
        shorter = reached & (length < best_length)
        best, best_length = where_rows(shorter, delta, best), torch.where(shorter, length, best_length)
        closer = gain > attempt_margin
        attempt, attempt_margin = where_rows(closer, delta, attempt), torch.where(closer, gain, attempt_margin)
        step_size = 0.01 + 0.99 * (1 + math.cos(math.pi * index / steps)) / 2
        moved = delta + ball.steepest(here.gradient, step_size)
        radius = torch.minimum(torch.where(reached, 1 - gamma, 1 + gamma) * radius, farthest)
        delta = per_row(radius / ball.norm(moved).clamp_min(1e-12), x) * moved
        delta = ((round_to_8bit((x + delta).clamp(0, 1)) if rounds else (x + delta).clamp(0, 1)) - x).clamp(-x, 1 - x)
    delta = where_rows(best_length.isfinite(), best, attempt)
    if quantize:
        delta = settle(classifier, x, delta, ball, margin)
    yield Step(steps, x, delta, lambda: evaluate(classifier, x + delta, objective), final=True)


DDN = AttackInfo(
    "ddn",
    "DDN",
    "stronger",
    ddn,
    "The gradient decides on the direction of δ alone. Its length shrinks a little after each step that fools the "
    "network, and grows a little after each that does not.",
    r"\begin{gathered}\varepsilon \leftarrow \varepsilon\,(1 \mp \gamma)\\ \delta \leftarrow \varepsilon\,"
    r"\frac{\delta + \alpha\,g / \|g\|_2}{\big\|\delta + \alpha\,g / \|g\|_2\big\|_2}\end{gathered}",
    "Rony et al., CVPR 2019, arXiv:1811.09600",
    arguments=("objective",),
    norms=("l2",),
    minimal=True,
)
