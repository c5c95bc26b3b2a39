"""The texts around the lesson's sections."""

from pages.lessons.unrestricted.settings import ANGLES, CUTS, TRIALS
from pages.widgets.lesson import Texts
from pages.widgets.quiz import Choice, Number, Question


def product(text: str, one: int, other: int, told: str, hint: str) -> Number:
    """A question for the number of queries."""
    return Number(text, one * other, 0.5, f"{one} · {other} = {one * other}{told}", lambda given: hint)


def questions() -> list[Question]:
    return [
        Question(
            "c",
            product(
                f"The search sends at most {TRIALS} queries for each of 16 photographs. How many queries is that in "
                "all?",
                16,
                TRIALS,
                "; fewer where the network is fooled early.",
                "Multiply the queries by the photographs.",
            ),
            product(
                f"A landscape like that of section 2 has {len(ANGLES)} angles and {len(CUTS)} sizes of the crop. How "
                "many pictures does the network classify for it?",
                len(ANGLES),
                len(CUTS),
                ": a search of this kind is called a grid search.",
                "Each angle is combined with each crop: multiply.",
            ),
        ),
        Question(
            "a",
            Choice(
                "How large is the change in L∞ when a photograph is shifted by a single pixel?",
                (
                    (
                        "Often more than 100/255: at edges, dark values become bright.",
                        "The ε-ball measures something else than the eye does.",
                    ),
                    (
                        "About 1/255: a single pixel is the smallest step there is.",
                        "It is one step in position, not in brightness.",
                    ),
                    (
                        "It depends on the network, and on how robust it is to shifts.",
                        "The norm of δ does not depend on any network.",
                    ),
                ),
            ),
            Choice(
                "Every value of a photograph gets brighter by 20/255. Is the result in the L∞ ball with ε = 8/255?",
                (
                    ("No: each change is larger than 8/255.", "‖δ‖∞ = 20/255, although the eye hardly minds."),
                    ("Yes: all the changes are equally large.", "‖δ‖∞ is the largest change, 20/255."),
                    ("Yes: it is still the same photograph.", "The norm does not know what a photograph shows."),
                ),
            ),
        ),
        Question(
            "b",
            Choice(
                "Why does the search not follow the gradient?",
                (
                    (
                        "A gradient gets stuck in a local minimum, and seven numbers are soon searched.",
                        "Engstrom et al. find that a grid search beats first-order attacks here.",
                    ),
                    (
                        "Turns and shifts have no gradient, since each pixel jumps to another place.",
                        "They have one: interpolation is differentiable.",
                    ),
                    (
                        "The weights are secret here, so that nobody is able to compute a gradient.",
                        "They are not secret here. But the search would work if they were.",
                    ),
                ),
            ),
            Choice(
                "Why do a few random poses find so much here, and a few random δ so little in an ε-ball?",
                (
                    (
                        "A pose has only seven numbers; a δ has one for each value.",
                        "In few dimensions, a few random tries cover much of the set.",
                    ),
                    (
                        "A pose is not rounded to 8 bits, and a random δ is rounded.",
                        "Both results are 8-bit pictures.",
                    ),
                    (
                        "A pose follows the network's weights, and a random δ does not.",
                        "A random pose does not know the weights either.",
                    ),
                ),
            ),
        ),
        Question(
            "d",
            Choice(
                "A network was trained adversarially in the L∞ ball with ε = 8/255. What do you know about turned "
                "pictures?",
                (
                    ("Nothing: that Δ was another one.", "Measure it, with a search."),
                    ("It is robust to them: 8/255 is a lot.", "They are far outside the ball."),
                    ("It is less robust to them than before.", "That, too, would have to be measured."),
                ),
            ),
            Choice(
                "No turn within the budget fools a network, and no crop does. What do you know about a turn together "
                "with a crop?",
                (
                    (
                        "Nothing: both together are a larger Δ.",
                        "Measure it: all at once is the worst case of section 3.",
                    ),
                    (
                        "It is as harmless as each of the two alone.",
                        "The search may find a worse pose in the larger set.",
                    ),
                    ("It fools the network: two changes are more.", "It may fool it. That has to be measured."),
                ),
            ),
        ),
    ]


TEXTS = Texts(
    lead=(
        "The attack paints no pixel. It turns, shifts, crops or recolours the photograph, as anybody with a camera "
        "might. You search for the smallest such change that fools the network, without a gradient."
    ),
    questions=questions,
    script=(
        "1. Open the link: the koala, “all at once”. “What has been painted? Nothing.”\n"
        "2. Switch to “turn”: even upside down, the koala stays a koala. “So is the network robust to turning?”\n"
        "3. Back to “all at once”. Each small change alone is harmless; the worst combination is not.\n"
        "4. Let a student change the photograph by hand: the sliders work like a camera."
    ),
    pitfalls=(
        "- “Wild boar” instead of “hog” is a changed prediction, not a catastrophe. Say so, and look for a worse one.\n"
        "- The corners of a turned picture are mirrored; the toggle enlarges the picture instead. Both are choices of "
        "Δ.\n"
        "- An astronaut is no ImageNet class: the first prediction is a guess, and the first turn changes it."
    ),
    references=(
        (
            "Engstrom, Tran, Tsipras, Schmidt & Madry, *Exploring the landscape of spatial robustness*, ICML 2019",
            "https://arxiv.org/abs/1712.02779",
        ),
        (
            "Brown, Carlini, Zhang, Olsson, Christiano & Goodfellow, *Unrestricted adversarial examples*, 2018",
            "https://arxiv.org/abs/1809.08352",
        ),
        (
            "Hosseini & Poovendran, *Semantic adversarial examples*, CVPR Workshops 2018",
            "https://arxiv.org/abs/1804.00499",
        ),
        (
            "Azulay & Weiss, *Why do deep convolutional networks generalize so poorly to small image "
            "transformations?*, JMLR 2019",
            "https://arxiv.org/abs/1805.12177",
        ),
    ),
)
