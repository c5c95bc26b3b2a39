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
            "Predict, then run it (*A straight hill* under 1): the classifier is linear. Which attack ends with the "
            "higher loss?",
            (
                (
                    "PGD: 40 steps are better than one.",
                    "Run it: both end in the same corner. There is no bend to turn.",
                ),
                (
                    "Neither: FGSM and PGD end in the same corner.",
                    f"Yes: loss {short(one[2])} by FGSM, {short(many[2])} by PGD. The gradient of a linear "
                    "classifier has the same direction everywhere, so every step is the first step again.",
                ),
                ("FGSM: it goes the whole way at once.", "It does, but PGD gets there as well, a little later."),
            ),
            1,
        ),
        Number(
            "b",
            f"At x = {pair(first.x.numpy())} the network's gradient is ∇L = ({short(shown[0])}, {short(shown[1])}). "
            "How large must α be, at least, so that *one raw* step and the projection end in FGSM's corner? L∞, "
            f"ε = {eps:g}.",
            alpha,
            0.05 * alpha,
            f"Yes: ε divided by the smaller component, {eps:g} / {short(min(map(abs, shown)))} ≈ {alpha:.0f}.",
            lambda given: (
                "With this α the step only *reaches the edge*, by its larger component. The smaller one has to get "
                "to ε, too."
                if abs(given - early) <= 0.05 * early
                else f"That is ε/‖∇L‖₂: right for an L2 ball. Here each component has to reach {eps:g}."
                if abs(given - eps / float(np.hypot(shown[0], shown[1]))) <= 0.05 * given
                else "The sign throws sizes away. By sizes alone, how large must α be?"
                if given <= 1
                else f"Each component of α·∇L has to reach at least {eps:g}. Which one is last?"
            ),
        ),
        Choice(
            "c",
            "In two dimensions, by how much can sign(∇L) turn away from ∇L at most?",
            (
                ("45°", "Yes: when ∇L lies almost along one axis, the sign still moves both pixels."),
                ("90°", "Then it would gain nothing. The sign always gains: sign(∇L)·∇L = ‖∇L‖₁ > 0."),
                ("180°", "That would be downhill. Each component keeps its sign."),
            ),
            0,
        ),
        Choice(
            "d",
            "L∞, normalised steps, α = 2ε. What does the run look like? (Try it under 2: ε = 0.15, α = 0.3.)",
            (
                (
                    "It converges faster, since its steps are longer.",
                    "Every component lands on +ε or −ε, so the points between are never seen.",
                ),
                (
                    "It jumps from corner to corner of the square.",
                    "Yes. A step of 2ε takes each pixel from anywhere to one of its two limits. The best point may "
                    "lie between.",
                ),
                ("It leaves the ball for good.", "The projection brings it back after each step."),
            ),
            1,
        ),
        Choice(
            "e",
            "A raw gradient of length 10⁻⁸ at a point: what does it tell you about the classifier there?",
            (
                (
                    "It is robust there: the loss hardly rises.",
                    "See *A flat place* under 1: the gradient is that short, and PGD fools the network inside the "
                    "ball. The gradient describes the surroundings of one point, not the ball.",
                ),
                (
                    "Only that it is very sure at that point.",
                    "Yes: ∇L carries the factor 1 − p(y). A defence that only flattens the loss at the data looks "
                    "robust to raw steps, and to FGSM at times, and is not.",
                ),
                ("Its training has failed.", "On the contrary: at well-fitted data the loss is flat."),
            ),
            1,
        ),
    ]


TEXTS = Texts(
    lead=(
        "Every attack of this course climbs a hill, the loss, inside a small ball. With two pixels you can see the "
        "whole hill, and each step on it: the gradient, the sign, the projection; and why many steps (PGD) find what "
        "one step (FGSM) misses."
    ),
    questions=questions,
    script=(
        "1. Open the link: x sits deep in its own class. FGSM's cross is on the wrong side of the bend, PGD's star is "
        "not. Ask why, before you go on.\n"
        "2. Section 2: press *Next*, phase by phase, and let the room say what comes: gradient, step, back into the "
        "ball. Then look left: hardly anything has moved.\n"
        "3. Raise the raw α until it moves. Section 3: up to ∞; the step comes back in FGSM's corner.\n"
        "4. *A straight hill*: on a linear classifier, one step is all. That is the next lesson."
    ),
    pitfalls=(
        "- “The gradient points to the maximum.” It points up *here*; the thin lines show how soon that changes.\n"
        "- The two α are not the same thing: one is a factor, the other a length.\n"
        "- In two dimensions the sign turns by 45° at most. In n dimensions it can be nearly 90°.\n"
        "- Students blame the projection when PGD misses the top. Halve α first."
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
            "Kolter & Madry, *Adversarial robustness: theory and practice*, chapter 3: solving the inner maximization",
            "https://adversarial-ml-tutorial.org/adversarial_examples/",
        ),
    ),
)
