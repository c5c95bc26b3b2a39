"""Lesson: why adversarial examples exist. Four answers of the field, each with its experiment."""

from pages.lessons.why.answers import show_answers
from pages.lessons.why.dimension import show_dimension
from pages.lessons.why.features import show_features
from pages.lessons.why.gradients import show_gradients
from pages.lessons.why.price import show_price
from pages.lessons.why.run import Run
from pages.lessons.why.settings import page
from pages.lessons.why.sizes import show_sizes
from pages.lessons.why.texts import TEXTS
from pages.widgets.lesson import Lesson

SECTIONS = (show_dimension, show_gradients, show_features, show_price, show_sizes, show_answers)

Lesson(page, TEXTS, SECTIONS, Run).show()
