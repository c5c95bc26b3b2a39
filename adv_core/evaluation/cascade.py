"""The cascade: each attack gets the examples that no attack before it has broken."""

import hashlib
import math
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from typing import get_args

import torch
from torch import Tensor

from adv_core.attacks.step import Logits, Step, prepared
from adv_core.evaluation import diagnosis
from adv_core.evaluation.counting import Counted
from adv_core.evaluation.members import MEMBERS, Budget, Case, Member, members_of, seeds_for
from adv_core.evaluation.record import STANDS, AttackRecord, Evaluation, limit
from adv_core.norms import NORMS, NormKey
from adv_core.objectives import Labels, as_labels
from adv_core.perturbation_sets import Ball, PerturbationSet

_VALUES = 400_000  # of a batch, if its size is not given: 500 digits, or 2 photographs of 224 × 224, at least 16 rows
_APART = 0.25  # seconds between two records, at least, while an attack runs


def judged(records: Iterable[Evaluation]) -> Evaluation:
    """Run an evaluation to its end."""
    last = deque(records, maxlen=1)
    if not last:
        raise ValueError("an evaluation without a record: the iterator is empty, or was used before")
    return last[0]


def evaluate(
    classifier: Logits,
    x: Tensor,
    y: Labels,
    perturbation_set: PerturbationSet,
    attacks: str | Sequence[str | Member] = "standard",
    *,
    budget: Budget | None = None,
    curve: int = 0,
    cascade: bool = True,
    diagnose: int = 64,
    surrogate: Logits | None = None,
    eot: int = 1,
    batch: int | None = None,
    seed: int = 0,
    resume: Evaluation | None = None,
) -> Iterator[Evaluation]:
    """Judge a classifier by the pointwise worst case of several attacks. To stop it, stop iterating.

    *standard* is AutoAttack with its budgets (Croce & Hein, ICML 2020, arXiv:2003.01690): APGD on the cross-entropy,
    APGD on the logits ratio towards nine targets, FAB towards nine targets, Square Attack with 5000 queries. In L1 it
    is the first three, and the first climbs five times. With three classes or two, a difference of logits takes the
    place of the targeted logits ratio.

    Args:
        classifier: maps pixels (N, ...) in [0, 1] to logits (N, K): any callable, see `adv_core.networks.any_model`.
        x: examples in [0, 1], float32 or float64, on the classifier's device; (N, C, H, W) for Square Attack.
        y: their labels, (N,).
        perturbation_set: `Linf(8/255)`, `L2(0.5)`, `L1(12)`, with one ε for all.
        attacks: "standard", or names of `MEMBERS` or of the catalogue, or a `Member` of your own, in their order.
        budget: of each attack; None is AutoAttack's.
        curve: the number of examples, from the first one, whose smallest δ the fast minimum-norm attack looks for
            at the end, for the security curve. An example that it breaks within ε counts as broken.
        cascade: False gives each attack all examples that are right, which tells the accuracy under each alone.
        diagnose: the number of examples on which the warnings are measured; 0 for no diagnosis.
        surrogate: another classifier of the same classes, whose adversarial examples are tried on this one.
        eot: calls whose logits are averaged, for a classifier that draws at random.
        batch: examples at a time; None suits their size. No result depends on it but Square Attack's draws.
        seed: of all random draws.
        resume: a record of an evaluation that was stopped; the evaluation goes on from its last whole batch.

    Yields:
        A record after each batch and each attack, and several times a second between them; the last one is complete.

    Raises:
        ValueError: x or labels that do not fit, an attack that is not known or does not know the norm, a resumed record
            of other examples or settings.
    """
    started = time.perf_counter()
    train_mode = diagnosis.in_train_mode(classifier)
    counted = Counted(classifier, eot)
    _, x = prepared(counted, x, snap=False)
    ball, norm = _ball_of(perturbation_set)
    budget = budget or Budget.standard(norm)
    members = members_of(attacks, norm)
    if curve:
        members = [*(each for each in members if each.name != "fmn"), MEMBERS["fmn"]]
    rows = batch or max(_VALUES // max(x[0].numel(), 1), 16) if len(x) else 1
    with torch.no_grad():
        parts = [counted(part) for part in x.split(rows)] if len(x) else []
    if not parts:
        raise ValueError("an evaluation needs an example")
    logits = torch.cat(parts)
    if bool(logits.isnan().any()):
        raise ValueError(
            f"the classifier answers {int(logits.isnan().flatten(1).any(1).sum())} of {len(x)} examples with NaN, "
            "which is no logit: nothing can be judged"
        )
    labels = as_labels(y, logits)
    run = _Run(counted, x, labels, logits, ball, budget, rows, seed, cascade, curve, members)
    settings = {
        "budget": asdict(budget),
        "attacks": [member.name for member in members],
        "curve": curve,
        "cascade": cascade,
        "eot": eot,
        "seed": seed,
        "examples": _digest(x, labels),
    }
    answers = logits.argmax(1)
    right = (answers == labels).cpu()
    now = _first(norm, float(ball.radius), settings, answers.cpu(), labels.cpu(), x, members)
    if resume is not None:
        _check_resumed(resume, now)
        now = replace(resume, deltas=resume.deltas.clone())
        started -= now.seconds
    else:
        findings = [*train_mode, *diagnosis.of_answers(counted, x[:rows], logits, labels)]
        now = replace(now, findings=tuple(findings), seconds=time.perf_counter() - started)
        yield now
        sample = right.nonzero().flatten()[:diagnose].to(x.device)
        # Of a classifier that draws at random, the gradient belongs to another draw than the answer.
        if diagnose and len(sample) and not any(finding.key == "random" for finding in findings):
            case = run.case(sample, 0, 0)
            for found in diagnosis.of_gradients(counted, case, surrogate):
                now = replace(now.with_findings(found), seconds=time.perf_counter() - started)
                yield now
    blind = any(finding.key == "no_gradient" for finding in now.findings)
    for number, member in enumerate(members):
        if now.attacks[number].done:
            continue
        if blind and member.needs_gradient:
            now = run.skipped(now, number, "the classifier gives no gradient")
        for record in run.attack(now, number, member) if not now.attacks[number].done else ():
            now = replace(record, seconds=time.perf_counter() - started)
            yield now
    now = now.with_findings(diagnosis.of_results(now, members))
    yield replace(now, seconds=time.perf_counter() - started, share=1.0)


class _Run:
    """The parts of an evaluation that do not change."""

    def __init__(
        self,
        counted: Counted,
        x: Tensor,
        labels: Tensor,
        logits: Tensor,
        ball: Ball,
        budget: Budget,
        batch: int,
        seed: int,
        cascade: bool,
        curve: int,
        members: Sequence[Member],
    ) -> None:
        self.counted, self.x, self.labels, self.logits = counted, x, labels, logits
        self.ball, self.budget, self.batch, self.seed = ball, budget, batch, seed
        self.cascade, self.curve, self.members = cascade, curve, members
        self.costs = [member.cost(budget, logits.shape[1]) for member in members]

    def case(self, rows: Tensor, number: int, round_: int) -> Case:
        seeds = seeds_for(self.seed, number, round_, rows)
        return Case(self.counted, self.x[rows], self.labels[rows], self.logits[rows], self.ball, seeds, self.budget)

    def waiting(self, now: Evaluation, number: int) -> Tensor:
        """The examples that the attack of that number still has to try, (M,)."""
        for_curve = self.curve and self.members[number].name == "fmn"
        wanted = now.right & ~now.tried[number]
        if for_curve:
            wanted[self.curve :] = False
        elif self.cascade:
            wanted &= now.broken_by == STANDS
        return wanted.nonzero().flatten()

    def attack(self, now: Evaluation, number: int, member: Member) -> Iterator[Evaluation]:
        """Run one attack on all examples that wait for it."""
        if member.name == "fmn" and self.curve:
            now = replace(now, measured=now.measured | (torch.arange(now.count) < self.curve))
        rounds = member.rounds(self.budget, self.logits.shape[1])
        for rows in self.waiting(now, number).split(self.batch):
            if not len(rows):
                break
            before, start = now.attacks[number], time.perf_counter()
            spent = (self.counted.forward, self.counted.backward)
            broke, sizes = torch.zeros(len(rows), dtype=torch.bool), torch.full((len(rows),), math.inf).double()
            found: dict[int, tuple[Tensor, int]] = {}
            last = start
            for round_, launch in enumerate(rounds):
                left = (~broke).nonzero().flatten()
                if not len(left):
                    break
                case = self.case(rows[left].to(self.x.device), number, round_)
                end: Step | None = None
                for step in launch(case):
                    end = step
                    if (moment := time.perf_counter()) - last > _APART:
                        last = moment
                        yield self.told(now, number, before, spent, start, len(rows))
                if end is None:
                    raise ValueError(f"{member.title} made no step")
                answers, size, delta = self.checked(case, end)
                wrong = answers != STANDS
                shorter = wrong & (size < sizes[left])
                sizes[left[shorter]] = size[shorter]
                for place in shorter.nonzero().flatten().tolist():
                    found[int(left[place])] = delta[place], int(answers[place])
                broke[left] = wrong & (size <= limit(float(self.ball.radius)))
            now = self.taken(now, number, rows, broke, sizes, found)
            now = self.told(now, number, before, spent, start, 0)
            yield now
        record = replace(now.attacks[number], done=True, accuracy=now.accuracy)
        now = replace(now, attacks=_put(now.attacks, number, record))
        yield replace(now, share=self.share(now, 0))

    def checked(self, case: Case, step: Step) -> tuple[Tensor, Tensor, Tensor]:
        """Ask the classifier again at x + δ. Return its answers (`STANDS` where right), ‖δ‖ and δ, on the CPU."""
        picture = case.x + step.delta
        inside = ((picture >= -1e-6) & (picture <= 1 + 1e-6)).flatten(1).all(1)
        with torch.no_grad():
            answers = self.counted(picture).argmax(1)
        answers = torch.where((answers != case.y) & inside, answers, STANDS)
        return answers.cpu(), self.ball.norm(step.delta).double().cpu(), step.delta.cpu()

    def taken(
        self,
        now: Evaluation,
        number: int,
        rows: Tensor,
        broke: Tensor,
        sizes: Tensor,
        found: dict[int, tuple[Tensor, int]],
    ) -> Evaluation:
        """Enter the results of one batch."""
        tried, broken, by = now.tried.clone(), now.broke.clone(), now.broken_by.clone()
        least, becomes = now.sizes.clone(), now.becomes.clone()
        tried[number, rows] = True
        broken[number, rows] = broke
        first = broke & (by[rows] == STANDS)
        by[rows[first]] = number
        for place, (delta, answer) in found.items():
            row, size = int(rows[place]), float(sizes[place])
            if size < float(least[row]):
                least[row], becomes[row], now.deltas[row] = size, answer, delta
        return replace(now, tried=tried, broke=broken, broken_by=by, sizes=least, becomes=becomes)

    def attacks_with(
        self, now: Evaluation, number: int, before: AttackRecord, spent: tuple[int, int], start: float
    ) -> tuple[AttackRecord, ...]:
        record = replace(
            before,
            tried=int(now.tried[number].sum()),
            broke=int(now.broke[number].sum()),
            accuracy=now.accuracy,
            forward=before.forward + self.counted.forward - spent[0],
            backward=before.backward + self.counted.backward - spent[1],
            seconds=before.seconds + time.perf_counter() - start,
        )
        return _put(now.attacks, number, record)

    def told(
        self, now: Evaluation, number: int, before: AttackRecord, spent: tuple[int, int], start: float, rows: int
    ) -> Evaluation:
        """The record within a batch of that many rows."""
        now = replace(now, attacks=self.attacks_with(now, number, before, spent, start))
        done = self.counted.forward - spent[0] + 2 * (self.counted.backward - spent[1])
        return replace(now, share=self.share(now, max(rows * self.costs[number] - done, 0) - rows * self.costs[number]))

    def share(self, now: Evaluation, correction: float) -> float:
        """The part of the work that is done, if no more examples break."""
        left = sum(
            cost * len(self.waiting(now, number))
            for number, cost in enumerate(self.costs)
            if not now.attacks[number].done
        )
        left = max(left + correction, 0)
        spent = now.forward + 2 * now.backward
        return min(spent / (spent + left), 1.0) if spent + left else 1.0

    def skipped(self, now: Evaluation, number: int, reason: str) -> Evaluation:
        record = replace(now.attacks[number], done=True, skipped=reason, accuracy=None)
        return replace(now, attacks=_put(now.attacks, number, record))


def _put(attacks: tuple[AttackRecord, ...], number: int, record: AttackRecord) -> tuple[AttackRecord, ...]:
    return (*attacks[:number], record, *attacks[number + 1 :])


def _ball_of(perturbation_set: PerturbationSet) -> tuple[Ball, NormKey]:
    """Return the ball and its norm.

    Raises:
        ValueError: another set than a ball with one ε.
    """
    for key in get_args(NormKey):
        if type(perturbation_set) is NORMS[key].ball:
            assert isinstance(perturbation_set, Ball)
            eps = perturbation_set.radius
            if (isinstance(eps, Tensor) and eps.numel() != 1) or not math.isfinite(float(eps)):
                raise ValueError("an evaluation has one finite ε for all examples")
            return perturbation_set.with_radius(float(eps)), key
    raise ValueError("an evaluation needs a ball with one ε: Linf(8 / 255), L2(0.5), L1(12) or L0(20)")


def _first(
    norm: NormKey,
    eps: float,
    settings: dict[str, object],
    answers: Tensor,
    labels: Tensor,
    x: Tensor,
    members: Sequence[Member],
) -> Evaluation:
    right = answers == labels
    count, nothing = len(labels), torch.zeros(len(members), len(labels), dtype=torch.bool)
    return Evaluation(
        norm=norm,
        eps=eps,
        settings=settings,
        right=right,
        labels=labels,
        broken_by=torch.full((count,), STANDS),
        tried=nothing,
        broke=nothing.clone(),
        sizes=torch.where(right, math.inf, 0.0).double(),
        deltas=torch.zeros(x.shape, dtype=x.dtype),
        becomes=torch.where(right, STANDS, answers),
        measured=torch.zeros(count, dtype=torch.bool),
        attacks=tuple(AttackRecord(member.name, member.title) for member in members),
    )


def _check_resumed(resume: Evaluation, fresh: Evaluation) -> None:
    """Refuse a record that belongs to another evaluation.

    Raises:
        ValueError: names what differs.
    """
    differs = [name for name, value in fresh.settings.items() if resume.settings.get(name) != value]
    if (resume.norm, resume.eps) != (fresh.norm, fresh.eps):
        differs.append("the ball")
    if not differs and not torch.equal(resume.right, fresh.right):
        differs.append("the classifier, which answers otherwise than before,")
    if differs:
        raise ValueError(f"this record is of another evaluation: {' and '.join(differs)} differ. Begin a new one.")


def _digest(x: Tensor, labels: Tensor) -> str:
    """Return a digest of the examples."""
    digest = hashlib.sha256(f"{tuple(x.shape)}".encode())
    for part in x.split(64):
        digest.update(part.detach().cpu().contiguous().numpy().tobytes())
    digest.update(labels.cpu().numpy().tobytes())
    return digest.hexdigest()[:16]
