"""The texts around the lesson's sections."""

from pages.lessons.threat_models.settings import VALUES, page
from pages.widgets.lesson import Texts
from pages.widgets.quiz import Choice, Number


def questions() -> list[Choice | Number]:
    eps = page.value.eps or 8
    limit = eps / 255 * VALUES**0.5
    return [
        Choice(
            "a",
            "δ changes a single colour value, by 200 levels of 255. Which balls with ε = 8/255 contain this δ?",
            (
                ("The L∞ ball: nearly nothing has changed.", "No: ‖δ‖∞ is the *largest* change, here 200/255."),
                ("None of the three.", "Yes: a single change has the same size in all three norms, 200/255."),
                (
                    "The L2 and the L1 ball: they add up all changes, and there is only one.",
                    "No: one change is enough. ‖δ‖₂ = √(200²)/255 = 200/255.",
                ),
            ),
            1,
        ),
        Number(
            "b",
            f"Each of the {VALUES} values changes by exactly {eps}/255. Compute ‖δ‖₂. (√{VALUES} ≈ {VALUES**0.5:.0f})",
            limit,
            0.02 * limit,
            f"Yes: √(n·ε²) = √n·ε = {limit:.2f}. An ε for L2 is therefore much larger than an ε for L∞.",
            lambda given: (
                "That is ‖δ‖₁ = n·ε. L2 takes the root of the sum of squares."
                if abs(given - eps / 255 * VALUES) < 0.05 * eps / 255 * VALUES
                else "There are n equal squares: √(n·ε²) = √n·ε. Note that ε is in 1/255."
            ),
        ),
        Choice(
            "c",
            "Very few random δ fool the network. The adversarial δ of the same norm does. Why?",
            (
                (
                    "Random δ are smaller.",
                    "No: all of them lie on the edge of the ball, up to the rounding to 8 bits.",
                ),
                (
                    "The loss changes by about ⟨gradient, δ⟩. For random signs the terms cancel out. For "
                    "sign(gradient) they all add up.",
                    "Yes. With n values the worst case is larger by a factor of about √n: random terms add up to "
                    f"about √n, aligned terms to n, and √{VALUES} is {VALUES**0.5:.0f}.",
                ),
                (
                    "The network has seen random noise in its training.",
                    "Some networks have. But the linear model of *Linear models* has not, and it behaves in the same "
                    "way.",
                ),
            ),
            1,
        ),
        Choice(
            "d",
            "On the map, the L∞ ball is a square that stands on a corner. Why does it not stand on a side?",
            (
                (
                    "u and v are patterns of signs, not single values. Where u and v agree, a pixel changes by "
                    "|a + b|, elsewhere by |a − b|. The larger of the two is |a| + |b|.",
                    "Yes. In the plane of two single pixels the L∞ ball stands on a side, and the L1 ball on a "
                    "corner. The shape depends on the slice.",
                ),
                ("The map shows L1.", "No: the dotted edge is L1, and here it is a square that stands on a side."),
                (
                    "The box [0, 1] cuts its corners off.",
                    "No: the box limits only values that are nearly black or white. The shape is the same without it.",
                ),
            ),
            0,
        ),
        Choice(
            "e",
            "A network is robust to every δ with ‖δ‖∞ ≤ 8/255. Is it robust to the sticker of section 2?",
            (
                (
                    "Yes: a sticker covers only a small part.",
                    "No: L∞ limits the size of each change, not the number of changed values.",
                ),
                (
                    "That is unknown: the sticker belongs to another Δ(x), and the guarantee does not cover it.",
                    "Yes. A network is always robust with respect to a threat model. State which one.",
                ),
                (
                    "No: no network is ever safe.",
                    "That says too much: a network may be robust in both senses. The guarantee just does not imply it.",
                ),
            ),
            1,
        ),
    ]


TEXTS = Texts(
    lead=(
        "A threat model says what an attacker may change. On this page you compare the L∞, L2 and L1 ball on one "
        "photograph, restrict δ to a mask, compare random noise with the worst case, measure from which ε you see a "
        "change yourself, and look at a map of the network's decisions around the photograph."
    ),
    questions=questions,
    script=(
        "1. Open the link. Ask which of the three photographs has changed least. Then show the amplified row.\n"
        "2. Section 3: let the students guess by a show of hands before you press the button. Most guess far too "
        "high.\n"
        "3. Section 5, the map: to the right, the class changes after a short distance. Straight up, it almost never "
        "changes. Attacks go right, noise goes up."
    ),
    pitfalls=(
        "- “L1 looks worse than L∞!” One simple number has matched their ε. What an eye sees also depends on "
        "distance, screen and texture; section 4 measures it.\n"
        "- Projectors lose small contrasts. Let students look at their own screens.\n"
        "- Random noise fools the network, too, on a photograph of which it is unsure. Try the astronaut."
    ),
    references=(
        (
            "Kolter & Madry, *Adversarial robustness: theory and practice*, chapter 1",
            "https://adversarial-ml-tutorial.org/introduction/",
        ),
        ("Szegedy et al., *Intriguing properties of neural networks*, ICLR 2014", "https://arxiv.org/abs/1312.6199"),
        (
            "Goodfellow, Shlens & Szegedy, *Explaining and harnessing adversarial examples*, ICLR 2015",
            "https://arxiv.org/abs/1412.6572",
        ),
        (
            "Fawzi, Moosavi-Dezfooli & Frossard, *Robustness of classifiers: from adversarial to random noise*, "
            "NeurIPS 2016",
            "https://arxiv.org/abs/1608.08967",
        ),
        ("Sharif et al., *Accessorize to a crime* (the glasses), CCS 2016", "https://doi.org/10.1145/2976749.2978392"),
        (
            "Levitt, *Transformed up-down methods in psychoacoustics* (the staircase), JASA 1971",
            "https://doi.org/10.1121/1.1912375",
        ),
    ),
)
