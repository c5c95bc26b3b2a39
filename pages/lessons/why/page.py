"""Lesson: why adversarial examples exist. Four answers of the field, each with its experiment."""

from pages.lessons.why.answers import show_answers
from pages.lessons.why.dimension import show_dimension
from pages.lessons.why.features import show_features
from pages.lessons.why.gradients import show_gradients, show_painting
from pages.lessons.why.guess import show_guess
from pages.lessons.why.price import show_price
from pages.lessons.why.program import in_python
from pages.lessons.why.settings import page
from pages.lessons.why.sizes import show_sizes
from pages.lessons.why.texts import TEXTS
from pages.widgets.lesson import Lesson

SECTIONS = (
    show_dimension,
    show_gradients,
    show_guess,
    show_painting,
    show_features,
    show_price,
    show_sizes,
    show_answers,
    in_python,
)
STYLE = """<style>
.st-key-stage_dimension .lab-cap {min-height: 5.4em}
.st-key-stage_guess .lab-cap {min-height: 1.6em}
.st-key-why_dimension_verdict {min-height: 5.5rem}
.st-key-why_dimension {min-height: 20rem}
.st-key-why_guess_told {min-height: 4.5rem}
</style>"""

Lesson(page, TEXTS, SECTIONS, style=STYLE).show()
