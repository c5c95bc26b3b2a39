"""The texts around the lesson's sections."""

import numpy as np

from pages.lessons.fgsm_and_pgd.scene import fixed_cases, pair
from pages.widgets.charts import short
from pages.widgets.lesson import Texts
from pages.widgets.quiz import Choice, Number, Question


def raw_step(where: str, gradient: tuple[float, float], eps: float) -> Number:
    """A question for the factor α of a raw step that ends in FGSM's corner."""
    small, large = sorted(map(abs, gradient))
    alpha, early, round_ball = eps / small, eps / large, eps / float(np.hypot(small, large))
    return Number(
        f"{where} is ∇L = ({short(gradient[0])}, {short(gradient[1])}). The ball is the L∞ ball with ε = {eps:g}. What "
        "is the least α for which *one raw* step, followed by the projection, ends in FGSM's corner?",
        alpha,
        0.05 * alpha,
        f"ε divided by the smaller component, {eps:g} / {short(small)} ≈ {alpha:.0f}.",
        lambda given: (
            "With this α the step only *reaches the edge*, with its larger component. The smaller component has to "
            "reach ε, too."
            if abs(given - early) <= 0.05 * early
            else f"That is ε/‖∇L‖₂, right for an L2 ball. In L∞ each component has to reach {eps:g}."
            if abs(given - round_ball) <= 0.05 * given
            else "That is the α of a step along sign(∇L). A raw step is α·∇L, and ∇L is tiny here."
            if 0 <= given <= 1
            else f"Each component of α·∇L has to reach at least {eps:g}. Which one reaches it last?"
        ),
    )


def questions() -> list[Question]:
    """Questions on fixed cases, independent of the controls; every number is computed here."""
    first, straight = fixed_cases()
    shown = [float(f"{value:.1e}") for value in first.gradient]
    one, many = straight.says(straight.fgsm), straight.says(straight.way.points[-1])
    return [
        Question(
            "b",
            raw_step(
                f"At x = {pair(first.x.numpy())} the network's gradient", (shown[0], shown[1]), first.settings.eps
            ),
            raw_step("At another point the gradient", (-0.003, 0.002), 0.12),
        ),
        Question(
            "a",
            Choice(
                "Predict, then run it (button *A linear classifier* in section 1). Which attack ends with the higher "
                "loss on a linear classifier?",
                (
                    (
                        "Neither: FGSM and PGD end in the same corner of the square around x.",
                        f"The loss is {short(one[2])} by FGSM, {short(many[2])} by PGD. The gradient of a linear "
                        "classifier has the same direction everywhere, so all steps have the same direction.",
                    ),
                    (
                        "PGD: with 40 steps it can follow a curve that one step would miss.",
                        "Run it: both end in the same corner. The direction of the gradient never changes.",
                    ),
                    (
                        "FGSM: it goes the whole way at once, where PGD takes many small steps.",
                        "It does, but PGD ends there as well, after more steps.",
                    ),
                ),
            ),
            Choice(
                "On a linear classifier, PGD starts at a random point of the L∞ ball and takes enough steps. Where "
                "does it end?",
                (
                    (
                        "In FGSM's corner, wherever it starts.",
                        "The sign of the gradient is the same everywhere, and the corner is as far as the ball goes.",
                    ),
                    (
                        "In the corner next to its start.",
                        "The gradient decides which corner it is, and not the start.",
                    ),
                    (
                        "At a point of the edge that depends on its start.",
                        "It moves along the edge, too, until both pixels have reached their limits.",
                    ),
                ),
            ),
        ),
        Question(
            "c",
            Choice(
                "What is the largest angle between sign(∇L) and ∇L in two dimensions?",
                (
                    ("45°", "When ∇L lies almost along one axis, the sign still changes both pixels."),
                    ("90°", "Then the loss would not rise, but sign(∇L)·∇L = ‖∇L‖₁ > 0."),
                    ("180°", "That is the direction in which the loss falls. Each component keeps its sign."),
                ),
            ),
            Choice(
                "What is the largest angle between sign(∇L) and ∇L in 100 dimensions? (Its cosine is at least 1/√100.)",
                (
                    ("About 84°", "The cosine is 0.1, where one component is far larger than all others."),
                    ("Still 45°", "That is the value of two dimensions, where the cosine is 1/√2."),
                    ("Above 90°", "The loss rises along sign(∇L), so the angle is always below 90°."),
                ),
            ),
        ),
        Question(
            "d",
            Choice(
                "PGD in L∞ takes normalised steps with α = 2ε. What does the run look like? (Try it in section 2 with "
                "ε = 0.15 and α = 0.3.)",
                (
                    (
                        "It jumps from corner to corner of the square, and visits nothing between.",
                        "A step of 2ε takes each pixel to one of its two limits. The point with the highest loss may "
                        "lie between them.",
                    ),
                    (
                        "It finds the maximum faster than with short steps, since its steps are longer.",
                        "Each component of δ ends at +ε or −ε, so the run never visits the points between.",
                    ),
                    (
                        "It leaves the ball with its first step, and then it stays outside of it.",
                        "The projection brings it back after each step.",
                    ),
                ),
            ),
            Choice(
                "PGD in L∞ starts at x and takes 10 normalised steps with α = ε/40. What does the run look like?",
                (
                    (
                        "It ends inside the ball: no pixel has changed by more than ε/4.",
                        "10 · ε/40 = ε/4. Steps and α have to fit: α times the steps should be at least ε.",
                    ),
                    (
                        "It ends in a corner: the sign makes each step as long as ε.",
                        "The sign has the length 1 in each pixel, and α shortens it.",
                    ),
                    (
                        "It jumps between the corners of the square, ten times in all.",
                        "It would have to change a pixel by 2ε at once, and α is ε/40.",
                    ),
                ),
            ),
        ),
        Question(
            "e",
            Choice(
                "At some point the raw gradient has the length 10⁻⁸. What does this tell you about the classifier "
                "there?",
                (
                    (
                        "Only that its prediction is very confident at this one point.",
                        "∇L contains the factor 1 − p(y). A defence that only flattens the loss at the data looks "
                        "robust to raw steps, and sometimes to FGSM. It is not robust.",
                    ),
                    (
                        "It is robust there: in the whole ball, the loss hardly rises.",
                        "See *A tiny gradient* in section 1: the gradient is that short, and PGD fools the network "
                        "inside the ball. The gradient describes a point, not the ball around it.",
                    ),
                    (
                        "Its training has failed: a good classifier has a long gradient.",
                        "Where a classifier fits the data well, the loss is flat.",
                    ),
                ),
            ),
            Choice(
                "Classifiers f and g predict the right class at x. The gradient of f is 1000 times as long as that of "
                "g. Which one does PGD fool more easily within ε?",
                (
                    (
                        "That is open: a gradient describes the point x only.",
                        "The loss of g may rise steeply a little further on. PGD goes there and sees it.",
                    ),
                    (
                        "f: its loss is 1000 times as large everywhere in the ball.",
                        "The gradient says how the loss changes at x, not how large it is elsewhere.",
                    ),
                    (
                        "g: it can only be so flat because its training has failed.",
                        "Where a classifier fits the data well, the loss is flat.",
                    ),
                ),
            ),
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
