"""The texts around the lesson's sections."""

from pages.lessons.unrestricted.settings import TRIALS
from pages.widgets.lesson import Texts
from pages.widgets.quiz import Choice, Number


def questions() -> list[Choice | Number]:
    return [
        Choice(
            "a",
            "In L∞, how large is the change when a photograph is moved by a single pixel?",
            (
                ("About 1/255: it is one step.", "One step in place, not in brightness."),
                (
                    "Often more than 100/255: at every edge a dark value becomes a bright one.",
                    "Yes. The ε-ball measures something else than the eye does.",
                ),
                ("It depends on the network.", "The norm of δ knows nothing of networks."),
            ),
            1,
        ),
        Choice(
            "b",
            "Why does the search not follow the gradient?",
            (
                ("Turns and shifts have no gradient.", "They have: interpolation is differentiable."),
                (
                    "With seven numbers trying is cheap, and the landscape has many small valleys in which a gradient "
                    "gets stuck.",
                    "Yes: Engstrom et al. find that a grid beats first-order attacks here.",
                ),
                ("Because the weights are secret.", "Here they are not. But it would work if they were."),
            ),
            1,
        ),
        Number(
            "c",
            f"The network is asked about {TRIALS} poses of each of 16 photographs, at most. How many questions is "
            "that?",
            16 * TRIALS,
            0.5,
            f"Yes: 16 · {TRIALS} = {16 * TRIALS}; fewer where it falls early.",
            lambda given: "Multiply.",
        ),
        Choice(
            "d",
            "A network was trained adversarially in the L∞ ball, ε = 8/255. What do you know about turned pictures?",
            (
                ("It is robust against them: 8/255 is a lot.", "They are far outside the ball."),
                ("It is less robust against them.", "That, too, would have to be measured."),
                ("Nothing. That Δ was another one.", "Yes. Measure it, with a search."),
            ),
            2,
        ),
    ]


TEXTS = Texts(
    lead=("No pixel is painted. The photograph is only held a little differently, as anybody might hold it."),
    questions=questions,
    script=(
        "1. Open the link: the koala, all at once. “What has been painted? Nothing.”\n"
        "2. Switch to “turn”: up to upside down, and the koala stays a koala. “So it is robust against turning?”\n"
        "3. Back to “all at once”. The worst of many small changes is not the sum of harmless ones.\n"
        "4. Let a student hold a photograph by hand: the sliders are a camera."
    ),
    pitfalls=(
        "- “Wild boar” for “hog” is a change of answer, not a catastrophe. Say so, and look for a worse one.\n"
        "- The corners of a turned picture are mirrored; the toggle enlarges instead. Both are choices of Δ.\n"
        "- An astronaut is no ImageNet class: its first answer is a guess, and the first turn overturns it."
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
