"""The texts around the lesson's sections."""

from pages.lessons.fooling_images.settings import MOST_QUERIES, page
from pages.lessons.fooling_images.tasks import CHILDREN
from pages.widgets.lesson import Texts
from pages.widgets.quiz import Choice, Number, Question


def levels(alpha: int, steps: int, told: str) -> Number:
    """A question for the largest change of a value."""
    change = alpha * steps
    return Number(
        f"With α = {alpha}/255 and {steps} steps{told}, by how many of the 255 levels can a value change at most? "
        "Leave the box out: it may stop a value earlier.",
        change,
        0.5,
        f"{steps} · {alpha} = {change}.{' That is why a grey start still looks grey.' if change <= 40 else ''}",
        lambda given: f"Each step changes a value by {alpha} of the levels, up or down.",
        unit="levels",
    )


def questions() -> list[Question]:
    return [
        Question("b", levels(page.value.alpha, page.value.steps, ", as in section 2"), levels(3, 25, "")),
        Question(
            "a",
            Choice(
                "How does this attack differ from an attack on a photograph, in δ* = argmax over Δ of L?",
                (
                    (
                        "In Δ: there is no ε any more, only the box with all pictures.",
                        "And x differs: any picture can be the start.",
                    ),
                    (
                        "In L: noise belongs to no class, so it needs another loss.",
                        "The loss is still the log-probability of the target class.",
                    ),
                    (
                        "In argmax: the solver does not follow the sign of the gradient.",
                        "Look at the formula of section 2: it does.",
                    ),
                ),
            ),
            Choice(
                "You attack a photograph with ε = 255/255. How does this differ from making a fooling image?",
                (
                    (
                        "Only in the start: Δ holds every picture in both cases.",
                        "With this ε, the ball is no limit any more; only the box is left.",
                    ),
                    (
                        "In Δ: the photograph has to remain visible in the result.",
                        "With this ε, each value may become any other one. Nothing has to remain.",
                    ),
                    (
                        "In L: one of them raises a class, the other lowers one.",
                        "Both can raise the log-probability of a target class.",
                    ),
                ),
            ),
        ),
        Question(
            "c",
            Choice(
                "A company rejects every prediction with a confidence below 99 %. Does this keep fooling images out?",
                (
                    (
                        "No: they are made to get higher confidence than photographs.",
                        "The threshold rejects photographs instead.",
                    ),
                    (
                        "Yes: pictures that show nothing get low confidence from networks.",
                        "Look at the strokes of section 4.",
                    ),
                    (
                        "Yes, if the network is large and has seen enough photographs.",
                        "Nothing in the argument depends on the network's size.",
                    ),
                ),
            ),
            Choice(
                "Another company rejects pictures whose largest *logit* is larger than that of any photograph. Does "
                "this keep fooling images out?",
                (
                    (
                        "Not for long: one who knows of it ends the ascent earlier.",
                        "Then the logit looks like that of a photograph.",
                    ),
                    (
                        "Yes: softmax hides the logits, so nobody can attack them.",
                        "Whoever has the network has its logits. A black-box attack can learn of the limit, too.",
                    ),
                    (
                        "Yes: without a large logit, no confidence can be high.",
                        "Softmax needs a large difference between logits, not a large logit.",
                    ),
                ),
            ),
        ),
        Question(
            "d",
            Choice(
                "Lite1 predicts other classes than Lite0 for these pictures. Is it a defence to query both networks?",
                (
                    (
                        "Only against an attacker who does not know of it; others attack both.",
                        "A defence is judged by attackers who know it.",
                    ),
                    (
                        "Yes: they have learnt other features, so no picture can fool both of them.",
                        "Switch on “Attack Lite0 and Lite1 together”.",
                    ),
                    (
                        "No: after an attack on Lite0, Lite1 predicts the same class anyway.",
                        "Count the ticks below the eight pictures.",
                    ),
                ),
            ),
            Choice(
                "Two networks predict the same class with 99 % confidence. Does the picture show that class?",
                (
                    (
                        "Not always: an attack on both at once makes both of them sure.",
                        "See section 3, with “Attack Lite0 and Lite1 together”.",
                    ),
                    (
                        "Yes: two networks make their errors independently of each other.",
                        "They have learnt from the same photographs, so their errors are alike.",
                    ),
                    (
                        "Yes, as long as the picture was not made with a gradient.",
                        "Evolution finds such pictures without a gradient, and it can query both networks.",
                    ),
                ),
            ),
        ),
        Question(
            "e",
            Choice(
                "Evolution uses only the network's outputs. Why does it get further with patterns than with tiles?",
                (
                    (
                        "One mutation changes a whole pattern in a regular way, but only one tile.",
                        "It makes edges, stripes and circles, which the network responds to. A single tile hardly "
                        "changes the probability of any class.",
                    ),
                    (
                        "A pattern's genome has more numbers, so that more pictures are possible.",
                        "It has fewer: a few hundred, against 2352.",
                    ),
                    (
                        "Tiles cannot show every picture, so that they miss those that fool the network.",
                        "Patterns cannot either. The effect of one mutation matters.",
                    ),
                ),
            ),
            Choice(
                "Gradient ascent and evolution make fooling images of the same class. What does evolution need less "
                "of?",
                (
                    (
                        "Knowledge: it sees outputs, but no weights and no gradient.",
                        "It is a black-box attack.",
                    ),
                    (
                        "Queries: it shows fewer pictures to the network on its way.",
                        "It shows hundreds or thousands; the ascent takes a few dozen steps.",
                    ),
                    (
                        "Luck: it always ends with the same picture, whatever the seed.",
                        "Its mutations are random, so another seed gives another picture.",
                    ),
                ),
            ),
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
