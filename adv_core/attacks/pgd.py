"""Projected gradient descent (Madry et al., ICLR 2018, arXiv:1706.06083), and the basic iterative method."""

from collections.abc import Iterator

from torch import Tensor

from adv_core.attacks.ascent import ProjectionRule, SteepestAscent, StepRule, ascend, default_step_size, random_starts
from adv_core.attacks.info import AttackInfo
from adv_core.attacks.step import Logits, Seed, Step
from adv_core.objectives import Climbable
from adv_core.perturbation_sets import PerturbationSet


def bim(
    classifier: Logits,
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
        step_size: α; None is ε/steps, with which all steps together just reach the edge of the ball.

    Yields:
        ``steps + 1`` steps.
    """
    alpha = perturbation_set.reach / max(steps, 1) if step_size is None else step_size
    yield from pgd(classifier, x, perturbation_set, objective, steps=steps, step_size=alpha, quantize=quantize)


def pgd(
    classifier: Logits,
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

    It costs ``restarts · steps`` forward and backward passes, and one forward pass per restart if there are several.

    Args:
        classifier, x, perturbation_set, objective, quantize: as for `fgsm`.
        steps: number of updates, ≥ 0, of each restart.
        step_size: α, in pixel units for a steepest step, a plain factor for a gradient step; a number or one per row.
            None: `default_step_size`.
        step: "steepest" (sign in L∞, normalised gradient in L2) or "gradient" (α times the raw gradient).
        projected: after "each" step, which is PGD; or after the "last" alone, for comparison. All steps before the last
            may then lie outside the set, and x + δ outside [0, 1].
        random_start: start at a random point of the set instead of δ = 0. Restarts after the first always do.
        restarts: the number of runs. The last step is, row by row, the best result of all runs: a result that reaches
            the objective's aim beats one that does not; otherwise the higher objective wins.
        seed: of the random points; one for the batch, or one per row. The same seed gives the same points on every
            device; the global generator is not touched.

    Yields:
        ``restarts · steps + 1`` steps.

    Raises:
        ValueError: as for `fgsm`; a negative number of steps, no restart at all, another word for ``projected``.
    """
    if restarts < 1:
        raise ValueError(f"an attack has to run at least once, not {restarts} times")
    if projected not in ("each", "last"):
        raise ValueError(f"projected is 'each' or 'last', not {projected!r}")
    alpha = default_step_size(perturbation_set.reach, steps) if step_size is None else step_size
    drawn = random_starts(perturbation_set, seed)
    yield from ascend(
        classifier,
        x,
        perturbation_set,
        objective,
        lambda: SteepestAscent(perturbation_set, alpha, step, projected),
        steps=steps,
        starts=[drawn if random_start or restart else None for restart in range(restarts)],
        quantize=quantize,
    )


_PGD_OPTIONS = ("steps", "step_size", "step", "random_start", "restarts", "seed")
_PGD_FORMULA = r"\delta \leftarrow \mathcal{P}\big(\delta + \alpha\,\operatorname{step}(\nabla_\delta L)\big)"


PGD = AttackInfo(
    "pgd",
    "PGD",
    "lecture",
    pgd,
    "Many small gradient steps away from the present class, each followed by a projection into the ball.",
    _PGD_FORMULA,
    "Madry et al., ICLR 2018, arXiv:1706.06083",
    options=_PGD_OPTIONS,
    targeted="never",
)


TARGETED_PGD = AttackInfo(
    "targeted",
    "Targeted PGD",
    "lecture",
    pgd,
    "Many small gradient steps towards a class of your choice, each followed by a projection into the ball.",
    _PGD_FORMULA,
    "Kurakin, Goodfellow & Bengio, ICLR 2017, arXiv:1611.01236",
    options=_PGD_OPTIONS,
    targeted="always",
)


BIM = AttackInfo(
    "bim",
    "BIM",
    "stronger",
    bim,
    "PGD without a random start and with step size ε/steps, so that all steps together just reach the edge of the "
    "ball.",
    r"\delta \leftarrow \mathcal{P}\big(\delta + \tfrac{\varepsilon}{k}\operatorname{step}(\nabla_\delta L)"
    r"\big)",
    "Kurakin, Goodfellow & Bengio, 2017, arXiv:1607.02533",
)
