"""argmax: the solvers of  δ* = argmax over Δ of L(y, f(x + δ)).

A solver is a generator of `Step`. A caller who wants to watch iterates; one who wants the end calls `run`. Stopping is
not asking for the next step. There is one loop here; FGSM is its single step with α = ε.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from adv_core.images import is_8bit, round_to_8bit
from adv_core.objectives import Objective
from adv_core.perturbation_sets import PerturbationSet, per_row

Classifier = Callable[[Tensor], Tensor]
StepRule = Literal["steepest", "gradient"]


@dataclass(frozen=True, eq=False)
class Step:
    """One iterate.

    Attributes:
        index: 0 is the start (δ = 0, or the random start), k the point after k updates.
        x: the images (N, 3, H, W), by reference.
        delta: the perturbation there, feasible, detached.
        loss: the objective there, (N,); the attack maximises it.
        logits: what the classifier says there, (N, K).
        gradient_norm: ‖∂L/∂x‖₂ there, (N,); None at the last step, where no gradient is needed.
    """

    index: int
    x: Tensor
    delta: Tensor
    loss: Tensor
    logits: Tensor
    gradient_norm: Tensor | None = None

    @property
    def adversarial(self) -> Tensor:
        """x + δ."""
        return self.x + self.delta


@dataclass(frozen=True, eq=False)
class AttackResult:
    """The end of a run. ``adversarial`` has 8-bit values where x has, and ``x + delta == adversarial`` to the bit.

    The ball then holds exactly in whole 8-bit levels; k / 255 has no exact float32, so |δ| as a float may pass
    float32(ε) by about 3e-8. The steps before the last hold both constraints to the last bit.
    """

    adversarial: Tensor
    delta: Tensor
    logits: Tensor
    loss: Tensor
    steps: list[Step]


@dataclass(frozen=True, eq=False)
class InputGradient:
    """Logits (N, K), loss (N,) and ∂L/∂x (N, 3, H, W) at one point."""

    logits: Tensor
    loss: Tensor
    gradient: Tensor

    @property
    def norm(self) -> Tensor:
        """‖∂L/∂x‖₂ of every row, (N,)."""
        return torch.linalg.vector_norm(self.gradient.flatten(1), dim=1)


def input_gradient(classifier: Classifier, x: Tensor, objective: Objective) -> InputGradient:
    """One forward and one backward pass, to the input alone; no parameter gets a gradient.

    Works inside ``no_grad`` and ``inference_mode``. A classifier that ignores its input gives a zero gradient.
    """
    with torch.inference_mode(False), torch.enable_grad():
        point = x.detach().clone().requires_grad_()
        logits = classifier(point)
        loss = objective(logits)
        # The rows do not see each other, so the gradient of the sum holds each row's own gradient.
        (gradient,) = torch.autograd.grad(loss.sum(), point, allow_unused=True) if loss.requires_grad else (None,)
    if gradient is None:
        gradient = torch.zeros_like(point)
    return InputGradient(logits.detach(), loss.detach(), torch.nan_to_num(gradient.detach()))


def default_step_size(eps: float | Tensor, steps: int) -> float | Tensor:
    """α = 5·ε/steps, at most ε.

    Twice the 2.5·ε/steps of Madry et al. (2018): a result that is rounded to 8 bits gains nothing from steps of a
    quarter of a level, and the L2 iterates then reach the sphere. One step takes α = ε, which is FGSM.
    """
    return min(5 / max(steps, 1), 1.0) * eps


def fgsm(
    classifier: Classifier,
    x: Tensor,
    perturbation_set: PerturbationSet,
    objective: Objective,
    *,
    gradient: InputGradient | None = None,
    quantize: bool = True,
) -> Iterator[Step]:
    """The fast gradient sign method (Goodfellow, Shlens & Szegedy, ICLR 2015, arXiv:1412.6572).

    One steepest step of length ε from x: in L∞ δ = ε·sign(∂L/∂x), in L2 the normalised gradient.

    Args:
        classifier: maps pixels (N, 3, H, W) in [0, 1] to logits (N, K).
        x: images in [0, 1].
        perturbation_set: `Linf(8/255)`, `L2(1.0)`; ε may differ per row.
        objective: `Untargeted(y)`, `Targeted(target)`, ...
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
        1,
        perturbation_set.eps,
        "steepest",
        None,
        quantize,
        gradient,
    )


def pgd(
    classifier: Classifier,
    x: Tensor,
    perturbation_set: PerturbationSet,
    objective: Objective,
    *,
    steps: int = 40,
    step_size: float | Tensor | None = None,
    step: StepRule = "steepest",
    random_start: bool = False,
    seed: int = 0,
    quantize: bool = True,
) -> Iterator[Step]:
    """Projected gradient descent (Madry et al., ICLR 2018, arXiv:1706.06083): δ ← P(δ + α·step(∂L/∂x)).

    Costs ``steps`` forward and backward passes, and one forward pass that tells what the last δ did.

    Args:
        classifier, x, perturbation_set, objective, quantize: as for `fgsm`.
        steps: number of updates, ≥ 0.
        step_size: α, in pixel units for a steepest step, a plain factor for a gradient step; a number or one a row.
            None: `default_step_size`.
        step: "steepest" (sign in L∞, normalised gradient in L2) or "gradient" (α times the raw gradient).
        random_start: begin at a uniform point of the set instead of δ = 0.
        seed: of that point. The same seed gives the same point on every device; the global generator is not touched.

    Yields:
        ``steps + 1`` steps, index 0 (the start) to ``steps``.

    Raises:
        ValueError: as for `fgsm`; a negative number of steps.
    """
    if steps < 0:
        raise ValueError("the number of steps cannot be negative")
    alpha = default_step_size(perturbation_set.eps, steps) if step_size is None else step_size
    start = None
    if random_start:
        start = perturbation_set.random(x.detach(), torch.Generator().manual_seed(seed))
    yield from _ascend(classifier, x, perturbation_set, objective, steps, alpha, step, start, quantize)


def random_noise(
    classifier: Classifier,
    x: Tensor,
    perturbation_set: PerturbationSet,
    objective: Objective,
    *,
    seed: int = 0,
    quantize: bool = True,
) -> Iterator[Step]:
    """Noise of the same size: FGSM with a random direction in the place of the gradient. Yields steps 0 and 1.

    In L∞ every pixel moves by the full ±ε, in L2 δ lies on the sphere, so noise and attack differ in direction alone.
    """
    generator = torch.Generator().manual_seed(seed)
    direction = torch.randn(x.shape, generator=generator).to(x)
    with torch.no_grad():
        logits = classifier(x)
    known = InputGradient(logits, objective(logits), direction)
    yield from fgsm(classifier, x, perturbation_set, objective, gradient=known, quantize=quantize)


def run(steps: Iterable[Step], *, keep_steps: bool = True) -> AttackResult:
    """Exhaust a solver and keep its end; ``keep_steps=False`` keeps only the last step, for large batches."""
    kept: list[Step] = []
    for step in steps:
        if not keep_steps:
            kept.clear()
        kept.append(step)
    if not kept:
        raise ValueError("an attack without a single step")
    last = kept[-1]
    return AttackResult(last.adversarial, last.delta, last.logits, last.loss, kept)


def _ascend(
    classifier: Classifier,
    x: Tensor,
    perturbation_set: PerturbationSet,
    objective: Objective,
    steps: int,
    step_size: float | Tensor,
    step: StepRule,
    start: Tensor | None,
    quantize: bool,
    first: InputGradient | None = None,
) -> Iterator[Step]:
    """The one loop. No grad mode is held across a yield: a generator would leak it into its caller."""
    x = _checked(x)
    delta = torch.zeros_like(x) if start is None else start
    if first is not None and first.gradient.shape != x.shape:
        raise ValueError("the given gradient belongs to another picture")
    for index in range(steps):
        here = first if index == 0 and first is not None else None
        here = here or input_gradient(classifier, x + delta, objective)
        yield Step(index, x, delta, here.loss, here.logits, here.norm)
        if step == "steepest":
            move = perturbation_set.steepest(here.gradient, step_size)
        elif step == "gradient":
            move = per_row(step_size, x) * here.gradient
        else:
            raise ValueError(f"step is 'steepest' or 'gradient', not {step!r}")
        delta = perturbation_set.project(delta + move, x)
    if quantize:
        delta = perturbation_set.quantize(delta, x)
    with torch.no_grad():
        logits = classifier(x + delta)
        loss = objective(logits)
    yield Step(steps, x, delta, loss, logits)


def _checked(x: Tensor) -> Tensor:
    if not x.is_floating_point():
        raise ValueError("x has to be a float tensor with values in [0, 1]")
    x = x.detach()
    if x.numel():
        low, high = float(x.min()), float(x.max())
        # "not (a and b)" so that NaN, which compares as false, is refused too
        if not (low >= -1e-6 and high <= 1 + 1e-6):
            raise ValueError(f"x has to lie in [0, 1]; it reaches from {low:g} to {high:g}")
    with torch.inference_mode(False):
        x = x.clone().clamp(0, 1)  # -3e-8 is rounding, not an error
        nearest = round_to_8bit(x)
        # A picture divided by 255 elsewhere may miss k/255 by the last bit; put it onto the grid.
        return nearest if not is_8bit(x) and torch.allclose(nearest, x, rtol=0, atol=1e-7) else x
