"""The state of the start screen, which its link holds."""

from dataclasses import dataclass

from pages.widgets.controls import Controls
from pages.widgets.query import PageSettings, number, word

SIDES = ("left", "right")
MOST_SEED = 9999


@dataclass(frozen=True)
class Settings(PageSettings):
    """The seed of the order of the two pictures, 0 as long as none is drawn, and the picture that was chosen."""

    seed: int = number(0, 0, MOST_SEED)
    picked: str = word("", ("", *SIDES))


page = Controls("start", Settings)
