"""The texts around the lesson's sections."""

from pages.lessons.threat_models.settings import VALUES, page
from pages.widgets.lesson import Texts
from pages.widgets.quiz import Choice, Number, Question


def length(values: int, levels: int) -> Number:
    """A question for the L2 norm of a δ whose values all have the same size."""
    limit = levels / 255 * values**0.5
    return Number(
        f"Each of {values} values changes by exactly {levels}/255. Compute ‖δ‖₂. (√{values} ≈ {values**0.5:.0f})",
        limit,
        0.02 * limit,
        f"√(n·ε²) = √n·ε = {limit:.2f}. An ε for L2 is therefore much larger than an ε for L∞.",
        lambda given: (
            "That is ‖δ‖₁ = n·ε. L2 takes the root of the sum of squares."
            if abs(given - levels / 255 * values) < 0.05 * levels / 255 * values
            else "There are n equal squares: √(n·ε²) = √n·ε. Note that ε is in 1/255."
        ),
    )


def questions() -> list[Question]:
    return [
        Question("b", length(VALUES, page.value.eps or 8), length(10_000, 5)),
        Question(
            "a",
            Choice(
                "δ changes a single colour value, by 200 levels of 255. Which balls with ε = 8/255 contain this δ?",
                (
                    (
                        "None of the three: a single change is as large in each of the norms.",
                        "‖δ‖∞ = ‖δ‖₂ = ‖δ‖₁ = 200/255.",
                    ),
                    (
                        "The L∞ ball: it allows δ in which nearly nothing of the picture changes.",
                        "‖δ‖∞ is the *largest* change, here 200/255.",
                    ),
                    (
                        "The L2 and the L1 ball: they add up all changes, and there is only one.",
                        "One change is enough. ‖δ‖₂ = √(200²)/255 = 200/255.",
                    ),
                ),
            ),
            Choice(
                f"δ changes each of the {VALUES} values by 1/255. Which balls with ε = 8/255 contain this δ?",
                (
                    (
                        "The L∞ ball: no single change is larger than 8/255.",
                        f"‖δ‖∞ = 1/255. But ‖δ‖₂ = {VALUES**0.5:.0f}/255, and ‖δ‖₁ is larger still.",
                    ),
                    (
                        "All three of them: 1/255 is smaller than 8/255.",
                        f"L2 and L1 add up the changes of all values: ‖δ‖₂ = {VALUES**0.5:.0f}/255.",
                    ),
                    (
                        "The L2 and L1 ball: they measure a mean change.",
                        f"They measure no mean, but a sum: ‖δ‖₁ = {VALUES}/255.",
                    ),
                ),
            ),
        ),
        Question(
            "c",
            Choice(
                "Very few random δ fool the network. The adversarial δ of the same norm does. Why?",
                (
                    (
                        "In ⟨gradient, δ⟩, random signs cancel out, and adversarial ones add up.",
                        "The loss changes by about ⟨gradient, δ⟩. With n values the worst case is larger by a factor "
                        "of about √n: random terms add up to about √n, aligned terms to n, and "
                        f"√{VALUES} is {VALUES**0.5:.0f}.",
                    ),
                    (
                        "Random δ are smaller: most of their values are near zero, and few are large.",
                        "All of them lie on the edge of the ball, up to the rounding to 8 bits.",
                    ),
                    (
                        "The network has seen random noise in its training, and no adversarial δ.",
                        "Some networks have. But the linear model of *Linear models* has not, and it behaves in the "
                        "same way.",
                    ),
                ),
            ),
            Choice(
                "A gradient has 10 000 values of the same size. How much does a δ with random signs raise the loss, "
                "compared with the best signs of the same ε?",
                (
                    ("About a hundredth of it, up or down.", "√n against n: 100 against 10 000 terms."),
                    ("About half: every second sign is right.", "The wrong half cancels the right half, nearly."),
                    ("As much: only the size of δ counts.", "The loss changes by ⟨gradient, δ⟩, where signs count."),
                ),
            ),
        ),
        Question(
            "d",
            Choice(
                "On the map, the L∞ ball is a square that stands on a corner. Why does it not stand on a side?",
                (
                    (
                        "u and v are patterns of signs: a pixel changes by |a + b| or by |a − b|.",
                        "The larger of the two is |a| + |b|. In the plane of two single pixels the L∞ ball stands on "
                        "a side, and the L1 ball on a corner. The shape depends on the slice.",
                    ),
                    (
                        "The map shows the L1 ball, which is the one that stands on a corner.",
                        "The dotted edge is L1, and here it is a square that stands on a side.",
                    ),
                    (
                        "The box [0, 1] cuts off the corners of a square that stood on its side.",
                        "The box limits only values that are nearly black or white. The shape is the same without it.",
                    ),
                ),
            ),
            Choice(
                "In the plane of two single pixels, what shape does the L1 ball |a| + |b| ≤ ε have?",
                (
                    ("A square that stands on a corner.", "Its corners are (±ε, 0) and (0, ±ε)."),
                    ("A square that stands on a side.", "That is the L∞ ball: |a| ≤ ε and |b| ≤ ε."),
                    ("A circle with the radius ε around x.", "That is the L2 ball: a² + b² ≤ ε²."),
                ),
            ),
        ),
        Question(
            "e",
            Choice(
                "A network is robust to every δ with ‖δ‖∞ ≤ 8/255. Is it robust to the sticker of section 2?",
                (
                    (
                        "Unknown: the sticker is in another Δ(x), outside of the guarantee.",
                        "A network is always robust with respect to a threat model. State which one.",
                    ),
                    (
                        "Yes: a sticker covers only a small part, and is a small change.",
                        "L∞ limits the size of each change, not the number of changed values.",
                    ),
                    (
                        "No: no network is safe from stickers, whatever else it is robust to.",
                        "That says too much: a network may be robust in both senses. The guarantee just does not "
                        "imply it.",
                    ),
                ),
            ),
            Choice(
                "A network is robust to every δ with ‖δ‖∞ ≤ 8/255. Is it robust to a turn of the photograph by 5°?",
                (
                    (
                        "Unknown: a turn changes many values by more than ε.",
                        "The turned photograph is outside of the ball, so the guarantee says nothing.",
                    ),
                    (
                        "Yes: a turn by 5° is smaller than what ε allows.",
                        "At an edge of the picture, a turn changes values by far more than 8/255.",
                    ),
                    (
                        "No: robust networks recognise upright pictures only.",
                        "They may be robust to small turns. The guarantee just does not imply it.",
                    ),
                ),
            ),
        ),
        Question(
            "f",
            Choice(
                "One δ was made for eight photographs, without random windows. It fools these, but few others. Why?",
                (
                    (
                        "It has learnt the eight by heart, as a network learns too few examples.",
                        "δ has 150 528 values, and eight pictures bind few of them. More pictures, or random windows "
                        "of them, leave only what works in general.",
                    ),
                    (
                        "Its ε is too small for the other eight, which need a larger one.",
                        "A δ of their own fools them at a far smaller ε: see section 1.",
                    ),
                    (
                        "A universal perturbation can exist only for the photographs that it was made for.",
                        "With the windows on, it fools others, too. Moosavi-Dezfooli et al. fool most of ImageNet.",
                    ),
                ),
            ),
            Choice(
                "For a linear classifier, one δ for each class is as strong as a δ for each digit. Why?",
                (
                    (
                        "The gradient points along θ at every x, so that δ* has no x in it.",
                        "δ* = −ε·y·sign(θ). Only the box, which cuts δ off, depends on x.",
                    ),
                    (
                        "All zeros look nearly the same, so that one δ suits all of them.",
                        "The formula asks nothing of the digits. It would hold for photographs, too.",
                    ),
                    (
                        "The digits have few pixels, so that one δ can know them all by heart.",
                        "δ* was computed without looking at a single digit.",
                    ),
                ),
            ),
        ),
    ]


TEXTS = Texts(
    lead=(
        "A threat model says what an attacker may change. On this page you compare the L∞, L2 and L1 ball on one "
        "photograph, restrict δ to a mask, compare random noise with the worst case, measure from which ε you see a "
        "change yourself, look at a map of the network's decisions around the photograph, and make one δ for many "
        "photographs."
    ),
    questions=questions,
    script=(
        "1. Open the link. Ask which of the three photographs has changed least. Then show the amplified row.\n"
        "2. Section 3: let the students guess by a show of hands before you press the button. Most guess far too "
        "high.\n"
        "3. Section 5, the map: to the right, the class changes after a short distance. Straight up, it almost never "
        "changes. Attacks go right, noise goes up.\n"
        "4. Section 6: start the universal δ, and let the students guess how many unseen photographs it fools. Then "
        "turn the windows off: it fools all that it knows, and hardly another one. End with the linear case."
    ),
    pitfalls=(
        "- “L1 looks worse than L∞!” One simple number has matched their ε. What an eye sees also depends on "
        "distance, screen and texture; section 4 measures it.\n"
        "- Projectors lose small contrasts. Let students look at their own screens.\n"
        "- Random noise fools the network, too, on a photograph of which it is unsure. Try the astronaut.\n"
        "- “A universal δ fools everything!” Ours learns from eight photographs, the paper's from ten thousand. Count "
        "the unseen ones, and compare them with random noise."
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
        (
            "Moosavi-Dezfooli, Fawzi, Fawzi & Frossard, *Universal adversarial perturbations*, CVPR 2017",
            "https://arxiv.org/abs/1610.08401",
        ),
        (
            "Shafahi et al., *Universal adversarial training* (the gradient method used here), AAAI 2020",
            "https://arxiv.org/abs/1811.11304",
        ),
        ("Sharif et al., *Accessorize to a crime* (the glasses), CCS 2016", "https://doi.org/10.1145/2976749.2978392"),
        (
            "Levitt, *Transformed up-down methods in psychoacoustics* (the staircase), JASA 1971",
            "https://doi.org/10.1121/1.1912375",
        ),
    ),
)
