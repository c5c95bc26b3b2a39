"""The texts around the lesson's sections."""

from pages.widgets.lesson import Texts
from pages.widgets.quiz import Question


def dimension_questions() -> list[Question]:
    """The questions of section 1."""
    return []


def gradient_questions() -> list[Question]:
    """The questions of section 2."""
    return []


def feature_questions() -> list[Question]:
    """The questions of section 3."""
    return []


def price_questions() -> list[Question]:
    """The questions of section 4."""
    return []


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
