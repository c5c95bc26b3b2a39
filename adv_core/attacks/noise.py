"""Random noise of the same size, to compare an attack with."""

from collections.abc import Iterator
from dataclasses import replace

from torch import Tensor

from adv_core.attacks.ascent import normal_noise
from adv_core.attacks.fgsm import fgsm
from adv_core.attacks.step import InputGradient, Logits, Seed, Step, evaluate, prepared
from adv_core.objectives import Climbable
from adv_core.perturbation_sets import PerturbationSet


def random_noise(
    classifier: Logits,
    x: Tensor,
    perturbation_set: PerturbationSet,
    objective: Climbable,
    *,
    draws: int = 1,
    seed: Seed = 0,
    quantize: bool = True,
) -> Iterator[Step]:
    """Noise of the same size: FGSM with a random direction in the place of the gradient.

    In L∞ every value changes by the full ±ε; in L2 δ lies on the sphere. So noise and attack differ only in direction.

    Args:
        draws: the number of δ to try, one after the other; the k-th is the first one of ``seed + k - 1``.
        classifier, x, perturbation_set, objective, quantize: as for `fgsm`.

    Yields:
        Step 0 (x itself), and one step per draw. Each of them is rounded, like the last step of other attacks.
    """
    classifier, x = prepared(classifier, x, snap=quantize)
    logits, loss = evaluate(classifier, x, objective)
    for draw in range(draws):
        seeds = seed + draw if isinstance(seed, int) else [each + draw for each in seed]
        here = InputGradient(logits, loss, normal_noise(x, seeds))
        start, end = fgsm(classifier, x, perturbation_set, objective, gradient=here, quantize=quantize)
        if draw == 0:
            yield start
        yield replace(end, index=draw + 1)
