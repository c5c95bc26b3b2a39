"""Every attack by name: what it is called, its idea in a line, its formula, and how to call it.

The engine runs from this table, the page draws its menu from it, and the program on the page is written from it, so
that the three cannot drift apart.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from adv_core import attacks, black_box, minimum_norm
from adv_core.attacks import Step

Group = Literal["lecture", "stronger", "black box"]
Norm = Literal["linf", "l2", "l1", "l0"]


@dataclass(frozen=True)
class AttackInfo:
    """What is known about an attack.

    Attributes:
        name: the key.
        title, idea, formula, paper: for people; the formula is LaTeX.
        group: where it stands in the menu.
        solver: the function that runs it.
        arguments: its positional arguments after (classifier, x).
        options: the options of the solver that a learner can set.
        norms: the balls that it knows.
        targeted: whether it goes towards a class: never, always, or if it is asked to.
        minimal: it looks for the smallest δ, and takes no ε.
        runs: how many times ``steps`` it takes.
        batches: whether rows of different learners may share a batch: no row's result depends on the other rows.
    """

    name: str
    title: str
    group: Group
    solver: Callable[..., Iterator[Step]]
    idea: str
    formula: str
    paper: str
    arguments: tuple[Literal["set", "objective", "y"], ...] = ("set", "objective")
    options: tuple[str, ...] = ("steps",)
    norms: tuple[Norm, ...] = ("linf", "l2", "l1", "l0")
    targeted: Literal["never", "always", "optional"] = "optional"
    minimal: bool = False
    runs: int = 1
    batches: bool = True

    @property
    def is_iterative(self) -> bool:
        return "steps" in self.options or "queries" in self.options


_PGD_OPTIONS = ("steps", "step_size", "step", "random_start", "restarts", "seed")
_PGD_FORMULA = r"\delta \leftarrow \mathcal{P}\big(\delta + \alpha\,\operatorname{step}(\nabla_\delta L)\big)"
_MADRY = "Madry et al., ICLR 2018, arXiv:1706.06083"

ATTACKS: dict[str, AttackInfo] = {
    info.name: info
    for info in (
        AttackInfo(
            "fgsm",
            "FGSM",
            "lecture",
            attacks.fgsm,
            "One step along the sign of the gradient, away from the present class.",
            r"\delta = \varepsilon\,\operatorname{step}(\nabla_x L)",
            "Goodfellow, Shlens & Szegedy, ICLR 2015, arXiv:1412.6572",
            options=(),
            targeted="never",
        ),
        AttackInfo(
            "pgd",
            "PGD",
            "lecture",
            attacks.pgd,
            "Many small steps away from the present class.",
            _PGD_FORMULA,
            _MADRY,
            options=_PGD_OPTIONS,
            targeted="never",
        ),
        AttackInfo(
            "targeted",
            "Targeted PGD",
            "lecture",
            attacks.pgd,
            "Many small steps towards a class of your choice.",
            _PGD_FORMULA,
            "Kurakin, Goodfellow & Bengio, ICLR 2017, arXiv:1611.01236",
            options=_PGD_OPTIONS,
            targeted="always",
        ),
        AttackInfo(
            "r_fgsm",
            "R+FGSM",
            "stronger",
            attacks.r_fgsm,
            "A small random step first, then one gradient step: it leaves the flat spot that some defences make.",
            r"\begin{gathered}\delta_0 = \tfrac{\varepsilon}{2}\operatorname{step}(z),\quad z \sim \mathcal{N}(0, 1)\\"
            r"\delta = \delta_0 + \tfrac{\varepsilon}{2}\operatorname{step}(\nabla_\delta L)\end{gathered}",
            "Tramèr et al., ICLR 2018, arXiv:1705.07204",
            options=("seed",),
        ),
        AttackInfo(
            "bim",
            "BIM",
            "stronger",
            attacks.bim,
            "PGD from the picture itself, with steps that just reach the edge of the ball.",
            r"\delta \leftarrow \mathcal{P}\big(\delta + \tfrac{\varepsilon}{k}\operatorname{step}(\nabla_\delta L)"
            r"\big)",
            "Kurakin, Goodfellow & Bengio, 2017, arXiv:1607.02533",
        ),
        AttackInfo(
            "mi_fgsm",
            "MI-FGSM",
            "stronger",
            attacks.mi_fgsm,
            "Gradients add up like momentum: the direction wobbles less, and other networks are fooled more often.",
            r"\begin{gathered}m \leftarrow \mu m + g / \|g\|_1,\quad g = \nabla_\delta L\\"
            r"\delta \leftarrow \mathcal{P}\big(\delta + \tfrac{\varepsilon}{k}\operatorname{step}(m)\big)"
            r"\end{gathered}",
            "Dong et al., CVPR 2018, arXiv:1710.06081",
        ),
        AttackInfo(
            "apgd",
            "Auto-PGD",
            "stronger",
            attacks.apgd,
            "PGD that halves its own step size when the loss stops rising, and ends with the best point it saw.",
            r"\begin{gathered}z = \mathcal{P}\big(\delta + \alpha\operatorname{step}(\nabla_\delta L)\big)\\ \delta "
            r"\leftarrow \mathcal{P}\big(\delta + \tfrac34 (z - \delta) + \tfrac14 (\delta - \delta_{\text{old}})\big)"
            r"\end{gathered}",
            "Croce & Hein, ICML 2020, arXiv:2003.01690",
            options=("steps", "random_start", "restarts", "seed"),
        ),
        AttackInfo(
            "deepfool",
            "DeepFool",
            "stronger",
            minimum_norm.deepfool,
            "Takes the network for linear and walks straight to the nearest border, until it has crossed it.",
            r"\begin{gathered}\delta \leftarrow \delta + \frac{|z_k - z_y|}{\|w\|_*}\operatorname{step}(w)\\"
            r"w = \nabla z_k - \nabla z_y,\quad k\ \text{the nearest class}\end{gathered}",
            "Moosavi-Dezfooli, Fawzi & Frossard, CVPR 2016, arXiv:1511.04599",
            arguments=("set", "y"),
            norms=("linf", "l2"),
            targeted="never",
            minimal=True,
            batches=False,
        ),
        AttackInfo(
            "carlini_wagner",
            "Carlini–Wagner",
            "stronger",
            minimum_norm.carlini_wagner,
            "Weighs the length of δ against the margin, and searches for the weight: slow, and very small δ.",
            r"\begin{gathered}\min_w\ \|\delta\|_2^2 + c\cdot\max\big(z_y - \max_{i \neq y} z_i,\ 0\big)\\"
            r"x + \delta = \tfrac12(\tanh w + 1)\end{gathered}",
            "Carlini & Wagner, S&P 2017, arXiv:1608.04644",
            arguments=("objective",),
            norms=("l2",),
            minimal=True,
            runs=5,
        ),
        AttackInfo(
            "smallest",
            "Smallest ε",
            "stronger",
            minimum_norm.smallest_epsilon,
            "ε shrinks wherever the network is fooled and grows where it is not: the least ε that fools this picture.",
            r"\begin{gathered}\varepsilon \leftarrow \varepsilon\,(1 \mp \gamma)\\ \delta \leftarrow "
            r"\mathcal{P}_\varepsilon\big(\delta + \alpha\operatorname{step}(\nabla_\delta L)\big)\end{gathered}",
            "Pintor et al., NeurIPS 2021, arXiv:2102.12827",
            minimal=True,
        ),
        AttackInfo(
            "square",
            "Square Attack",
            "black box",
            black_box.square_attack,
            "Paints squares at random and keeps those that help. It sees answers only, never a gradient.",
            r"\delta \leftarrow \delta + \text{square},\quad \text{if}\ L(f(x + \delta))\ \text{rises}",
            "Andriushchenko et al., ECCV 2020, arXiv:1912.00049",
            options=("queries", "seed"),
            norms=("linf", "l2"),
            batches=False,
        ),
    )
}
