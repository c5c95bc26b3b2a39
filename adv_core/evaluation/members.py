"""The attacks of an evaluation and their budgets; *standard* is the selection of AutoAttack.

AutoAttack (Croce & Hein, ICML 2020, arXiv:2003.01690) runs APGD on the cross-entropy, APGD on the targeted logits
ratio, targeted FAB and Square Attack, one after the other, each on what still stands.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from adv_core.attacks.apgd import apgd
from adv_core.attacks.catalogue import ATTACKS
from adv_core.attacks.fab import fab
from adv_core.attacks.info import AttackInfo
from adv_core.attacks.noise import random_noise
from adv_core.attacks.smallest_epsilon import smallest_epsilon
from adv_core.attacks.square import square_attack
from adv_core.attacks.step import Logits, Step
from adv_core.bounds import check_bounds
from adv_core.norms import NORMS, NormKey
from adv_core.objectives import LogitsRatio, Margin, Objective, TargetedDifference, Untargeted
from adv_core.perturbation_sets import L1, Ball


@dataclass(frozen=True)
class Budget:
    """The work that each attack may spend on an example; the defaults are AutoAttack's.

    Attributes:
        steps: gradient steps of a run.
        targets: classes that a targeted attack aims at, the likeliest ones; each is a run.
        restarts: runs of an untargeted gradient attack, from different random points; see `standard`.
        queries: of a black-box attack.
    """

    steps: int = 100
    targets: int = 9
    restarts: int = 1
    queries: int = 5000

    def __post_init__(self) -> None:
        check_bounds(self, steps=(1, 100_000), targets=(1, 1000), restarts=(1, 1000), queries=(1, 10_000_000))

    @classmethod
    def standard(cls, norm: NormKey) -> "Budget":
        """AutoAttack's budget in that norm."""
        return cls(restarts=5 if norm == "l1" else 1)


@dataclass(frozen=True, eq=False)
class Case:
    """Examples to attack.

    Attributes:
        classifier: pixels in, logits out.
        x, y: (N, ...) and (N,), examples that the classifier gets right; logits: its answers to them, (N, K).
        ball: Δ; seeds: one for each example, so that its draws do not depend on its batch; budget: of each example.
    """

    classifier: Logits
    x: Tensor
    y: Tensor
    logits: Tensor
    ball: Ball
    seeds: tuple[int, ...]
    budget: Budget

    def rows(self, index: Tensor) -> "Case":
        """Those examples alone; ``index`` are their numbers."""
        seeds = tuple(self.seeds[row] for row in index.tolist())
        return replace(self, x=self.x[index], y=self.y[index], logits=self.logits[index], seeds=seeds)

    @property
    def unlimited(self) -> Ball:
        """The ball's norm without its limit."""
        return self.ball.with_radius(math.inf)

    def rival(self, number: int) -> Tensor:
        """The class that is number 0, 1, ... in order of its logit among the classes other than y, (N,)."""
        others = self.logits.scatter(1, self.y[:, None], -math.inf)
        return others.argsort(dim=1, descending=True, stable=True)[:, number]


Round = Callable[[Case], Iterator[Step]]


@dataclass(frozen=True, eq=False)
class Member:
    """An attack of an evaluation.

    Attributes:
        name: the key; title: for people.
        rounds: makes its runs, for that budget and number of classes; each gets the examples that still stand.
        cost: the most passes of an example, for that budget and number of classes; a backward pass counts as two.
        norms: the norms that it knows.
        needs_gradient: whether it needs a gradient of the classifier.
    """

    name: str
    title: str
    rounds: Callable[[Budget, int], Sequence[Round]]
    cost: Callable[[Budget, int], float]
    norms: tuple[NormKey, ...] = ("linf", "l2", "l1")
    needs_gradient: bool = True


def _climb(objective: Callable[[Case], Objective]) -> Round:
    """Auto-PGD from a random point; an example that is fooled costs no more."""

    def start(case: Case) -> Iterator[Step]:
        return apgd(
            case.classifier,
            case.x,
            case.ball,
            objective(case),
            steps=case.budget.steps,
            random_start=True,
            restarts=case.budget.restarts,
            seed=case.seeds,
            quantize=False,
            until=Untargeted(case.y),
            larger=(3.0, 2.0) if isinstance(case.ball, L1) else (),
        )

    return start


def _towards(number: int) -> Round:
    def objective(case: Case) -> Objective:
        enough = case.logits.shape[1] > 3  # the targeted logits ratio compares four classes
        return (LogitsRatio if enough else TargetedDifference)(case.y, case.rival(number))

    def start(case: Case) -> Iterator[Step]:
        return _climb(objective)(replace(case, budget=replace(case.budget, restarts=1)))

    return start


def _boundary(number: int | None) -> Round:
    def start(case: Case) -> Iterator[Step]:
        target = None if number is None else case.rival(number)
        return fab(
            case.classifier,
            case.x,
            case.unlimited,
            case.y,
            steps=case.budget.steps,
            target=target,
            enough=case.ball.radius,
            quantize=False,
        )

    return start


def _square(case: Case) -> Iterator[Step]:
    return square_attack(
        case.classifier,
        case.x,
        case.ball,
        Margin(case.y),
        queries=case.budget.queries,
        seed=case.seeds[0],
        quantize=False,
        together=8,
    )


def _noise(case: Case) -> Iterator[Step]:
    return random_noise(case.classifier, case.x, case.ball, Untargeted(case.y), seed=case.seeds[0], quantize=False)


def _smallest(case: Case) -> Iterator[Step]:
    return smallest_epsilon(
        case.classifier, case.x, case.unlimited, Untargeted(case.y), steps=case.budget.steps, quantize=False
    )


def _targets(budget: Budget, classes: int) -> int:
    return min(budget.targets, classes - 1)


MEMBERS: dict[str, Member] = {
    member.name: member
    for member in (
        Member(
            "apgd-ce",
            "APGD, cross-entropy",
            lambda budget, classes: [_climb(lambda case: Untargeted(case.y))],
            lambda budget, classes: 3 * budget.steps * budget.restarts,
        ),
        Member(
            "apgd-dlr",
            "APGD, logits ratio",
            lambda budget, classes: [_climb(lambda case: (LogitsRatio if classes > 2 else Margin)(case.y))],
            lambda budget, classes: 3 * budget.steps * budget.restarts,
        ),
        Member(
            "apgd-t",
            "APGD, targeted logits ratio",
            lambda budget, classes: [_towards(number) for number in range(_targets(budget, classes))],
            lambda budget, classes: 3 * budget.steps * _targets(budget, classes),
        ),
        Member(
            "fab",
            "FAB",
            lambda budget, classes: [_boundary(None)],
            lambda budget, classes: (2 + 2 * min(10, classes - 1)) * budget.steps,
        ),
        Member(
            "fab-t",
            "FAB, targeted",
            lambda budget, classes: [_boundary(number) for number in range(_targets(budget, classes))],
            lambda budget, classes: 4 * budget.steps * _targets(budget, classes),
        ),
        Member(
            "square",
            "Square Attack",
            lambda budget, classes: [_square],
            lambda budget, classes: budget.queries,
            norms=("linf", "l2"),
            needs_gradient=False,
        ),
        Member(
            "fmn",
            "Fast minimum norm",
            lambda budget, classes: [_smallest],
            lambda budget, classes: 3 * budget.steps,
        ),
        Member(
            "noise",
            "Random noise",
            lambda budget, classes: [_noise],
            lambda budget, classes: 2,
            norms=("linf", "l2", "l1", "l0"),
            needs_gradient=False,
        ),
    )
}

STANDARD = ("apgd-ce", "apgd-t", "fab-t", "square")


def members_of(attacks: str | Sequence[str | Member], norm: NormKey) -> list[Member]:
    """The members that those names mean, for that norm; *standard* leaves out a member that does not know the norm.

    Args:
        attacks: "standard", or names: of `MEMBERS`, or of the catalogue (`ATTACKS`, with their defaults and this
            budget's steps and queries), or members of your own.

    Raises:
        ValueError: a name that is not known, an attack that does not know the norm, no attack, one given twice.
    """
    if attacks == "standard":
        found = [MEMBERS[name] for name in STANDARD if norm in MEMBERS[name].norms]
        if len(found) < 3:
            raise ValueError(f"standard needs the L∞, L2 or L1 norm, not {NORMS[norm].title}: name the attacks")
        return found
    if isinstance(attacks, str):
        attacks = [attacks]
    found = []
    for each in attacks:
        if isinstance(each, Member):
            member = each
        elif each in MEMBERS:
            member = MEMBERS[each]
        elif each in ATTACKS and ATTACKS[each].targeted != "always":
            member = _of_catalogue(ATTACKS[each])
        else:
            known = [*MEMBERS, *(name for name, info in ATTACKS.items() if info.targeted != "always")]
            raise ValueError(f"there is no attack {each!r}: choose standard, or of {', '.join(dict.fromkeys(known))}")
        if norm not in member.norms:
            raise ValueError(f"{member.title} does not know the {NORMS[norm].title} norm: leave it out")
        found.append(member)
    if not found:
        raise ValueError("an evaluation needs an attack")
    if len({member.name for member in found}) < len(found):
        raise ValueError("an attack is named twice")
    return found


def _of_catalogue(info: AttackInfo) -> Member:
    def start(case: Case) -> Iterator[Step]:
        ball = case.unlimited if info.minimal else case.ball
        places = {"set": ball, "objective": Untargeted(case.y), "y": case.y}
        given = {"steps": case.budget.steps, "queries": case.budget.queries, "restarts": case.budget.restarts}
        options: dict[str, object] = {name: value for name, value in given.items() if name in info.options}
        if "seed" in info.options:
            options["seed"] = case.seeds if info.batches else case.seeds[0]
        arguments = (places[name] for name in info.arguments)
        return info.solver(case.classifier, case.x, *arguments, quantize=False, **options)

    black_box = info.group == "black box"
    return Member(
        info.name,
        info.title,
        lambda budget, classes: [start],
        lambda budget, classes: budget.queries if black_box else 3 * budget.steps * info.runs,
        norms=info.norms,
        needs_gradient=not black_box,
    )


def seeds_for(seed: int, member: int, run: int, rows: Tensor) -> tuple[int, ...]:
    """A seed for each example: it depends on the example's number, and not on its batch."""
    base = (seed * 1_000_003 + member * 7_919 + run) * 1_000_033 % 2**40
    return tuple(base + row for row in rows.tolist())
