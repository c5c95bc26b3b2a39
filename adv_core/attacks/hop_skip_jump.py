"""HopSkipJump, a decision-based black-box attack: it looks for the smallest δ by predicted labels alone."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from adv_core.attacks.info import AttackInfo
from adv_core.attacks.step import Logits, Step, evaluate, known, prepared, where_rows
from adv_core.objectives import Objective
from adv_core.perturbation_sets import L2, Linf, PerturbationSet, per_row

_TOGETHER = 32  # pictures in one forward pass
_START_TRIES = 20  # random pictures, of which one has to reach the aim
_PRECISION = 1e-3  # of a bisection, as a part of the way: ten queries
_FARTHER = 10  # times as far from the point as the boundary may be: the random points
_LENGTHENING = (1.0, 1.02, 1.05, 1.1, 1.2, 1.4)  # of the last δ, until its rounded picture reaches the aim


def hop_skip_jump(
    classifier: Logits,
    x: Tensor,
    perturbation_set: PerturbationSet,
    objective: Objective,
    *,
    queries: int = 1000,
    samples: int = 100,
    seed: int = 0,
    quantize: bool = True,
) -> Iterator[Step]:
    """HopSkipJump (Chen, Jordan & Wainwright, IEEE S&P 2020, arXiv:1904.02144).

    Start from a random picture that reaches the aim and walk along the boundary towards x. Each round estimates the
    normal of the boundary from the answers to random points around it, steps along the normal, and searches the way
    back to the boundary by bisection. It reads from each answer only whether the aim is reached.

    In the paper, the precision of the bisection and the distance of the random points fall with the dimension, for a
    photograph below what float32 resolves. Here the bisection stops early, and the random points lie ten times as far
    away as the boundary may be: nearer ones would all lie on one side of it, and their answers would tell nothing.

    Args:
        classifier, x: as for `fgsm`; only the classifier's decision is used.
        perturbation_set: `Linf` or `L2`, the norm that is made small, and a limit to it: ``L2(math.inf)`` for none.
        objective: tells when the aim is reached. A target is rarely met by a random picture: use it untargeted.
        queries: the most queries of a row, ≥ 1, the first one included.
        samples: random points of the first round; round t takes √t times as many.
        seed: of the random points; the global generator is not touched.
        quantize: end with an 8-bit picture (where x is one).

    Yields:
        A step after each round: the smallest δ so far, zero while there is none. Its index is the number of queries
        used, less one.

    Raises:
        ValueError: x outside [0, 1], another set than L∞ or L2, no query at all.
    """
    if queries < 1:
        raise ValueError(f"queries has to be 1 or more, not {queries}: an attack needs a query")
    if type(perturbation_set) not in (Linf, L2):
        raise ValueError("HopSkipJump supports the L∞ and the L2 norm: give Linf or L2")
    classifier, x = prepared(classifier, x, snap=quantize)
    logits, loss = evaluate(classifier, x, objective)
    delta = torch.zeros_like(x)
    yield Step(0, x, delta, known(logits, loss))
    walk = Walk(classifier, x, perturbation_set, objective, queries - 1, torch.Generator().manual_seed(seed))
    reserve = len(_LENGTHENING) if quantize else 0
    arrived = objective.reached(logits)  # these rows need no change
    found = arrived | walk.start(reserve)
    round_ = 0
    while walk.left > reserve + 2 and bool(found.any()):
        round_ += 1
        walk.advance(min(round(samples * math.sqrt(round_)), walk.left - reserve - 2), round_, reserve)
        best = perturbation_set.project(where_rows(found & ~arrived, walk.point - x, delta), x)
        yield Step(queries - 1 - walk.left, x, best, lambda best=best: evaluate(classifier, x + best, objective))  # type: ignore[misc]
    best = perturbation_set.project(where_rows(found & ~arrived, walk.point - x, delta), x)
    if quantize:
        best = walk.rounded(best)
    yield Step(queries - 1 - walk.left, x, best, lambda: evaluate(classifier, x + best, objective), final=True)


class Walk:
    """A point of each row on the adversarial side of the boundary, and the number of queries that are left."""

    def __init__(
        self,
        classifier: Logits,
        x: Tensor,
        perturbation_set: PerturbationSet,
        objective: Objective,
        left: int,
        generator: torch.Generator,
    ) -> None:
        self.classifier, self.x, self.set, self.objective = classifier, x, perturbation_set, objective
        self.left, self.generator = left, generator
        self.point = x
        size = x[0].numel() if len(x) else 1
        self.is_l2 = isinstance(perturbation_set, L2)
        # After a bisection, the boundary is up to that part of ‖δ‖ away from the point, as a length in L2.
        self.spread = _FARTHER * _PRECISION * (1 if self.is_l2 else math.sqrt(size))

    def reached(self, points: Tensor) -> Tensor:
        """Tell whether each row's point reaches the aim, (N,). One query per row."""
        self.left -= 1
        with torch.no_grad():
            return self.objective.reached(self.classifier(points))

    def start(self, reserve: int) -> Tensor:
        """Start every row at a random picture, pulled to the boundary. Return whether one was found, (N,)."""
        found = torch.zeros(len(self.x), dtype=torch.bool, device=self.x.device)
        for _ in range(_START_TRIES):
            if self.left <= reserve or bool(found.all()):
                break
            tried = torch.rand(self.x.shape, generator=self.generator).to(self.x)
            better = self.reached(tried) & ~found
            self.point = where_rows(better, tried, self.point)
            found |= better
        self.point = where_rows(found, self.bisected(self.point, reserve), self.x)
        return found

    def between(self, far: Tensor, share: Tensor) -> Tensor:
        """The point at that share of the way from x to ``far``: along the line (L2), or clipped (L∞)."""
        away = far - self.x
        if self.is_l2:
            return self.x + per_row(share, away) * away
        reach = per_row(share * away.flatten(1).abs().amax(1), away)
        return self.x + torch.minimum(torch.maximum(away, -reach), reach)

    def bisected(self, far: Tensor, reserve: int) -> Tensor:
        """The point nearest to x between x and ``far`` that still reaches the aim."""
        low = torch.zeros(len(self.x), dtype=self.x.dtype, device=self.x.device)
        high = torch.ones_like(low)
        for _ in range(math.ceil(-math.log2(_PRECISION))):
            if self.left <= reserve:
                break
            middle = (low + high) / 2
            won = self.reached(self.between(far, middle))
            low, high = torch.where(won, low, middle), torch.where(won, middle, high)
        return self.between(far, high)

    def normal(self, count: int, round_: int) -> Tensor:
        """The estimated normal of the boundary at each point, towards the aim; ``count`` queries per row."""
        distance = self.set.norm(self.point - self.x).to(self.x)
        # The first round looks farther: the first point on the boundary is far from x.
        scale = per_row(torch.full_like(distance, 0.1) if round_ == 1 else self.spread * distance, self.x)
        total, answers, directions = torch.zeros_like(self.x), torch.zeros_like(distance), torch.zeros_like(self.x)
        rows = torch.arange(len(self.x))
        for first in range(0, count, _TOGETHER):
            n = min(_TOGETHER, count - first)
            noise = torch.randn((n, *self.x.shape), generator=self.generator).to(self.x)
            noise = noise / torch.linalg.vector_norm(noise.flatten(2), dim=2).clamp_min(1e-12).reshape(n, -1, 1, 1, 1)
            points = (self.point + scale * noise).clamp(0, 1)
            noise = (points - self.point) / scale.clamp_min(1e-12)
            with torch.no_grad():
                said = self.objective.rows(rows.repeat(n)).reached(self.classifier(points.flatten(0, 1)))
            signs = (2.0 * said.reshape(n, -1) - 1).to(self.x)
            total += (signs.reshape(n, -1, 1, 1, 1) * noise).sum(0)
            directions += noise.sum(0)
            answers += signs.sum(0)
        self.left -= count
        mean = answers / count
        # Subtracting their mean lowers the variance. Where all answers agree, subtracting it would leave nothing.
        mean = torch.where(mean.abs() >= 1, torch.zeros_like(mean), mean)
        return total - per_row(mean, self.x) * directions

    def advance(self, count: int, round_: int, reserve: int) -> None:
        """One round: estimate the normal, step along it, and bisect back to the boundary."""
        direction = self.set.steepest(self.normal(max(count, 1), round_), 1.0)
        length = self.set.norm(self.point - self.x).to(self.x) / math.sqrt(round_)
        moved, waiting = self.point, torch.ones(len(self.x), dtype=torch.bool, device=self.x.device)
        while self.left > reserve and bool(waiting.any()):
            tried = (self.point + per_row(length, self.x) * direction).clamp(0, 1)
            won = self.reached(tried) & waiting
            moved, waiting = where_rows(won, tried, moved), waiting & ~won
            length = length / 2
            waiting &= length > 1e-6
        nearer = self.bisected(moved, reserve)
        closer = self.set.norm(nearer - self.x) < self.set.norm(self.point - self.x)
        self.point = where_rows(closer, nearer, self.point)

    def rounded(self, delta: Tensor) -> Tensor:
        """δ as an 8-bit picture, a little longer where rounding would lose the aim."""
        best = self.set.quantize(delta, self.x)
        waiting = torch.ones(len(self.x), dtype=torch.bool, device=self.x.device)
        for factor in _LENGTHENING:
            if self.left < 1 or not bool(waiting.any()):
                break
            tried = self.set.quantize(self.set.project(factor * delta, self.x), self.x)
            won = self.reached(self.x + tried) & waiting
            best, waiting = where_rows(won, tried, best), waiting & ~won
        return best


HOP_SKIP_JUMP = AttackInfo(
    "hop_skip_jump",
    "HopSkipJump",
    "black box",
    hop_skip_jump,
    "Uses predicted labels alone. It walks along the decision boundary, and estimates the normal of the boundary by "
    "queries at random points.",
    r"\begin{gathered}g \approx \tfrac1B \sum_b \operatorname{sign}\big(\text{fooled}(x_t + s\,u_b)\big)\,u_b\\"
    r"x_{t+1} = \text{bisect}\big(x,\ x_t + \xi\operatorname{step}(g)\big)\end{gathered}",
    "Chen, Jordan & Wainwright, S&P 2020, arXiv:1904.02144",
    options=("queries", "seed"),
    norms=("linf", "l2"),
    targeted="never",
    minimal=True,
    batches=False,
)
