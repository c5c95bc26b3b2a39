"""The texts around the lesson's sections."""

from pages.widgets.lesson import Texts
from pages.widgets.quiz import Choice, Question


def dimension_questions() -> list[Question]:
    """The questions of section 1."""
    return []


def gradient_questions() -> list[Question]:
    """The questions of section 2."""
    return []


def feature_questions() -> list[Question]:
    """The questions of section 3."""
    return [
        Question(
            "c",
            Choice(
                "A network is trained on relabelled digits alone, whose labels are all wrong to a person. It reads "
                "untouched digits. How can that be?",
                (
                    (
                        "The perturbations hold features of the new class, which untouched digits of it have, too.",
                        "These are non-robust features: useful on untouched digits, and easily changed by an attacker.",
                    ),
                    (
                        "A few of the digits have kept their right label by chance, and the network learns from those.",
                        "The new label is never the true class. The control has the same labels, and reads nothing.",
                    ),
                    (
                        "Training on random noise is enough to read digits, if there is a sufficient number of them.",
                        "The control is such a training. It does worse than guessing.",
                    ),
                ),
            ),
            Choice(
                "What does the control of the experiment rule out?",
                (
                    (
                        "That the labels alone, without the perturbation, teach the network to read.",
                        "It has the same digits, labels and ε. Only the direction of δ differs.",
                    ),
                    (
                        "That a person would find the new labels right after all, once δ is added.",
                        "A robust network judges that: it still reads the true class of nearly all moved digits.",
                    ),
                    (
                        "That another network, trained with another seed, would learn something else.",
                        "The seeds of the search show that.",
                    ),
                ),
            ),
        ),
        Question(
            "d",
            Choice(
                "The new label is always y + 1, and the network trained on it fails on untouched digits. Why?",
                (
                    (
                        "The strokes of y explain the label y + 1 as well, and are easier to learn.",
                        "On an untouched y it answers y + 1. With random labels the strokes explain nothing.",
                    ),
                    (
                        "A targeted attack cannot reach y + 1, since the two digits look too different.",
                        "The attacked network reads about as many digits as their new label as with random ones.",
                    ),
                    (
                        "The perturbations towards y + 1 hold no features at all, only noise.",
                        "They are made in the same way, by the same attack on the same network.",
                    ),
                ),
            ),
            Choice(
                "You move the digits against a robust network instead. The new network reads far fewer untouched "
                "digits. Why?",
                (
                    (
                        "A robust network uses few non-robust features, so its perturbations hold few.",
                        "With the same ε, fewer digits reach their new label, and there is less to learn from them.",
                    ),
                    (
                        "Its perturbations are larger, so that the strokes of the digits disappear.",
                        "The ε is the same, and the true class is still read from nearly all of them.",
                    ),
                    (
                        "Its gradients are zero, so that the attack does not change the digits at all.",
                        "Its gradients are not zero: section 2 shows what they draw.",
                    ),
                ),
            ),
        ),
    ]


def price_questions() -> list[Question]:
    """The questions of section 4."""
    return [
        Question(
            "e",
            Choice(
                "One feature is always right, but an attacker can change it. Another is robust, and right in 90 % of "
                "the pictures. What is the clean accuracy of a classifier that the attacker cannot fool?",
                (
                    ("90 %.", "It may use the robust feature alone. The missing 10 % are the price."),
                    ("100 %.", "For that it would have to use the first feature, and the attacker could fool it."),
                    ("95 %.", "A mixture of both features is still changed by whoever changes the first one."),
                ),
            ),
            Choice(
                "The robust feature is right in 75 % of the pictures, the other one in all. How much clean accuracy "
                "does robustness cost here?",
                (
                    ("25 %.", "100 % with the sure feature, 75 % with the robust one alone."),
                    ("Nothing.", "It would be nothing if the robust feature were always right, too."),
                    ("75 %.", "75 % is what is left, not what is lost."),
                ),
            ),
        ),
        Question(
            "f",
            Choice(
                "TRADES with a larger β: what do you expect?",
                (
                    (
                        "More robust accuracy, at the price of clean accuracy, up to a point.",
                        "β weighs the change of the prediction against the loss at x. Move it and see.",
                    ),
                    (
                        "More clean accuracy, at the price of robust accuracy, up to a point.",
                        "That is what a smaller β does. β = 0 is ordinary training.",
                    ),
                    (
                        "More of both, as with every stronger regularisation of a network.",
                        "Where the two data sets allow only one of them, β chooses between them.",
                    ),
                ),
            ),
            Choice(
                "Ten times as many training digits: what happens to the gap between clean and robust accuracy?",
                (
                    (
                        "It narrows: robust accuracy gains more.",
                        "See the table of the digits. Robust accuracy needs more data (Schmidt et al., 2018).",
                    ),
                    (
                        "It widens: clean accuracy gains more.",
                        "Clean accuracy is high with few digits already. Robust accuracy has more to gain.",
                    ),
                    (
                        "It stays: both depend on ε alone.",
                        "See the table of the digits: ε is the same for all of them.",
                    ),
                ),
            ),
        ),
    ]


def questions() -> list[Question]:
    return [*dimension_questions(), *gradient_questions(), *feature_questions(), *price_questions()]


TEXTS = Texts(
    lead=(
        "Every other lesson makes adversarial examples. This one asks why there are any. "
        "The field has several answers. Each stands here with an experiment that runs now."
    ),
    questions=questions,
    script="",
    pitfalls="",
    references=(),
)
