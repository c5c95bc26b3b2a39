"""Momentum iterative FGSM (Dong et al., CVPR 2018, arXiv:1710.06081)."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from adv_core.attacks.ascent import Rule, ascend
from adv_core.attacks.info import AttackInfo
from adv_core.attacks.step import InputGradient, Logits, Step
from adv_core.objectives import Climbable
from adv_core.perturbation_sets import PerturbationSet, per_row


@dataclass
class MomentumAscent(Rule):
    """m ← μ·m + g/‖g‖₁, δ ← P(δ + α·step(m))."""

    delta_set: PerturbationSet
    step_size: float | Tensor
    decay: float
    _momentum: Tensor | None = None

    def next(self, delta: Tensor, here: InputGradient, x: Tensor) -> Tensor:
        project = self._projection_at(self.delta_set, x)
        size = here.gradient.flatten(1).abs().sum(1).clamp_min(torch.finfo(delta.dtype).tiny)
        fresh = here.gradient / per_row(size, delta)
        self._momentum = fresh if self._momentum is None else torch.add(fresh, self._momentum, alpha=self.decay)
        return project(self.delta_set.steepest(self._momentum, self.step_size).add_(delta))


def mi_fgsm(
    classifier: Logits,
    x: Tensor,
    perturbation_set: PerturbationSet,
    objective: Climbable,
    *,
    steps: int = 10,
    step_size: float | Tensor | None = None,
    decay: float | None = None,
    quantize: bool = True,
) -> Iterator[Step]:
    """The momentum iterative method, MI-FGSM (Dong et al., CVPR 2018, arXiv:1710.06081).

    It sums up the gradients, which makes the direction steadier. Its examples transfer better to other networks.

    Args:
        classifier, x, perturbation_set, objective, quantize: as for `fgsm`.
        steps: number of updates.
        step_size: α; None is ε/steps, as in the paper.
        decay: μ, the weight of the earlier gradients; 0 is BIM. None is 1 up to ten steps, as in the paper, and
            9/10 + 1/steps for more: the sum would otherwise hold on to its first gradients, and find less on the
            network itself. Give 1 for many steps if δ is to fool other networks, too.

    Yields:
        ``steps + 1`` steps.
    """
    alpha = perturbation_set.reach / max(steps, 1) if step_size is None else step_size
    weight = min(0.9 + 1 / max(steps, 1), 1.0) if decay is None else decay
    yield from ascend(
        classifier,
        x,
        perturbation_set,
        objective,
        lambda: MomentumAscent(perturbation_set, alpha, weight),
        steps=steps,
        quantize=quantize,
    )


MI_FGSM = AttackInfo(
    "mi_fgsm",
    "MI-FGSM",
    "stronger",
    mi_fgsm,
    "Each step adds its gradient to the earlier ones (momentum). The direction is steadier, and the result transfers "
    "better to other networks.",
    r"\begin{gathered}m \leftarrow \mu m + g / \|g\|_1,\quad g = \nabla_\delta L\\"
    r"\delta \leftarrow \mathcal{P}\big(\delta + \tfrac{\varepsilon}{k}\operatorname{step}(m)\big)"
    r"\end{gathered}",
    "Dong et al., CVPR 2018, arXiv:1710.06081",
)
