"""The texts around the lesson's sections."""

from pages.lessons.unrestricted.settings import TRIALS
from pages.widgets.lesson import Texts
from pages.widgets.quiz import Choice, Number


def questions() -> list[Choice | Number]:
    return [
        Choice(
            "a",
            "How large is the change in L∞ when a photograph is shifted by a single pixel?",
            (
                ("About 1/255: it is one step.", "It is one step in position, not in brightness."),
                (
                    "Often more than 100/255: at every edge, a dark value becomes a bright one.",
                    "Yes. The ε-ball measures something else than the eye does.",
                ),
                ("It depends on the network.", "The norm of δ does not depend on any network."),
            ),
            1,
        ),
        Choice(
            "b",
            "Why does the search not follow the gradient?",
            (
                ("Turns and shifts have no gradient.", "They have one: interpolation is differentiable."),
                (
                    "With seven numbers, a search is cheap, and a gradient gets stuck in the many local minima of the "
                    "landscape.",
                    "Yes: Engstrom et al. find that a grid search beats first-order attacks here.",
                ),
                ("Because the weights are secret.", "They are not secret here. But it would work if they were."),
            ),
            1,
        ),
        Number(
            "c",
            f"The search sends at most {TRIALS} queries for each of 16 photographs. How many queries is that in all?",
            16 * TRIALS,
            0.5,
            f"Yes: 16 · {TRIALS} = {16 * TRIALS}; fewer where the network is fooled early.",
            lambda given: "Multiply the queries by the photographs.",
        ),
        Choice(
            "d",
            "A network was trained adversarially in the L∞ ball with ε = 8/255. What do you know about turned "
            "pictures?",
            (
                ("It is robust to them: 8/255 is a lot.", "They are far outside the ball."),
                ("It is less robust to them.", "That, too, would have to be measured."),
                ("Nothing. That Δ was another one.", "Yes. Measure it, with a search."),
            ),
            2,
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
