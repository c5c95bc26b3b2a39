"""Steps towards the least-likely class (Kurakin, Goodfellow & Bengio, ICLR 2017, arXiv:1611.01236)."""

import math
from collections.abc import Iterator

from torch import Tensor

from adv_core.attacks.ascent import default_step_size
from adv_core.attacks.info import AttackInfo
from adv_core.attacks.pgd import pgd
from adv_core.attacks.step import Logits, Step, evaluate, prepared
from adv_core.objectives import Labels, Targeted, Untargeted, as_labels
from adv_core.perturbation_sets import PerturbationSet


def least_likely(
    classifier: Logits,
    x: Tensor,
    perturbation_set: PerturbationSet,
    y: Labels,
    *,
    steps: int = 10,
    step_size: float | Tensor | None = None,
    quantize: bool = True,
) -> Iterator[Step]:
    """The least-likely-class method (Kurakin, Goodfellow & Bengio, ICLR 2017, arXiv:1611.01236).

    It is targeted, and takes as its target the class that the network finds least likely at x. One step is their
    one-step method, which is FGSM towards this class; more steps are their iterative method. A network that gives way
    to the least likely class confuses things that have nothing in common.

    Args:
        classifier, x, perturbation_set, quantize: as for `fgsm`.
        y: the present class, which is never the target.
        steps: gradient steps.
        step_size: α; None: as for `pgd`.

    Yields:
        ``steps + 1`` steps; their loss is `Targeted` at the least-likely class.

    Raises:
        ValueError: as for `fgsm`.
    """
    classifier, x = prepared(classifier, x, snap=quantize)
    logits, _ = evaluate(classifier, x, Untargeted(y))
    target = logits.scatter(1, as_labels(y, logits)[:, None], math.inf).argmin(1)
    alpha = default_step_size(perturbation_set.reach, steps) if step_size is None else step_size
    yield from pgd(classifier, x, perturbation_set, Targeted(target), steps=steps, step_size=alpha, quantize=quantize)


LEAST_LIKELY = AttackInfo(
    "least_likely",
    "Least-likely class",
    "stronger",
    least_likely,
    "Gradient steps towards the class that the network finds least likely at the picture. One step is FGSM with that "
    "class as its target.",
    r"\begin{gathered}y_{LL} = \operatorname{arg\,min}_k\ p_k(x)\\ \delta \leftarrow \mathcal{P}\big(\delta + "
    r"\alpha\operatorname{step}(-\nabla_\delta L(y_{LL}))\big)\end{gathered}",
    "Kurakin, Goodfellow & Bengio, ICLR 2017, arXiv:1611.01236",
    arguments=("set", "y"),
    targeted="never",
)
