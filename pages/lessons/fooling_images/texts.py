"""The texts around the lesson's sections."""

from pages.lessons.fooling_images.settings import MOST_QUERIES
from pages.lessons.fooling_images.tasks import CHILDREN
from pages.widgets.lesson import Texts
from pages.widgets.quiz import Choice, Number


def questions() -> list[Choice | Number]:
    return [
        Choice(
            "a",
            "Compared with an adversarial photograph, what has been changed in δ* = argmax over Δ of L?",
            (
                ("The loss: noise needs another one.", "It is the log-probability of the target, as before."),
                (
                    "Δ: there is no ε any more, only the box.",
                    "Yes. And x: any picture will do as a start.",
                ),
                ("The solver: it no longer follows the sign of the gradient.", "Look at the formula of section 1."),
            ),
            1,
        ),
        Number(
            "b",
            "α = 1/255 and 40 steps. By how many of the 255 levels can a value have moved at most?",
            40,
            0.5,
            "Yes: 40 · 1. That is why grey still looks grey.",
            lambda given: "Every step moves a value by one level, up or down.",
            unit="levels",
        ),
        Choice(
            "c",
            "A company refuses every answer below 99 %. Does that keep fooling images out?",
            (
                ("Yes: nonsense gets low confidence.", "Look at the strokes of section 3."),
                (
                    "No: they were made to be surer than photographs are.",
                    "Yes. It refuses honest photographs instead.",
                ),
                ("Yes, if the network is large enough.", "Nothing in the argument depends on its size."),
            ),
            1,
        ),
        Choice(
            "d",
            "Lite1 does not see what Lite0 sees in these pictures. Would asking both be a defence?",
            (
                ("Yes: no picture can fool both.", "Switch on “Climb Lite0 and Lite1 together”."),
                (
                    "Against an attacker who does not know of it, perhaps; one who knows climbs both.",
                    "Yes. A defence is judged against whoever knows it.",
                ),
                ("No: Lite1 sees the same anyway.", "Count the ticks below the eight pictures."),
            ),
            1,
        ),
        Choice(
            "e",
            "Evolution asks for answers only. Why does breeding patterns get further than breeding tiles?",
            (
                (
                    "A small change of a pattern's genome changes the whole picture in an orderly way: edges, stripes, "
                    "circles, which the network looks for.",
                    "Yes. A single tile hardly matters to any class.",
                ),
                ("Patterns have more numbers to choose from.", "They have fewer: a few hundred, against 2352."),
                ("Tiles cannot show every picture.", "Nor can patterns. It is about what one mutation does."),
            ),
            0,
        ),
    ]


TEXTS = Texts(
    lead=("You will see noise. The network will see whatever you like, and be sure of it."),
    questions=questions,
    script=(
        "1. Before you open the link: “What will a network say of noise?” Let them guess a class and a confidence.\n"
        "2. Let somebody name any class. Choose it; it takes a few seconds. Then begin with *grey*.\n"
        "3. Section 2: read out what Lite1 sees in the same pictures. “So let us ask two!” Then climb both.\n"
        "4. Section 3: let them choose the threshold. There is none.\n"
        f"5. *Breed* while you talk about section 5; {MOST_QUERIES} pictures take about half a minute."
    ),
    pitfalls=(
        "- “It must have learnt that noise is a bus.” It has never seen any; nor the word “nothing”.\n"
        "- “There is a bus hidden in it.” Then the other networks would find it.\n"
        f"- The evolution often ends far below 99 %. The paper's ran for thousands of generations; {MOST_QUERIES} "
        f"questions are {MOST_QUERIES // CHILDREN} generations of {CHILDREN}."
    ),
    references=(
        (
            "Nguyen, Yosinski & Clune, *Deep neural networks are easily fooled*, CVPR 2015",
            "https://arxiv.org/abs/1412.1897",
        ),
        ("Mouret & Clune, *Illuminating search spaces by mapping elites*, 2015", "https://arxiv.org/abs/1504.04909"),
        ("Stanley, *Compositional pattern producing networks*, 2007", "https://doi.org/10.1007/s10710-007-9028-8"),
        (
            "Hein, Andriushchenko & Bitterwolf, *Why ReLU networks yield high-confidence predictions far away from "
            "the training data*, CVPR 2019",
            "https://arxiv.org/abs/1812.05720",
        ),
        ("Kolter & Madry, *Adversarial robustness: theory and practice*", "https://adversarial-ml-tutorial.org"),
    ),
)
