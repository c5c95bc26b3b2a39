"""argmax: the solvers of  δ* = argmax over Δ of L(y, f(x + δ)) that climb a gradient.

A solver is a generator of `Step`. A caller who wants to watch iterates; one who wants the end calls `run`. Stopping is
not asking for the next step.

There is one loop here, `_ascend`. What makes an attack is the rule by which it finds the next δ (`SteepestAscent`,
`MomentumAscent`, `AdaptiveAscent`) and where it starts. Attacks that look for the *smallest* δ are in `minimum_norm`,
those that see only the classifier's answers in `black_box`.
"""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from adv_core.images import is_8bit, round_to_8bit
from adv_core.objectives import Climbable, Custom, Objective
from adv_core.perturbation_sets import PerturbationSet, per_row

Classifier = Callable[[Tensor], Tensor]
StepRule = Literal["steepest", "gradient"]
ProjectionRule = Literal["each", "last"]
Seed = int | Sequence[int]


@dataclass(eq=False)
class Step:
    """One iterate.

    Attributes:
        index: 0 is the start (δ = 0, or the random start), k the point after k updates.
        x: the images (N, 3, H, W), by reference.
        delta: the perturbation there, feasible, detached.
        gradient_norm: ‖∂L/∂x‖₂ there, (N,); None where no gradient was needed (the last step, the black box).
        evaluate: computes (logits, loss) there, when somebody asks. A solver that knows them already gives them away
            for nothing; the last step of an attack costs a forward pass, and only a caller who reads ``logits`` or
            ``loss`` pays for it. Read them before you change the classifier.
        final: this is what the attack ends with, rounded to 8 bits if that was asked for.
    """

    index: int
    x: Tensor
    delta: Tensor
    evaluate: Callable[[], tuple[Tensor, Tensor]] = field(repr=False)
    gradient_norm: Tensor | None = None
    final: bool = False

    @cached_property
    def _seen(self) -> tuple[Tensor, Tensor]:
        return self.evaluate()

    @property
    def logits(self) -> Tensor:
        """What the classifier says there, (N, K)."""
        return self._seen[0]

    @property
    def loss(self) -> Tensor:
        """The objective there, (N,); the attack maximises it."""
        return self._seen[1]

    @property
    def adversarial(self) -> Tensor:
        """x + δ."""
        return self.x + self.delta


@dataclass(frozen=True, eq=False)
class AttackResult:
    """The end of a run. ``adversarial`` has 8-bit values where x has, and ``x + delta == adversarial`` to the bit.

    The ball then holds exactly in whole 8-bit levels; k / 255 has no exact float32, so |δ| as a float may pass
    float32(ε) by about 3e-8. The steps before the last hold both constraints to the last bit.

    Attributes:
        steps: the way there; only the last step where the caller did not keep the others.
    """

    steps: list[Step]

    @property
    def delta(self) -> Tensor:
        return self.steps[-1].delta

    @property
    def adversarial(self) -> Tensor:
        return self.steps[-1].adversarial

    @property
    def logits(self) -> Tensor:
        return self.steps[-1].logits

    @property
    def loss(self) -> Tensor:
        return self.steps[-1].loss


@dataclass(frozen=True, eq=False)
class InputGradient:
    """Logits (N, K), loss (N,) and ∂L/∂x (N, 3, H, W) at one point."""

    logits: Tensor
    loss: Tensor
    gradient: Tensor

    @cached_property
    def norm(self) -> Tensor:
        """‖∂L/∂x‖₂ of every row, (N,)."""
        return torch.linalg.vector_norm(self.gradient.flatten(1), dim=1)


def input_gradient(
    classifier: Classifier, x: Tensor, objective: Climbable, *, delta: Tensor | None = None
) -> InputGradient:
    """One forward and one backward pass at x (or x + δ), to the input alone; no parameter gets a gradient.

    Works inside ``no_grad`` and ``inference_mode``. A classifier that ignores its input gives a zero gradient, and
    what is not a number in a gradient counts as zero.
    """
    with torch.inference_mode(False), torch.enable_grad():
        point = (x.detach().clone() if delta is None else x + delta).requires_grad_()
        logits = classifier(point)
        loss = objective(logits)
        # The rows do not see each other, so the gradient of the sum holds each row's own gradient.
        (gradient,) = torch.autograd.grad(loss.sum(), point, allow_unused=True) if loss.requires_grad else (None,)
    if gradient is None:
        gradient = torch.zeros_like(point)
    seen = InputGradient(logits.detach(), loss.detach(), gradient.detach())
    # Asking costs less than mending, except on an accelerator, which would have to wait for the answer.
    if gradient.is_cpu and bool(seen.norm.isfinite().all()):
        return seen
    return InputGradient(seen.logits, seen.loss, torch.nan_to_num(seen.gradient))


def evaluate(classifier: Classifier, x: Tensor, objective: Climbable) -> tuple[Tensor, Tensor]:
    """Logits (N, K) and objective (N,) at x, without a gradient."""
    with torch.no_grad():
        logits = classifier(x)
        return logits, objective(logits)


def default_step_size(reach: float | Tensor, steps: int) -> float | Tensor:
    """α = 5·ε/steps, at most ε.

    Twice the 2.5·ε/steps of Madry et al. (2018): a result that is rounded to 8 bits gains nothing from steps of a
    quarter of a level, and the L2 iterates then reach the sphere. One step takes α = ε, which is FGSM.

    Args:
        reach: ε, or what the set calls its `reach`.
    """
    return min(5 / max(steps, 1), 1.0) * reach


# --------------------------------------------------------------------------------- the rules: how to find the next δ


class Rule(ABC):
    """How an attack gets from δ to the next δ. One instance lives for one run, and may remember."""

    @abstractmethod
    def next(self, delta: Tensor, here: InputGradient, x: Tensor) -> Tensor:
        """The next δ, feasible; ``here`` is what was seen at x + δ."""

    def last(self, delta: Tensor, loss: Callable[[Tensor], Tensor]) -> Tensor:
        """The δ to end with, when ``delta`` would be the next; ``loss`` evaluates one, (N,)."""
        return delta


@dataclass
class SteepestAscent(Rule):
    """δ ← P(δ + α·step(g)), with the steepest step of the set, or with g itself; P each time, or at the end alone."""

    delta_set: PerturbationSet
    step_size: float | Tensor
    step: StepRule = "steepest"
    projected: ProjectionRule = "each"
    _project: Callable[[Tensor], Tensor] | None = None

    def next(self, delta: Tensor, here: InputGradient, x: Tensor) -> Tensor:
        self._project = self._project or self.delta_set.projection(x)
        if self.step == "steepest":
            moved = self.delta_set.ascend(delta, here.gradient, self.step_size)
        elif self.step == "gradient":
            moved = per_row(self.step_size, x) * here.gradient + delta
        else:
            raise ValueError(f"step is 'steepest' or 'gradient', not {self.step!r}")
        return self._project(moved) if self.projected == "each" else moved

    def last(self, delta: Tensor, loss: Callable[[Tensor], Tensor]) -> Tensor:
        return delta if self.projected == "each" or self._project is None else self._project(delta)


@dataclass
class MomentumAscent(Rule):
    """m ← μ·m + g/‖g‖₁, δ ← P(δ + α·step(m))."""

    delta_set: PerturbationSet
    step_size: float | Tensor
    decay: float
    _momentum: Tensor | None = None

    def next(self, delta: Tensor, here: InputGradient, x: Tensor) -> Tensor:
        gradient = here.gradient
        size = gradient.flatten(1).abs().sum(1).clamp_min(torch.finfo(gradient.dtype).tiny)
        fresh = gradient / per_row(size, gradient)
        self._momentum = fresh if self._momentum is None else self.decay * self._momentum + fresh
        return self.delta_set.project(delta + self.delta_set.steepest(self._momentum, self.step_size), x)


class AdaptiveAscent(Rule):
    """The step size of Auto-PGD (Croce & Hein, ICML 2020): halved, row by row, when the loss stops rising.

    At checkpoints that come closer and closer together, a row whose loss rose in fewer than ρ = 75 % of the steps, or
    whose best did not change with an unchanged step size, halves α and goes back to its best δ. Every step keeps a
    quarter of the last move.
    """

    def __init__(self, delta_set: PerturbationSet, steps: int, rho: float = 0.75, momentum: float = 0.75) -> None:
        self.delta_set, self.rho, self.momentum = delta_set, rho, momentum
        self.checkpoints = self._checkpoints(steps)
        self.index = 0

    @staticmethod
    def _checkpoints(steps: int) -> list[int]:
        """As in the authors' program: 22 % of the steps, then less and less, down to 6 %."""
        places, apart = [0], max(int(0.22 * steps), 1)
        while places[-1] < steps:
            places.append(places[-1] + apart)
            apart = max(apart - max(int(0.03 * steps), 1), int(0.06 * steps), 1)
        return places

    def next(self, delta: Tensor, here: InputGradient, x: Tensor) -> Tensor:
        gradient = here.gradient
        if self.index == 0:
            self.step_size = (
                2 * torch.as_tensor(self.delta_set.reach, dtype=x.dtype, device=x.device).expand(len(x)).clone()
            )
            self.before, self.loss_before = delta, here.loss
            self.best, self.best_loss, self.best_gradient = delta, here.loss, gradient
            self.rises = torch.zeros_like(here.loss)
            self.halved = torch.zeros_like(here.loss, dtype=torch.bool)
            self.best_at_checkpoint = here.loss
        self.rises = self.rises + (here.loss > self.loss_before)
        better = here.loss > self.best_loss
        self.best = where_rows(better, delta, self.best)
        self.best_gradient = where_rows(better, gradient, self.best_gradient)
        self.best_loss = torch.maximum(here.loss, self.best_loss)
        self.loss_before = here.loss
        if self.index and self.index in self.checkpoints:
            since = self.index - self.checkpoints[self.checkpoints.index(self.index) - 1]
            stuck = (self.rises < self.rho * since) | (~self.halved & (self.best_loss <= self.best_at_checkpoint))
            self.step_size = torch.where(stuck, self.step_size / 2, self.step_size)
            delta, gradient = where_rows(stuck, self.best, delta), where_rows(stuck, self.best_gradient, gradient)
            self.halved, self.best_at_checkpoint = stuck, self.best_loss
            self.rises = torch.zeros_like(self.rises)
        ahead = self.delta_set.project(delta + self.delta_set.steepest(gradient, self.step_size), x)
        if self.index:
            moved = delta + self.momentum * (ahead - delta) + (1 - self.momentum) * (delta - self.before)
            ahead = self.delta_set.project(moved, x)
        self.before = delta
        self.index += 1
        return ahead

    def last(self, delta: Tensor, loss: Callable[[Tensor], Tensor]) -> Tensor:
        if self.index == 0:
            return delta
        return where_rows(loss(delta) > self.best_loss, delta, self.best)


class QuietestAdam(Rule):
    """Adam inside an L∞ ball that shrinks to 0.8 of the change whenever the aim is reached (Carlini & Wagner 2018).

    What is kept is the smallest change that was *seen* to reach the aim.

    Args:
        delta_set: the ball to begin with, ε a whole number of ``grain``.
        reached: whether logits reach the aim, (N,).
        pace: twice the step of a usual sample, as a part of the present ε.
        grain: one level of the file; ε stays a whole number of them, so that rounding cannot leave the ball.
    """

    def __init__(
        self, delta_set: PerturbationSet, reached: Callable[[Tensor], Tensor], pace: float, grain: float
    ) -> None:
        self.delta_set, self.reached, self.pace, self.grain = delta_set, reached, pace, grain
        self.index = 0

    def next(self, delta: Tensor, here: InputGradient, x: Tensor) -> Tensor:
        if self.index == 0:
            self.radius = torch.as_tensor(self.delta_set.radius).to(x).expand(len(x)).clone()
            self.best, self.smallest = delta, torch.full_like(self.radius, torch.inf)
            self.mean, self.square = torch.zeros_like(delta), torch.zeros_like(delta)
        self.keep(delta, self.reached(here.logits))
        self.index += 1
        # Gradients of sound differ by orders of magnitude from clip to clip; Adam does not mind. It forgets faster than
        # usual (0.9 and 0.99): which letters are still wrong, and so, where it has to push, changes within a few steps.
        self.mean = 0.5 * self.mean + 0.5 * here.gradient
        self.square = 0.8 * self.square + 0.2 * here.gradient.square()
        mean, square = self.mean / (1 - 0.5**self.index), self.square / (1 - 0.8**self.index)
        # Halfway to a plain gradient: a sample that hardly matters moves less. Where all move alike, those that are
        # right already keep shaking what is nearly said.
        usual = per_row(square.flatten(1).mean(1), x)
        moved = delta + per_row(self.pace * self.radius, x) * mean / (square.sqrt() + usual.sqrt() + 1e-12)
        return self.delta_set.with_radius(self.radius).project(moved, x)

    def keep(self, delta: Tensor, won: Tensor) -> None:
        """Remember the rows that reach the aim, and leave them less room."""
        size = (self.delta_set.norm(delta) / self.grain).round()  # the file's levels
        better = won & (size * self.grain < self.smallest)
        self.best = where_rows(better, delta, self.best)
        self.smallest = torch.where(better, size * self.grain, self.smallest)
        less = torch.floor(0.8 * size).clamp_min(1) * self.grain
        self.radius = torch.where(won, torch.minimum(self.radius, less), self.radius)

    def last(self, delta: Tensor, loss: Callable[[Tensor], Tensor]) -> Tensor:
        return delta if self.index == 0 else where_rows(self.smallest.isfinite(), self.best, delta)


# ------------------------------------------------------------------------------------------------------- the attacks


def fgsm(
    classifier: Classifier,
    x: Tensor,
    perturbation_set: PerturbationSet,
    objective: Climbable,
    *,
    gradient: InputGradient | None = None,
    quantize: bool = True,
) -> Iterator[Step]:
    """The fast gradient sign method (Goodfellow, Shlens & Szegedy, ICLR 2015, arXiv:1412.6572).

    One steepest step of length ε from x: in L∞ δ = ε·sign(∂L/∂x), in L2 the normalised gradient.

    Args:
        classifier: maps pixels (N, 3, H, W) in [0, 1] to logits (N, K).
        x: images in [0, 1].
        perturbation_set: `Linf(8/255)`, `L2(1.0)`, ...; ε may differ per row.
        objective: `Untargeted(y)`, `Targeted(target)`, ..., or any function from logits (N, K) to (N,).
        gradient: ∂L/∂x at x from `input_gradient`, if it is known already. It does not depend on ε: with it, another ε
            costs one forward pass.
        quantize: round the last δ so that x + δ is an 8-bit picture (where x is one).

    Yields:
        Step 0 (x itself) and step 1.

    Raises:
        ValueError: x outside [0, 1] or not finite, a label out of range.
    """
    yield from _ascend(
        classifier,
        x,
        perturbation_set,
        objective,
        lambda: SteepestAscent(perturbation_set, perturbation_set.reach),
        steps=1,
        first=gradient,
        quantize=quantize,
    )


def r_fgsm(
    classifier: Classifier,
    x: Tensor,
    perturbation_set: PerturbationSet,
    objective: Climbable,
    *,
    random_size: float | Tensor | None = None,
    seed: Seed = 0,
    quantize: bool = True,
) -> Iterator[Step]:
    """R+FGSM: a small random step first, then FGSM with the rest of ε (Tramèr et al., ICLR 2018, arXiv:1705.07204).

    The random step leaves the flat spot that some defences make at x itself.

    Args:
        classifier, x, perturbation_set, objective, quantize: as for `fgsm`.
        random_size: length of the random step, in the set's norm; None is ε/2, as in the paper.
        seed: of the random direction; one for the batch, or one a row.

    Yields:
        Step 0 (after the random step) and step 1.
    """
    reach = perturbation_set.reach
    size = reach * 0.5 if random_size is None else random_size

    def start(x: Tensor) -> Tensor:
        direction = _rowwise(x, seed, lambda like, generator: torch.randn(like.shape, generator=generator).to(like))
        return perturbation_set.project(perturbation_set.steepest(direction, size), x)

    yield from _ascend(
        classifier,
        x,
        perturbation_set,
        objective,
        lambda: SteepestAscent(perturbation_set, reach - size),
        steps=1,
        starts=[start],
        quantize=quantize,
    )


def bim(
    classifier: Classifier,
    x: Tensor,
    perturbation_set: PerturbationSet,
    objective: Climbable,
    *,
    steps: int = 10,
    step_size: float | Tensor | None = None,
    quantize: bool = True,
) -> Iterator[Step]:
    """The basic iterative method, I-FGSM (Kurakin, Goodfellow & Bengio, 2017, arXiv:1607.02533): PGD from x itself.

    Args:
        classifier, x, perturbation_set, objective, quantize: as for `fgsm`.
        steps: number of updates.
        step_size: α; None is ε/steps, just enough to get to the edge of the ball.

    Yields:
        ``steps + 1`` steps.
    """
    alpha = perturbation_set.reach / max(steps, 1) if step_size is None else step_size
    yield from pgd(classifier, x, perturbation_set, objective, steps=steps, step_size=alpha, quantize=quantize)


def pgd(
    classifier: Classifier,
    x: Tensor,
    perturbation_set: PerturbationSet,
    objective: Climbable,
    *,
    steps: int = 40,
    step_size: float | Tensor | None = None,
    step: StepRule = "steepest",
    projected: ProjectionRule = "each",
    random_start: bool = False,
    restarts: int = 1,
    seed: Seed = 0,
    quantize: bool = True,
) -> Iterator[Step]:
    """Projected gradient descent (Madry et al., ICLR 2018, arXiv:1706.06083): δ ← P(δ + α·step(∂L/∂x)).

    Costs ``restarts · steps`` forward and backward passes, and one forward pass more a restart where there are several.

    Args:
        classifier, x, perturbation_set, objective, quantize: as for `fgsm`.
        steps: number of updates, ≥ 0, of each restart.
        step_size: α, in pixel units for a steepest step, a plain factor for a gradient step; a number or one a row.
            None: `default_step_size`.
        step: "steepest" (sign in L∞, normalised gradient in L2) or "gradient" (α times the raw gradient).
        projected: after "each" step, which is PGD; or after the "last" alone, for comparison. All steps before the last
            may then lie outside the set, and x + δ outside [0, 1].
        random_start: begin at a random point of the set instead of δ = 0. Later restarts always do.
        restarts: how often to run. The last step is, row by row, the best end of all: one that reaches the objective's
            aim before one that does not, then the one with the higher objective.
        seed: of the random points; one for the batch, or one a row. The same seed gives the same points on every
            device; the global generator is not touched.

    Yields:
        ``restarts · steps + 1`` steps.

    Raises:
        ValueError: as for `fgsm`; a negative number of steps, no restart at all, another word for ``projected``.
    """
    if restarts < 1:
        raise ValueError("an attack has to run at least once")
    if projected not in ("each", "last"):
        raise ValueError(f"projected is 'each' or 'last', not {projected!r}")
    alpha = default_step_size(perturbation_set.reach, steps) if step_size is None else step_size
    drawn = _random_starts(perturbation_set, seed)
    yield from _ascend(
        classifier,
        x,
        perturbation_set,
        objective,
        lambda: SteepestAscent(perturbation_set, alpha, step, projected),
        steps=steps,
        starts=[drawn if random_start or restart else None for restart in range(restarts)],
        quantize=quantize,
    )


def mi_fgsm(
    classifier: Classifier,
    x: Tensor,
    perturbation_set: PerturbationSet,
    objective: Climbable,
    *,
    steps: int = 10,
    step_size: float | Tensor | None = None,
    decay: float = 1.0,
    quantize: bool = True,
) -> Iterator[Step]:
    """The momentum iterative method, MI-FGSM (Dong et al., CVPR 2018, arXiv:1710.06081).

    Gradients are summed up, so that the direction wobbles less; its examples carry over to other networks better.

    Args:
        classifier, x, perturbation_set, objective, quantize: as for `fgsm`.
        steps: number of updates.
        step_size: α; None is ε/steps, as in the paper.
        decay: μ, the weight of the past; 0 is BIM.

    Yields:
        ``steps + 1`` steps.
    """
    alpha = perturbation_set.reach / max(steps, 1) if step_size is None else step_size
    yield from _ascend(
        classifier,
        x,
        perturbation_set,
        objective,
        lambda: MomentumAscent(perturbation_set, alpha, decay),
        steps=steps,
        quantize=quantize,
    )


def apgd(
    classifier: Classifier,
    x: Tensor,
    perturbation_set: PerturbationSet,
    objective: Climbable,
    *,
    steps: int = 40,
    random_start: bool = False,
    restarts: int = 1,
    seed: Seed = 0,
    quantize: bool = True,
) -> Iterator[Step]:
    """Auto-PGD (Croce & Hein, ICML 2020, arXiv:2003.01690): PGD that finds its step size, and ends with its best δ.

    Costs ``steps`` forward and backward passes a restart, and one forward pass at the end of each.

    Args:
        classifier, x, perturbation_set, objective, quantize: as for `fgsm`. The paper climbs `LogitsRatio` as well.
        steps, random_start, restarts, seed: as for `pgd`. There is no step size to choose.

    Yields:
        ``restarts · steps + 1`` steps; the last is the best point of all, rounded.
    """
    if restarts < 1:
        raise ValueError("an attack has to run at least once")
    drawn = _random_starts(perturbation_set, seed)
    yield from _ascend(
        classifier,
        x,
        perturbation_set,
        objective,
        lambda: AdaptiveAscent(perturbation_set, steps),
        steps=steps,
        starts=[drawn if random_start or restart else None for restart in range(restarts)],
        quantize=quantize,
    )


def random_noise(
    classifier: Classifier,
    x: Tensor,
    perturbation_set: PerturbationSet,
    objective: Climbable,
    *,
    draws: int = 1,
    seed: Seed = 0,
    quantize: bool = True,
) -> Iterator[Step]:
    """Noise of the same size: FGSM with a random direction in the place of the gradient.

    In L∞ every pixel moves by the full ±ε, in L2 δ lies on the sphere, so noise and attack differ in direction alone.

    Args:
        draws: how many δ to try, one after the other; the k-th is the first one of ``seed + k - 1``.
        classifier, x, perturbation_set, objective, quantize: as for `fgsm`.

    Yields:
        Step 0 (x itself), and one step a draw. Each of them is rounded as a last step is.
    """
    logits, loss = evaluate(classifier, x, objective)
    for draw in range(draws):
        seeds = seed + draw if isinstance(seed, int) else [each + draw for each in seed]
        direction = _rowwise(x, seeds, lambda like, generator: torch.randn(like.shape, generator=generator).to(like))
        here = InputGradient(logits, loss, direction)
        start, end = fgsm(classifier, x, perturbation_set, objective, gradient=here, quantize=quantize)
        if draw == 0:
            yield start
        yield replace(end, index=draw + 1)


def run(steps: Iterable[Step], *, keep_steps: bool = True) -> AttackResult:
    """Exhaust a solver and keep its end; ``keep_steps=False`` keeps only the last step, for large batches."""
    kept: list[Step] = []
    for step in steps:
        if not keep_steps:
            kept.clear()
        kept.append(step)
    if not kept:
        raise ValueError("an attack without a single step")
    return AttackResult(kept)


# ---------------------------------------------------------------------------------------------------------- the loop


def quietest(
    classifier: Classifier,
    x: Tensor,
    perturbation_set: PerturbationSet,
    objective: Objective,
    *,
    grain: float,
    steps: int = 400,
    pace: float = 0.2,
) -> Iterator[Step]:
    """The attack of Carlini & Wagner on speech (2018, arXiv:1801.01944): reach the aim, then with ever less room.

    Args:
        classifier: from x (N, ...) in [0, 1] to logits, looking at x + δ rounded to its grid.
        x: on the grid; perturbation_set: the first ball, ε a whole number of ``grain``.
        objective: any; each time it is reached, ε becomes 0.8 of the change.
        grain: one level of the grid.
        steps, pace: updates, and twice Adam's usual step as a part of the present ε.

    Yields:
        ``steps + 1`` steps; the last is the smallest change that reached the aim, rounded to the grid; where none did,
        the last one tried.
    """
    for step in _ascend(
        classifier,
        x,
        perturbation_set,
        objective,
        lambda: QuietestAdam(perturbation_set, objective.reached, pace, grain),
        steps=steps,
        quantize=False,
    ):
        if step.final:
            step.delta = (step.delta / grain).round() * grain
        yield step


def _ascend(
    classifier: Classifier,
    x: Tensor,
    perturbation_set: PerturbationSet,
    objective: Climbable,
    make_rule: Callable[[], Rule],
    *,
    steps: int,
    starts: Sequence[Callable[[Tensor], Tensor] | None] = (None,),
    first: InputGradient | None = None,
    quantize: bool,
) -> Iterator[Step]:
    """The one loop, run from every start in turn. No grad mode is held across a yield: it would leak into the caller.

    Args:
        make_rule: a fresh rule for every start.
        starts: each gives the first δ for x; None is δ = 0.
        first: what is known at the very first point.
    """
    if steps < 0:
        raise ValueError("the number of steps cannot be negative")
    x = checked(x, snap=quantize)
    if first is not None and first.gradient.shape != x.shape:
        raise ValueError("the given gradient belongs to another picture")
    if first is not None:  # a rule may overwrite what it is given
        first = InputGradient(first.logits, first.loss, first.gradient.clone())
    best: Tensor | None = None
    best_seen: tuple[Tensor, Tensor] | None = None
    for restart, start in enumerate(starts):
        delta = torch.zeros_like(x) if start is None else start(x)
        rule = make_rule()
        for index in range(steps):
            here, first = first or input_gradient(classifier, x, objective, delta=delta), None
            if index == restart == 0:
                warn_of_probabilities(here.logits)
            yield Step(restart * steps + index, x, delta, known(here.logits, here.loss), here.norm)
            delta = rule.next(delta, here, x)
        delta = rule.last(delta, lambda delta: evaluate(classifier, x + delta, objective)[1])
        if quantize:
            delta = perturbation_set.quantize(delta, x)
        if len(starts) == 1:
            best = delta
            break
        seen = evaluate(classifier, x + delta, objective)
        if best is None or best_seen is None:
            best, best_seen = delta, seen
        else:
            better = _better(objective, seen, best_seen)
            best = where_rows(better, delta, best)
            best_seen = (where_rows(better, seen[0], best_seen[0]), where_rows(better, seen[1], best_seen[1]))
    assert best is not None
    final = best
    look = known(*best_seen) if best_seen else lambda: evaluate(classifier, x + final, objective)
    yield Step(len(starts) * steps, x, final, look, final=True)


def _better(objective: Climbable, new: tuple[Tensor, Tensor], old: tuple[Tensor, Tensor]) -> Tensor:
    """Which rows of ``new`` beat ``old``: an aim that is reached counts more than any loss. Boolean (N,)."""
    higher = new[1] > old[1]
    if not isinstance(objective, Objective) or (isinstance(objective, Custom) and objective.aim is None):
        return higher
    now, before = objective.reached(new[0]), objective.reached(old[0])
    return (now & ~before) | ((now == before) & higher)


def known(logits: Tensor, loss: Tensor) -> Callable[[], tuple[Tensor, Tensor]]:
    """For a `Step` whose evaluation has happened already."""
    return lambda: (logits, loss)


def where_rows(rows: Tensor, yes: Tensor, no: Tensor) -> Tensor:
    """``yes`` in those rows (a boolean (N,)), ``no`` in the others."""
    return torch.where(rows.reshape(-1, *[1] * (yes.ndim - 1)), yes, no)


def _random_starts(perturbation_set: PerturbationSet, seed: Seed) -> Callable[[Tensor], Tensor]:
    """Draws a point of the set, and another one at the next call."""
    if isinstance(seed, int):
        generator = torch.Generator().manual_seed(seed)
        return lambda x: perturbation_set.random(x, generator)
    generators = [torch.Generator().manual_seed(each) for each in seed]

    def draw(x: Tensor) -> Tensor:
        _one_seed_a_row(generators, x)
        rows = [torch.tensor([row]) for row in range(len(x))]
        drawn = [perturbation_set.rows(i).random(x[i], g) for i, g in zip(rows, generators, strict=True)]
        return torch.cat(drawn) if drawn else torch.zeros_like(x)

    return draw


def _rowwise(x: Tensor, seed: Seed, draw: Callable[[Tensor, torch.Generator], Tensor]) -> Tensor:
    """A draw for the whole batch from one seed, or row by row from a seed each."""
    if isinstance(seed, int):
        return draw(x, torch.Generator().manual_seed(seed))
    _one_seed_a_row(seed, x)
    rows = [draw(x[row : row + 1], torch.Generator().manual_seed(each)) for row, each in enumerate(seed)]
    return torch.cat(rows) if rows else torch.zeros_like(x)


def _one_seed_a_row(seeds: Sequence[object], x: Tensor) -> None:
    if len(seeds) != len(x):
        raise ValueError(f"{len(seeds)} seeds for {len(x)} images: give one for all, or one a row")


def checked(x: Tensor, *, snap: bool = True) -> Tensor:
    """x, detached and surely in [0, 1]; a copy where anything had to be mended.

    With ``snap``, a picture that misses 8-bit values by rounding gets them.

    Raises:
        ValueError: not a float tensor, not finite, or outside [0, 1] by more than 1e-6.
    """
    if not x.is_floating_point():
        raise ValueError("x has to be a float tensor with values in [0, 1]")
    x = x.detach()
    low = high = 0.0
    if x.numel():
        low, high = (float(end) for end in torch.aminmax(x))
        # "not (a and b)" so that NaN, which compares as false, is refused too
        if not (low >= -1e-6 and high <= 1 + 1e-6):
            raise ValueError(f"x has to lie in [0, 1]; it reaches from {low:g} to {high:g}")
    with torch.inference_mode(False):
        if low < 0 or high > 1 or x.is_inference():
            x = x.clamp(0, 1)  # -3e-8 is rounding, not an error
        if not snap or is_8bit(x):
            return x
        # A picture divided by 255 elsewhere may miss k/255 by the last bit; put it onto the grid.
        nearest = round_to_8bit(x)
        return nearest if torch.allclose(nearest, x, rtol=0, atol=1e-7) else x


def warn_of_probabilities(logits: Tensor) -> None:
    """Warn where the "logits" look like probabilities: a loss of a softmax of a softmax has hardly any gradient."""
    if logits.shape[1] > 1 and bool((logits >= 0).all()):
        sums = logits.sum(1)
        if torch.allclose(sums, torch.ones_like(sums), rtol=0, atol=1e-4):
            warnings.warn(
                "The classifier seems to return probabilities. The objectives want logits: leave its softmax out.",
                stacklevel=3,
            )
