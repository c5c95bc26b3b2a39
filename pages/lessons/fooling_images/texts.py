"""The texts around the lesson's sections."""

from pages.lessons.fooling_images.settings import MOST_QUERIES
from pages.lessons.fooling_images.tasks import CHILDREN
from pages.widgets.lesson import Texts
from pages.widgets.quiz import Choice, Number


def questions() -> list[Choice | Number]:
    return [
        Choice(
            "a",
            "How does this attack differ from an attack on a photograph, in δ* = argmax over Δ of L?",
            (
                ("The loss: noise needs another one.", "The loss is still the log-probability of the target class."),
                (
                    "Δ: there is no ε any more, only the box.",
                    "Yes. And x: any picture can be the start.",
                ),
                ("The solver: it does not follow the sign of the gradient.", "Look at the formula of section 1."),
            ),
            1,
        ),
        Number(
            "b",
            "With α = 1/255 and 40 steps, by how many of the 255 levels can a value change at most?",
            40,
            0.5,
            "Yes: 40 · 1 = 40. That is why a grey start still looks grey.",
            lambda given: "Each step changes a value by one level, up or down.",
            unit="levels",
        ),
        Choice(
            "c",
            "A company rejects every prediction with a confidence below 99 %. Does this keep fooling images out?",
            (
                ("Yes: pictures of nothing get low confidence.", "Look at the strokes of section 3."),
                (
                    "No: fooling images were made to get higher confidence than photographs.",
                    "Yes. The threshold rejects photographs instead.",
                ),
                ("Yes, if the network is large enough.", "Nothing in the argument depends on the network's size."),
            ),
            1,
        ),
        Choice(
            "d",
            "Lite1 predicts other classes than Lite0 for these pictures. Is it a defence to query both networks?",
            (
                ("Yes: no picture can fool both.", "Switch on “Attack Lite0 and Lite1 together”."),
                (
                    "Perhaps against an attacker who does not know of it. One who knows attacks both.",
                    "Yes. A defence is judged by attackers who know it.",
                ),
                ("No: Lite1 predicts the same classes anyway.", "Count the ticks below the eight pictures."),
            ),
            1,
        ),
        Choice(
            "e",
            "Evolution uses only the network's outputs. Why does it get further with patterns than with tiles?",
            (
                (
                    "A small mutation of a pattern's genome changes the whole picture in a regular way. It makes "
                    "edges, stripes and circles, which the network responds to.",
                    "Yes. A single tile hardly changes the probability of any class.",
                ),
                ("A pattern's genome has more numbers.", "It has fewer: a few hundred, against 2352."),
                ("Tiles cannot show every picture.", "Patterns cannot either. The effect of one mutation matters."),
            ),
            0,
        ),
    ]


TEXTS = Texts(
    lead=(
        "You see eight patterns that show nothing, and a network that is sure of what it sees in them. Then you choose "
        "a class, and an attack changes noise until the network is sure of your class: you still see noise. You make "
        "such fooling images with the gradient and without it, and see why a confidence threshold does not stop them."
    ),
    questions=questions,
    script=(
        "1. Show section 1, and hide the captions with your hand: “What is this?” Then ask: “What does a network "
        "predict for noise?” Let the students guess a class and a confidence.\n"
        "2. Section 2: let a student name any class. Choose it; it takes a few seconds. Then start from *grey*.\n"
        "3. Section 3: read out what Lite1 predicts for the same pictures. “So let us use two networks!” Then attack "
        "both together.\n"
        "4. Section 4: let the students choose the threshold. No threshold works.\n"
        f"5. Press *Evolve* while you talk about section 6; {MOST_QUERIES} queries take about half a minute."
    ),
    pitfalls=(
        "- “It has learnt that noise is a bus.” It has never seen noise in training, nor the label “nothing”.\n"
        "- “There is a bus hidden in the picture.” Then the other networks would find it.\n"
        f"- The evolution often ends far below 99 %. The paper's ran for thousands of generations; {MOST_QUERIES} "
        f"queries are {MOST_QUERIES // CHILDREN} generations of {CHILDREN}."
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
