"""All controls of the lesson, which its link holds."""

from dataclasses import dataclass

from pages.widgets.controls import Controls
from pages.widgets.query import PageSettings, number, solved, word

SIDES = ("4", "7", "14", "28", "56")  # pixels a side of the digits of section 1


@dataclass(frozen=True)
class Settings(PageSettings):
    """All controls of the page. ε is in units of the whole range from black to white."""

    side: str = word("28", SIDES)
    digit: int = number(4, 0, 9999)
    target: int = number(3, 0, 9)
    done: str = solved("ab")


page = Controls("why", Settings)
