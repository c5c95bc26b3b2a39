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
            "δ changes one single colour value, by 200 levels of 255. In which ball with ε = 8/255 does it lie?",
            (
                ("In the L∞ ball: nearly nothing has changed.", "‖δ‖∞ is the *largest* change: 200/255."),
                ("In none of the three.", "Yes: a single change is as large in all three norms, 200/255."),
                ("In the L2 and L1 ball: they add up, and there is just one.", "One is enough: √(200²) = 200."),
            ),
            1,
        ),
        Number(
            "b",
            f"Every one of the {VALUES} values moves by exactly {eps}/255. How long is δ in L2? "
            f"(√{VALUES} ≈ {VALUES**0.5:.0f})",
            limit,
            0.02 * limit,
            f"Yes: √(n·ε²) = √n·ε = {limit:.2f}. That is why an ε of L2 has to be so much larger than one of L∞.",
            lambda given: (
                "That is ‖δ‖₁ = n·ε: L2 takes the root of the sum of squares."
                if abs(given - eps / 255 * VALUES) < 0.05 * eps / 255 * VALUES
                else "n equal squares: √(n·ε²) = √n·ε. Mind that ε is in 1/255."
            ),
        ),
        Choice(
            "c",
            "Hardly any random δ fools the network; the adversarial δ of the same norm does. Why?",
            (
                (
                    "Random δ are smaller.",
                    "All of them use the whole ball, up to the rounding to 8 bits.",
                ),
                (
                    "The loss changes by about ⟨gradient, δ⟩. For random signs the terms cancel out, for "
                    "sign(gradient) they all add up.",
                    "Yes. With n values the worst case wins by a factor of about √n: random terms sum to √n, aligned "
                    f"ones to n, and √{VALUES} is {VALUES**0.5:.0f}.",
                ),
                (
                    "The network has seen random noise in its training.",
                    "Some have, but the linear model of the third lesson has not, and behaves the same.",
                ),
            ),
            1,
        ),
        Choice(
            "d",
            "On the map the L∞ ball is a square that stands on its tip. Why not on its side?",
            (
                (
                    "u and v are not single values but patterns of signs: where they agree, a pixel moves by |a + b|, "
                    "elsewhere by |a − b|, and the larger one is |a| + |b|.",
                    "Yes. In the plane of two single pixels the L∞ ball stands on its side, and the L1 ball on its "
                    "tip. A ball has many slices.",
                ),
                ("The map was drawn with L1.", "The dotted edge is L1, and it is a square on its side here."),
                (
                    "Because the box [0, 1] cuts its corners off.",
                    "The box binds nearly black and white values only; the shape would be the same without it.",
                ),
            ),
            0,
        ),
        Choice(
            "e",
            "A network withstands every δ with ‖δ‖∞ ≤ 8/255. Is it safe from the sticker of section 2?",
            (
                (
                    "Yes: a sticker covers only a small part.",
                    "In L∞ the number of values does not count, only how far.",
                ),
                (
                    "Nobody knows: the sticker lies in another Δ(x), about which the promise says nothing.",
                    "Yes. Robustness is always robustness against a threat model; say which.",
                ),
                (
                    "No, nothing is ever safe.",
                    "Too much: a network may well be robust in both senses. The promise just does not imply it.",
                ),
            ),
            1,
        ),
    ]


TEXTS = Texts(
    lead=(
        "Before you can ask whether a network is robust, you have to say against *what*. Three balls, a mask, a test "
        "of your own eyes, and a map."
    ),
    questions=questions,
    script=(
        "1. Open the link. Ask which of the three photographs was changed least. Then show the amplified rows.\n"
        "2. Section 3: let the room guess by show of hands before you press. Most guess far too high.\n"
        "3. The map: to the right the class changes at once; straight up, nearly never. Noise goes up, attacks go "
        "right."
    ),
    pitfalls=(
        "- “L1 looks worse than L∞!” Its ε was matched by one crude number; the threshold of an eye depends on "
        "distance, screen and texture. That is section 4.\n"
        "- Projectors swallow small contrasts: let students look at their own screens.\n"
        "- A photograph of which the network is unsure is fooled by noise, too: try the astronaut."
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
