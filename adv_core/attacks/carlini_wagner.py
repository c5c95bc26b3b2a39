"""The attack of Carlini & Wagner (IEEE S&P 2017, arXiv:1608.04644)."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from adv_core.attacks.info import AttackInfo
from adv_core.attacks.minimum_norm import margin_of, settle
from adv_core.attacks.step import Logits, Step, evaluate, input_gradient, known, prepared, where_rows
from adv_core.objectives import Objective
from adv_core.perturbation_sets import L2, per_row


def carlini_wagner(
    classifier: Logits,
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

    x + δ = (tanh w + 1) / 2 lies in [0, 1] for every w. Adam finds w. c is searched row by row: it gets smaller where
    the aim was reached, and larger where it was not.

    Args:
        classifier, x: as for `fgsm`.
        objective: `Untargeted(y)` or `Targeted(t)` (taken as their margins with κ = 0), or a `Margin` with its own κ.
        steps: of Adam, for each c.
        searches: the number of values of c.
        learning_rate: of Adam, in units of w.
        first_c: the first c.
        quantize: end with an 8-bit picture (where x is one).

    Yields:
        ``searches · steps`` iterates (loss: the margin) and the final step, the shortest δ that reached the aim.

    Raises:
        ValueError: x outside [0, 1], an objective without a margin.
    """
    classifier, x = prepared(classifier, x, snap=quantize)
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
            image = torch.tanh(w)
            delta = (image + 1) / 2 - x
            if search == index == 0:
                delta = torch.zeros_like(delta)  # the start is x itself; tanh(atanh(x)) equals it only nearly
            here = input_gradient(classifier, x, margin, delta=delta)
            logits, gain = here.logits, here.loss
            yield Step(search * steps + index, x, delta, known(logits, gain))
            # With κ > 0 the aim is the confidence κ, not the class alone.
            reached = margin.reached(logits) & (gain >= margin.kappa - 1e-6)
            found |= reached
            length = ball.norm(delta)
            shorter = reached & (length < best_length)
            best, best_length = where_rows(shorter, delta, best), torch.where(shorter, length, best_length)
            closer = gain > attempt_margin
            attempt, attempt_margin = where_rows(closer, delta, attempt), torch.where(closer, gain, attempt_margin)
            # the gradient of the cost to w, by the chain rule
            gradient = torch.addcmul(2 * delta, per_row(c, x), here.gradient, value=-1) * (1 - image.square()) / 2
            # Adam (Kingma & Ba 2015), with its usual constants
            t = index + 1
            first_moment = torch.lerp(first_moment, gradient, 0.1)
            second_moment = torch.addcmul(0.999 * second_moment, gradient, gradient, value=0.001)
            scale = (second_moment / (1 - 0.999**t)).sqrt() + 1e-8
            w = torch.addcdiv(w, first_moment, scale, value=-learning_rate / (1 - 0.9**t))
        low, high = torch.where(found, low, c), torch.where(found, c, high)
        c = torch.where(high.isinf(), c * 10, (low + torch.where(high.isinf(), c, high)) / 2)
    delta = where_rows(best_length.isfinite(), best, attempt)
    if quantize:
        delta = settle(classifier, x, delta, ball, margin)
    yield Step(searches * steps, x, delta, lambda: evaluate(classifier, x + delta, margin), final=True)


CARLINI_WAGNER = AttackInfo(
    "carlini_wagner",
    "Carlini–Wagner",
    "stronger",
    carlini_wagner,
    "Minimises the squared length of δ plus c times the margin, and searches for the best weight c. It is slow, and "
    "finds a very small δ.",
    r"\begin{gathered}\min_w\ \|\delta\|_2^2 + c\cdot\max\big(z_y - \max_{i \neq y} z_i,\ 0\big)\\"
    r"x + \delta = \tfrac12(\tanh w + 1)\end{gathered}",
    "Carlini & Wagner, S&P 2017, arXiv:1608.04644",
    arguments=("objective",),
    norms=("l2",),
    minimal=True,
    runs=5,
)
