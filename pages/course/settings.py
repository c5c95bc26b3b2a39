"""All controls of the course page, which its link holds."""

from dataclasses import dataclass

from pages.contents import LAB, LESSONS
from pages.course.teaching import PLANS
from pages.widgets.controls import Controls
from pages.widgets.query import PageSettings, parts, word

# The parts that every lesson can hide, with the labels of their boxes.
PARTS = {
    "navigation": "navigation",
    "sidebar": "sidebar with the settings",
    "quiz": "questions",
    "lecturer": "notes for the lecturer",
    "references": "references and links",
}
TARGETS = {"": LAB.label} | {lesson.address: lesson.title for lesson in LESSONS}


@dataclass(frozen=True)
class Settings(PageSettings):
    """The plan for teachers that is open, and the link that is being built."""

    plan: str = word("90 minutes", PLANS)
    to: str = word("", TARGETS)
    without: str = parts(*PARTS)
    projector: bool = False


page = Controls("course", Settings)
