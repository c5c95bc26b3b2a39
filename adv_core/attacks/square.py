"""Square Attack, a score-based black-box attack: it makes one query after the other, and uses no gradient."""

import math
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor

from adv_core.attacks.info import AttackInfo
from adv_core.attacks.step import Logits, Step, evaluate, known, prepared, where_rows
from adv_core.objectives import Objective
from adv_core.perturbation_sets import L2, Linf, PerturbationSet, per_row


def square_attack(
    classifier: Logits,
    x: Tensor,
    perturbation_set: PerturbationSet,
    objective: Objective,
    *,
    queries: int = 1000,
    first_share: float = 0.8,
    seed: int = 0,
    quantize: bool = True,
    ahead: int = 1,
    together: int = 1,
) -> Iterator[Step]:
    """Square Attack (Andriushchenko, Croce, Flammarion & Hein, ECCV 2020, arXiv:1912.00049).

    Random search: paint a square at a random place, and keep it if the objective rises. The squares shrink as the
    queries are used up. In L∞ every value of δ is ±ε, as in a worst case. In L2 each square takes its length from
    another square. A row that has reached its aim makes no more queries.

    Args:
        classifier, x: as for `fgsm`; only its logits are used.
        perturbation_set: `Linf` or `L2`.
        objective: usually `Margin(y)`, whose slope does not vanish where a network is certain.
        queries: the most queries of a row, ≥ 1, the first one included.
        first_share: the part of the picture that the first squares cover.
        seed: of the search; the global generator is not touched.
        quantize: query 8-bit pictures only (where x is one).
        ahead: the number of queries to make as one batch, on the guess that the search keeps none of them; a batch
            costs less than its queries one by one. The answers after the first one that is kept are dropped, and these
            queries are made again. The search is the same for every number. Leave it at 1 where a query costs more
            than time: the dropped ones are not counted.
        together: the most squares to try on the same δ as one batch, of which a row keeps the best one; all of them are
            counted. Fewer are tried while many squares are kept. For many rows, whose queries cost less in larger
            batches; another search than that of 1, about as strong.

    Yields:
        A step for every query: the best δ so far. The attack ends when every row has reached its aim.

    Raises:
        ValueError: x outside [0, 1] or not a batch of pictures, another set than L∞ or L2, no query at all, ``ahead``
            below 1.
    """
    if queries < 1:
        raise ValueError(f"queries has to be 1 or more, not {queries}")
    if ahead < 1 or together < 1:
        raise ValueError(f"ahead and together have to be 1 or more, not {ahead} and {together}")
    if type(perturbation_set) not in (Linf, L2):
        raise ValueError("Square Attack supports the L∞ and the L2 ball: give Linf or L2")
    classifier, x = prepared(classifier, x, snap=quantize)
    if x.ndim != 4:
        raise ValueError(
            f"Square Attack paints squares: x has to be a batch of pictures (N, C, H, W), and has the shape "
            f"{(*x.shape,)}. For a single picture, give x[None]."
        )
    generator = torch.Generator().manual_seed(seed)
    squares = _LinfSquares(perturbation_set, x, generator) if isinstance(perturbation_set, Linf) else None
    search = squares or _L2Squares(perturbation_set, x, generator)
    # The classifier sees an 8-bit picture, which can be saved: a query with finer steps could not be repeated.
    delta = perturbation_set.quantize(search.start(), x) if quantize else search.start()
    logits, loss = evaluate(classifier, x + delta, objective)
    query, kept = 1, 0.5  # the share of queries that are kept, the last ones more than the first
    waiting: list[_Answer] = []
    active = torch.arange(len(x), device=x.device)
    while query < queries:
        yield Step(query - 1, x, delta, known(logits, loss))
        left = (~objective.reached(logits)).nonzero().flatten()
        if not len(left):
            break
        if query == 1 or len(left) < len(active):  # rows that have reached the aim never come back
            active = left
            search.attend(active)
        if together > 1:
            few = max(min(together, round(0.25 / kept), queries - query), 1)
            shares = [first_share * _shrink(each / queries) for each in range(query, query + few)]
            answer = _best(_ask(classifier, delta, active, shares, search, objective, quantize))
            better = (answer.loss > loss[active]) | answer.reached
            kept += 0.1 * (float(better.float().mean()) / few - kept)
            query += few
            delta, logits, loss = _updated(delta, logits, loss, active, better, answer)
            continue
        query += 1
        if not waiting:
            few = max(min(ahead // len(active), round(0.5 / kept)), 1)  # half of the batch is wasted on an average
            asked = range(query - 1, min(query - 1 + few, queries))
            shares = [first_share * _shrink(each / queries) for each in asked]
            waiting = _ask(classifier, delta, active, shares, search, objective, quantize)
        answer = waiting.pop(0)
        better = (answer.loss > loss[active]) | answer.reached
        kept += 0.1 * (float(better.any()) - kept)
        if not bool(better.any()):
            continue
        delta, logits, loss = _updated(delta, logits, loss, active, better, answer)
        # The other answers belong to squares on a δ that is no longer the best one.
        waiting = []
        generator.set_state(answer.drawn)
    yield Step(min(query, max(queries - 1, 1)), x, delta, known(logits, loss), final=True)


class _Answer(NamedTuple):
    """The classifier's answer to a candidate for the active rows, and the generator's state after it was drawn."""

    delta: Tensor
    logits: Tensor
    loss: Tensor
    reached: Tensor
    drawn: Tensor


def _ask(
    classifier: Logits,
    delta: Tensor,
    active: Tensor,
    shares: list[float],
    search: "_LinfSquares",
    objective: Objective,
    quantize: bool,
) -> list[_Answer]:
    """Query one candidate on top of ``delta`` for each of the shares, all of them as one batch."""
    candidates, drawn = [], []
    for share in shares:
        candidate = search.paint(delta, active, share)
        if quantize:
            candidate = search.ball.rows(active).quantize(candidate, search.pictures)
        candidates.append(candidate)
        drawn.append(search.generator.get_state())
    part = objective.rows(active.repeat(len(shares)))
    together = torch.cat([search.pictures + candidate for candidate in candidates])
    logits, loss = evaluate(classifier, together, part)
    parts = [each.split(len(active)) for each in (logits, loss, part.reached(logits))]
    return [_Answer(*answer) for answer in zip(candidates, *parts, drawn, strict=True)]


def _updated(
    delta: Tensor, logits: Tensor, loss: Tensor, active: Tensor, better: Tensor, answer: _Answer
) -> tuple[Tensor, Tensor, Tensor]:
    """Take the answer in the active rows that it makes better."""
    return (
        delta.index_copy(0, active, where_rows(better, answer.delta, delta[active])),
        logits.index_copy(0, active, where_rows(better, answer.logits, logits[active])),
        loss.index_copy(0, active, where_rows(better, answer.loss, loss[active])),
    )


def _best(answers: list[_Answer]) -> _Answer:
    """The best answer of each row: one that reaches the aim, or else the highest loss."""
    delta, logits, loss, reached = (torch.stack([each[k] for each in answers]) for k in range(4))
    best = torch.where(reached | ~reached.any(0), loss, -math.inf).argmax(0)
    rows = torch.arange(len(best), device=best.device)
    return _Answer(delta[best, rows], logits[best, rows], loss[best, rows], reached[best, rows], answers[-1].drawn)


def _shrink(done: float) -> float:
    """The part of the first share that a square covers when that part of the queries is used up: the paper's table."""
    table = (0.001, 0.005, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8)
    return 0.5 ** sum(done > place for place in table)


class _LinfSquares:
    def __init__(self, ball: PerturbationSet, x: Tensor, generator: torch.Generator) -> None:
        self.ball, self.x, self.generator = ball, x, generator
        self.eps = per_row(ball.radius, x) * torch.ones_like(x[:, :1, :1, :1])

    def start(self) -> Tensor:
        """Vertical stripes of ±ε."""
        n, channels, _, width = self.x.shape
        return self.ball.project(self.eps * self._signs(n, channels, 1, width).expand_as(self.x), self.x)

    def attend(self, active: Tensor) -> None:
        """Search for those rows alone from now on."""
        self.pictures = self.x[active]
        self.project = self.ball.rows(active).projection(self.pictures)

    def paint(self, delta: Tensor, active: Tensor, share: float) -> Tensor:
        candidate = delta[active]
        _, channels, height, width = candidate.shape
        side = min(max(round((share * height * width) ** 0.5), 1), height, width)
        # One place for all rows, as in the authors' code: a slice of the batch is quick to paint.
        top, left = self._below(height - side + 1), self._below(width - side + 1)
        colour = self.eps[active] * self._signs(len(active), channels, 1, 1)
        candidate[:, :, top : top + side, left : left + side] = colour
        return self.project(candidate)

    def _signs(self, *shape: int) -> Tensor:
        return (torch.randint(0, 2, shape, generator=self.generator) * 2 - 1).to(self.x)

    def _below(self, end: int) -> int:
        return int(torch.randint(0, end, (), generator=self.generator))


class _L2Squares(_LinfSquares):
    def start(self) -> Tensor:
        """Tiles of bumps, of random sign in every colour, scaled to length ε."""
        n, channels, height, width = self.x.shape
        side = max(height // 5, 3)
        delta = torch.zeros_like(self.x)
        for top in range(0, height - side + 1, side):
            for left in range(0, width - side + 1, side):
                tile = delta[:, :, top : top + side, left : left + side]
                bumps = self._bumps(side)
                tile[:] = (bumps.T if self._below(2) else bumps) * self._signs(n, channels, 1, 1)
        return self.ball.project(self.ball.steepest(delta, self.ball.radius), self.x)

    def paint(self, delta: Tensor, active: Tensor, share: float) -> Tensor:
        candidate = delta[active]
        _, channels, height, width = candidate.shape
        side = max(round((share * height * width) ** 0.5), 3)
        side = min(side + 1 - side % 2, height - 1, width - 1)
        ends = (height - side, width - side) * 2
        top, left, other_top, other_left = (self._below(end) for end in ends)
        window = candidate[:, :, top : top + side, left : left + side]
        other = candidate[:, :, other_top : other_top + side, other_left : other_left + side]
        held, old = candidate.square(), window.clone()
        # The length that the ball leaves unused, and the length of both windows now, go into the first window.
        # A little less than ε, so that the projection has only the box to look at.
        unused = ((self.eps[active] * (1 - 2e-5)).square() - held.sum((1, 2, 3), keepdim=True)).clamp_min(0)
        length = held[:, :, top : top + side, left : left + side].sum((2, 3), keepdim=True)
        held[:, :, top : top + side, left : left + side] = 0  # the windows may overlap
        length += held[:, :, other_top : other_top + side, other_left : other_left + side].sum((2, 3), keepdim=True)
        bumps = self._bumps(side)
        fresh = (bumps.T if self._below(2) else bumps) * self._signs(len(active), channels, 1, 1)
        fresh = fresh + old / old.square().sum((2, 3), keepdim=True).sqrt().clamp_min(1e-10)
        size = fresh.square().sum((2, 3), keepdim=True).sqrt().clamp_min(1e-10)
        other[:] = 0
        window[:] = fresh / size * (unused / channels + length).sqrt()
        return self.project(candidate)

    def _bumps(self, side: int) -> Tensor:
        return _bumps(side).to(self.x)


@cache
def _bumps(side: int) -> Tensor:
    """Two bumps, one above the other, of opposite sign; of length 1. (side, side)."""
    bumps = torch.zeros(side, side)
    half = side // 2
    bumps[:half] = _pyramid(half, side)
    bumps[half:] = -_pyramid(side - half, side)
    return bumps / bumps.norm()


def _pyramid(height: int, width: int) -> Tensor:
    """A bump of stacked, ever larger rectangles around the middle; each adds 1 / (number + 1)²."""
    bump = torch.zeros(height, width)
    top, left = height // 2, width // 2
    for number in range(max(height, width) // 2 + 1):
        rows = slice(max(top - number, 0), min(top + number + 1, height))
        columns = slice(max(left - number, 0), min(left + number + 1, width))
        bump[rows, columns] += 1 / (number + 1) ** 2
    return bump / bump.norm()


SQUARE = AttackInfo(
    "square",
    "Square Attack",
    "black box",
    square_attack,
    "Random search: it paints squares at random places and keeps those that raise the loss. It uses the network's "
    "scores, and no gradient.",
    r"\delta \leftarrow \delta + \text{square},\quad \text{if}\ L(f(x + \delta))\ \text{rises}",
    "Andriushchenko et al., ECCV 2020, arXiv:1912.00049",
    options=("queries", "seed"),
    at_hand={"ahead": 8},
    norms=("linf", "l2"),
    batches=False,
)
