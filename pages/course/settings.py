"""All controls of the course page, which its link holds."""

from dataclasses import dataclass

from pages.contents import LAB, LESSONS
from pages.course.teaching import PLANS
from pages.widgets.controls import Controls
from pages.widgets.query import PARTS, PageSettings, parts, word

TARGETS = {"": LAB.label} | {lesson.address: lesson.title for lesson in LESSONS}


@dataclass(frozen=True)
class Settings(PageSettings):
    """The plan for teachers that is open, and the link that is being built."""

    plan: str = word("90 minutes", PLANS)
    to: str = word("", TARGETS)
    without: str = parts(*PARTS)
    projector: bool = False


page = Controls("course", Settings)
