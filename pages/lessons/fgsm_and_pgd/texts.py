"""The texts around the lesson's sections."""

import numpy as np

from pages.lessons.fgsm_and_pgd.charts import short
from pages.lessons.fgsm_and_pgd.scene import fixed_cases, pair
from pages.widgets.lesson import Texts
from pages.widgets.quiz import Choice, Number


def questions() -> list[Choice | Number]:
    """Questions on fixed cases, independent of the controls; every number is computed here."""
    first, straight = fixed_cases()
    g, eps = first.gradient, first.settings.eps
    shown = [float(f"{value:.1e}") for value in g]
    alpha = eps / min(map(abs, shown))
    early = eps / max(map(abs, shown))
    one, many = straight.says(straight.fgsm), straight.says(straight.way.points[-1])
    return [
        Choice(
            "a",
            "Predict, then run it (button *A linear classifier* in section 1). Which attack ends with the higher loss "
            "on a linear classifier?",
            (
                (
                    "PGD: 40 steps are better than one.",
                    "Run it: both end in the same corner. The direction of the gradient never changes.",
                ),
                (
                    "Neither: FGSM and PGD end in the same corner.",
                    f"Yes: loss {short(one[2])} by FGSM, {short(many[2])} by PGD. The gradient of a linear "
                    "classifier has the same direction everywhere, so all steps have the same direction.",
                ),
                ("FGSM: it goes the whole way at once.", "It does, but PGD ends there as well, after more steps."),
            ),
            1,
        ),
        Number(
            "b",
            f"At x = {pair(first.x.numpy())} the network's gradient is ∇L = ({short(shown[0])}, {short(shown[1])}). "
            f"The ball is the L∞ ball with ε = {eps:g}. What is the least α for which *one raw* step, followed by the "
            "projection, ends in FGSM's corner?",
            alpha,
            0.05 * alpha,
            f"Yes: ε divided by the smaller component, {eps:g} / {short(min(map(abs, shown)))} ≈ {alpha:.0f}.",
            lambda given: (
                "With this α the step only *reaches the edge*, with its larger component. The smaller component has "
                "to reach ε, too."
                if abs(given - early) <= 0.05 * early
                else f"That is ε/‖∇L‖₂, right for an L2 ball. In L∞ each component has to reach {eps:g}."
                if abs(given - eps / float(np.hypot(shown[0], shown[1]))) <= 0.05 * given
                else "That is the α of a step along sign(∇L). A raw step is α·∇L, and ∇L is tiny here."
                if given <= 1
                else f"Each component of α·∇L has to reach at least {eps:g}. Which one reaches it last?"
            ),
        ),
        Choice(
            "c",
            "What is the largest angle between sign(∇L) and ∇L in two dimensions?",
            (
                ("45°", "Yes: when ∇L lies almost along one axis, the sign still changes both pixels."),
                ("90°", "No: then the loss would not rise, but sign(∇L)·∇L = ‖∇L‖₁ > 0."),
                ("180°", "No: that is the direction in which the loss falls. Each component keeps its sign."),
            ),
            0,
        ),
        Choice(
            "d",
            "PGD in L∞ takes normalised steps with α = 2ε. What does the run look like? (Try it in section 2 with "
            "ε = 0.15 and α = 0.3.)",
            (
                (
                    "It converges faster, since its steps are longer.",
                    "No: each component of δ ends at +ε or −ε, so the run never visits the points between.",
                ),
                (
                    "It jumps from corner to corner of the square.",
                    "Yes. A step of 2ε takes each pixel to one of its two limits. The point with the highest loss may "
                    "lie between them.",
                ),
                ("It leaves the ball and stays outside.", "No: the projection brings it back after each step."),
            ),
            1,
        ),
        Choice(
            "e",
            "At some point the raw gradient has the length 10⁻⁸. What does this tell you about the classifier there?",
            (
                (
                    "It is robust there: the loss hardly rises.",
                    "No. See *A tiny gradient* in section 1: the gradient is that short, and PGD fools the network "
                    "inside the ball. The gradient describes a point, not the ball around it.",
                ),
                (
                    "Only that its prediction is very confident at this point.",
                    "Yes: ∇L contains the factor 1 − p(y). A defence that only flattens the loss at the data looks "
                    "robust to raw steps, and sometimes to FGSM. It is not robust.",
                ),
                ("Its training has failed.", "No: where a classifier fits the data well, the loss is flat."),
            ),
            1,
        ),
    ]


TEXTS = Texts(
    lead=(
        "Every attack of this course climbs a hill: it raises the loss inside a small ball. A picture of two pixels is "
        "a point in a plane, so you can see the whole hill here and each step on it: the gradient, the sign, the "
        "projection. You see why many steps (PGD) find what one step (FGSM) misses, and how two targeted attacks "
        "on one photograph end in different classes."
    ),
    questions=questions,
    script=(
        "1. Open the link. The point x lies deep in its own class. FGSM's cross still lies in this class, PGD's star "
        "lies in the other one. Ask why before you go on.\n"
        "2. Section 2: press *Next* for each phase. Let the students say what follows: gradient, step, projection. "
        "Then compare with the raw run on the left: it has hardly moved.\n"
        "3. Raise the raw α until it moves. Section 3: raise α up to ∞. The projected step ends in FGSM's corner.\n"
        "4. Press *A linear classifier*: one step is enough there. The lesson *Linear models* goes on from this.\n"
        "5. Section 5: cover the result, and ask which of the two objectives ends at the airliner."
    ),
    pitfalls=(
        "- “The gradient points to the maximum.” It points uphill *at this point*. The thin lines show how quickly the "
        "direction changes.\n"
        "- The two α differ: the raw one is a factor, the normalised one a length.\n"
        "- In two dimensions the angle between the sign and ∇L is at most 45°. In n dimensions it can be almost 90°.\n"
        "- Students blame the projection when PGD misses the maximum. Halve α first."
    ),
    references=(
        (
            "Goodfellow, Shlens & Szegedy, *Explaining and harnessing adversarial examples* (FGSM), ICLR 2015",
            "https://arxiv.org/abs/1412.6572",
        ),
        (
            "Madry, Makelov, Schmidt, Tsipras & Vladu, *Towards deep learning models resistant to adversarial "
            "attacks* (PGD), ICLR 2018",
            "https://arxiv.org/abs/1706.06083",
        ),
        (
            "Kurakin, Goodfellow & Bengio, *Adversarial examples in the physical world* (many sign steps), 2017",
            "https://arxiv.org/abs/1607.02533",
        ),
        (
            "Kurakin, Goodfellow & Bengio, *Adversarial machine learning at scale* (a step towards a class), ICLR 2017",
            "https://arxiv.org/abs/1611.01236",
        ),
        (
            "Kolter & Madry, *Adversarial robustness: theory and practice*, chapter 3: solving the inner maximization",
            "https://adversarial-ml-tutorial.org/adversarial_examples/",
        ),
    ),
)
