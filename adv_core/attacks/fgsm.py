"""Fast gradient sign method (Goodfellow et al., ICLR 2015, arXiv:1412.6572), without and with a random step."""

from collections.abc import Iterator

from torch import Tensor

from adv_core.attacks.ascent import SteepestAscent, ascend, normal_noise
from adv_core.attacks.info import AttackInfo
from adv_core.attacks.step import InputGradient, Logits, Seed, Step
from adv_core.objectives import Climbable
from adv_core.perturbation_sets import PerturbationSet


def fgsm(
    classifier: Logits,
    x: Tensor,
    perturbation_set: PerturbationSet,
    objective: Climbable,
    *,
    gradient: InputGradient | None = None,
    quantize: bool = True,
) -> Iterator[Step]:
    """The fast gradient sign method (Goodfellow, Shlens & Szegedy, ICLR 2015, arXiv:1412.6572).

    One steepest-ascent step of length ε from x: δ = ε·sign(∂L/∂x) in L∞, ε times the normalised gradient in L2. With
    `Targeted(target)` it is -ε·sign(∂L(target)/∂x). One step rarely reaches a target that is far away: along it, the
    loss bends, and other classes gain as well.

    Args:
        classifier: maps pixels (N, 3, H, W) in [0, 1] to logits (N, K): any callable. Its modules are in eval mode
            while it is asked, and have their own modes back after every step; no parameter gets a gradient. An answer
            with ``.logits`` is used, too. See `adv_core.networks.any_model`.
        x: images in [0, 1], float32 or float64.
        perturbation_set: `Linf(8/255)`, `L2(1.0)`, ...; ε may differ per row.
        objective: `Untargeted(y)`, `Targeted(target)`, ..., or any function from logits (N, K) to (N,).
        gradient: ∂L/∂x at x from `input_gradient`, if it is known already. It does not depend on ε, so another ε then
            costs one forward pass.
        quantize: round the last δ so that x + δ is an 8-bit picture (where x is one).

    Yields:
        Step 0 (x itself) and step 1.

    Raises:
        ValueError: x outside [0, 1] or not finite, a label out of range, an answer that is not (N, K) with K ≥ 2.
    """
    yield from ascend(
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
    classifier: Logits,
    x: Tensor,
    perturbation_set: PerturbationSet,
    objective: Climbable,
    *,
    random_size: float | Tensor | None = None,
    seed: Seed = 0,
    quantize: bool = True,
) -> Iterator[Step]:
    """R+FGSM: a random step, then FGSM with the rest of ε (Tramèr et al., ICLR 2018, arXiv:1705.07204).

    Some defences flatten the loss at x; the random step leaves this point.

    Args:
        classifier, x, perturbation_set, objective, quantize: as for `fgsm`.
        random_size: length of the random step, in the set's norm; None is ε/2, as in the paper.
        seed: of the random direction; one for the batch, or one per row.

    Yields:
        Step 0 (after the random step) and step 1.
    """
    reach = perturbation_set.reach
    size = reach * 0.5 if random_size is None else random_size

    def start(x: Tensor) -> Tensor:
        direction = normal_noise(x, seed)
        return perturbation_set.project(perturbation_set.steepest(direction, size), x)

    yield from ascend(
        classifier,
        x,
        perturbation_set,
        objective,
        lambda: SteepestAscent(perturbation_set, reach - size),
        steps=1,
        starts=[start],
        quantize=quantize,
    )


FGSM = AttackInfo(
    "fgsm",
    "FGSM",
    "lecture",
    fgsm,
    "One step of length ε along the sign of the gradient: away from the present class, or towards a target. One step "
    "rarely reaches a target that is far away.",
    r"\delta = \varepsilon\,\operatorname{step}(\nabla_x L)",
    "Goodfellow, Shlens & Szegedy, ICLR 2015, arXiv:1412.6572",
    options=(),
)


R_FGSM = AttackInfo(
    "r_fgsm",
    "R+FGSM",
    "stronger",
    r_fgsm,
    "A random step first, then one gradient step. Some defences flatten the loss at the picture itself; the random "
    "step leaves this point.",
    r"\begin{gathered}\delta_0 = \tfrac{\varepsilon}{2}\operatorname{step}(z),\quad z \sim \mathcal{N}(0, 1)\\"
    r"\delta = \delta_0 + \tfrac{\varepsilon}{2}\operatorname{step}(\nabla_\delta L)\end{gathered}",
    "Tramèr et al., ICLR 2018, arXiv:1705.07204",
    options=("seed",),
)
