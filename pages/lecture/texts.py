"""Definitions, symbols and references of the lecture. Data only."""

from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module

from pages.contents import LESSONS
from pages.course.teaching import ARGUMENT, DOG, LAB, LIMIT, NOISE, NORMS, ONE_STEP, STEPS, TRAINING, Place

LEAD = """
You have heard the lecture, or you are about to give it. Here each of its slides and figures has a link to the page and
the section that come nearest, our number beside theirs, and the reason of the difference. Below are the lecture's
definitions, its symbols, and all its references.
"""
BEFORE_TABLE = """
A link opens the section with its settings, in a new tab. The word below *our number* is the row's name: the
command `python -m pages.lecture.figures NAME` opens the same link and computes the number anew. On another processor
the last digits may differ.
"""

ERROR_CURVES = Place("Adversarial training: error against ε", "adversarial-training", "error-curves")
CHECKLIST = Place("Evaluation: how to evaluate a defence", "evaluation", "checklist")
# Term, its definition, and where the app shows it.
DEFINITIONS: Sequence[tuple[str, str, Sequence[Place]]] = (
    (
        "Adversarial machine learning",
        "The study of attacks on machine learning, and of training and defences that resist them. The attacker knows "
        "what machine learning does, and chooses the input (or the training data) against it.",
        (NORMS, CHECKLIST),
    ),
    (
        "Adversarial robustness",
        "A network is robust at x if its prediction stays right for *every* δ of the perturbation set Δ(x), not only "
        "for most of them. It is measured by the error under the worst δ.",
        (ERROR_CURVES, NOISE),
    ),
    (
        "Adversarial example",
        "An input x + δ that an attacker has changed on purpose, by a small δ from Δ(x), so that the network's "
        "prediction is wrong, while people see what they saw before.",
        (DOG, NOISE),
    ),
    (
        "Test time",
        "The time after training: the parameters θ are fixed, and the network gets inputs that it has not seen. All "
        "attacks of this course happen at test time. They change x, and never θ.",
        (STEPS,),
    ),
    (
        "Adversarial training",
        "Training that minimises the loss at the worst δ in place of the loss at x: each step first attacks the "
        "network, and then moves θ against the gradient at x + δ\\*.",
        (ONE_STEP, TRAINING),
    ),
    (
        "Test error is no guarantee off the data distribution",
        "The test error is a mean over inputs from the distribution of the training data. An attacker does not draw "
        "from this distribution: an adversarial example is one input, chosen because the network is wrong there.",
        (ERROR_CURVES, NOISE),
    ),
)

FORMULA = Place("Attack Lab: the formula that just ran", LAB, "formula")
# The lecture's symbol, what it means, and where the app computes it.
SYMBOLS: Sequence[tuple[str, str, Place]] = (
    (r"$x,\ y$", "the input, with pixels in [0, 1], and its class", DOG),
    (r"$\hat f(x \mid \theta)$", "the network with parameters θ: its prediction for x", DOG),
    (r"$\delta$", "the perturbation, which the attacker adds to x", DOG),
    (r"$\Delta(x)$", "the perturbation set: all δ that the attacker may choose for x", NORMS),
    (
        r"$\mathcal{B}_\varepsilon^\infty = \{\delta : \lVert\delta\rVert_\infty \le \varepsilon\}$",
        "the L∞ ball: each value changes by at most ε",
        NORMS,
    ),
    (
        r"$L(y, \hat f(x+\delta \mid \theta))$",
        "the loss, which training makes small and an attack makes large",
        FORMULA,
    ),
    (
        r"$\max_{\delta\in\Delta(x)} L(y, \hat f(x+\delta \mid \theta))$",
        "the inner maximum: the worst δ, called δ\\*",
        FORMULA,
    ),
    (
        r"$y_\text{target}$",
        "the class that a targeted attack wants; it maximises $L(y) - L(y_\\text{target})$, or "
        "$-L(y_\\text{target})$ alone",
        Place(
            "Attack Lab: the dog with L(y) − L(target)", LAB, "formula", {"target": "airliner", "loss": "difference"}
        ),
    ),
    (r"$\delta^{[t]}$", "δ after t steps of the attack", STEPS),
    (r"$\alpha$", "the step size, of the attack or of the training", STEPS),
    (
        r"$\mathcal{P}(z) = \text{clip}(z, [-\varepsilon, \varepsilon])$",
        "the projection onto the L∞ ball, value by value; the app also keeps x + δ in [0, 1]",
        STEPS,
    ),
    (
        r"$\delta^{[t+1]} = \mathcal{P}\big(\delta^{[t]} + \alpha\,\nabla_\delta L\big)$",
        "projected gradient descent (PGD)",
        STEPS,
    ),
    (
        r"$\delta = \varepsilon\,\text{sign}(\nabla_x L)$",
        "the fast gradient sign method (FGSM): PGD's limit α → ∞",
        LIMIT,
    ),
    (
        r"$R_\text{adv}(\theta) = \frac1N \sum_n \max_{\delta\in\Delta(x_n)} L(y_n, \hat f(x_n+\delta \mid \theta))$",
        "the adversarial risk, which adversarial training minimises",
        ONE_STEP,
    ),
    (
        r"$\theta^{[t+1]} = \theta^{[t]} - \alpha\cdot\frac1m \sum_i \nabla_\theta L(y_i, \hat f(x_i+\delta_i^* \mid "
        r"\theta))$",
        "one step of adversarial training on a minibatch of m examples",
        ONE_STEP,
    ),
    (
        r"$h(x) = \tau(\theta^\top x + \theta_0)$",
        "a linear model. τ turns the score into a prediction; the proof works with the score itself",
        ARGUMENT,
    ),
    (r"$y = \pm 1$", "the two classes of the linear case: +1 is the digit 1, −1 is the digit 0", ARGUMENT),
    (
        r"$\Psi(z) = \log(1+e^{-z})$",
        "the logistic loss of z = y · (θᵀx + θ₀); it is convex and falls",
        Place("Linear models: proof, line 1", "linear-models", "argument", {"line": 1}),
    ),
    (
        r"$-y^2\varepsilon\sum_j \lvert\theta_j\rvert = -\varepsilon\lVert\theta\rVert_1$",
        "the smallest y · θᵀδ in the L∞ ball; y² = 1, and L1 is the dual norm of L∞",
        Place("Linear models: proof, line 4", "linear-models", "argument", {"line": 4}),
    ),
)
REMARKS = r"""
**Four remarks on the slides**

- *The last line of the inner maximum* has δ left over and θ₀ missing. The maximum is taken, so no δ is left:
  $\max_\delta \Psi\big(y(\theta^\top (x+\delta) + \theta_0)\big) =
  \Psi\big(y(\theta^\top x + \theta_0) - \varepsilon\lVert\theta\rVert_1\big)$.
- *Ascent or descent?* The attack climbs: it maximises L. It is still called projected gradient *descent*, since a step
  up on L is a step down on −L. A targeted attack goes down on $L(y_\text{target})$.
- $\nabla_\delta L$ *at* $\delta = 0$ *equals* $\nabla_x L$: δ enters only through x + δ, so both have the same
  derivatives. This is why FGSM needs the gradient at x alone.
- *Convex or not.* Linear models: Ψ is convex in θ, and stays so with $-\varepsilon\lVert\theta\rVert_1$ inside, so SGD
  reaches the global minimum. Networks: PGD finds some δ, not the maximum, so Danskin's theorem no longer holds.
"""

TUTORIAL = "https://adversarial-ml-tutorial.org"
# The lecture's references (text, address). An empty address: none is known.
REFERENCES: Sequence[tuple[str, str]] = (
    (
        "Athalye, Carlini & Wagner, *Obfuscated gradients give a false sense of security*, ICML 2018",
        "https://arxiv.org/abs/1802.00420",
    ),
    (
        "Athalye, Engstrom, Ilyas & Kwok, *Synthesizing robust adversarial examples* (the turtle), ICML 2018",
        "https://arxiv.org/abs/1707.07397",
    ),
    (
        "Biggio et al., *Evasion attacks against machine learning at test time*, ECML PKDD 2013",
        "https://arxiv.org/abs/1708.06131",
    ),
    ("Brown, Mané, Roy, Abadi & Gilmer, *Adversarial patch*, 2017", "https://arxiv.org/abs/1712.09665"),
    (
        "Carlini & Wagner, *Towards evaluating the robustness of neural networks*, S&P 2017",
        "https://arxiv.org/abs/1608.04644",
    ),
    (
        "Carlini & Wagner, *Audio adversarial examples: targeted attacks on speech-to-text*, 2018",
        "https://arxiv.org/abs/1801.01944",
    ),
    (
        "Eykholt et al., *Robust physical-world attacks on deep learning visual classification* (the stop sign), CVPR "
        "2018",
        "https://arxiv.org/abs/1707.08945",
    ),
    (
        "Goodfellow, Shlens & Szegedy, *Explaining and harnessing adversarial examples* (FGSM, the panda), ICLR 2015",
        "https://arxiv.org/abs/1412.6572",
    ),
    ("Kolter & Madry, *Adversarial robustness: theory and practice*, tutorial, NeurIPS 2018", TUTORIAL),
    (
        "Madry, Makelov, Schmidt, Tsipras & Vladu, *Towards deep learning models resistant to adversarial attacks* "
        "(PGD, adversarial training), ICLR 2018",
        "https://arxiv.org/abs/1706.06083",
    ),
    (
        "Nguyen, Yosinski & Clune, *Deep neural networks are easily fooled* (fooling images), CVPR 2015",
        "https://arxiv.org/abs/1412.1897",
    ),
    (
        "Papernot et al., *Practical black-box attacks against machine learning*, ASIA CCS 2017",
        "https://arxiv.org/abs/1602.02697",
    ),
    ("Prevost, the figure of the retriever that becomes a plane, as credited on the slide; no address is known", ""),
    (
        "Sharif, Bhagavatula, Bauer & Reiter, *Accessorize to a crime* (the glasses), CCS 2016",
        "https://doi.org/10.1145/2976749.2978392",
    ),
    ("Szegedy et al., *Intriguing properties of neural networks*, ICLR 2014", "https://arxiv.org/abs/1312.6199"),
)


def paper(address: str) -> str:
    """The address of the whole work: the chapters of the tutorial are one reference."""
    return TUTORIAL if address.startswith(TUTORIAL) else address


@cache
def cited() -> Mapping[str, tuple[str, Sequence[str]]]:
    """The references of all lessons, by the address of the work: its text, and the labels of the lessons."""
    found: dict[str, tuple[str, list[str]]] = {}
    for lesson in LESSONS:
        module = import_module("pages." + lesson.file.removesuffix("/page.py").replace("/", ".") + ".texts")
        for text, address in module.TEXTS.references:
            _, labels = found.setdefault(paper(address), (text, []))
            if lesson.label not in labels:
                labels.append(lesson.label)
    return found
