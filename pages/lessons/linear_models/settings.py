"""All controls of the lesson, which its link holds."""

from dataclasses import dataclass

from pages.widgets.charts import PALETTE
from pages.widgets.controls import Controls
from pages.widgets.query import PageSettings, number, solved, word

TESTED = 2115  # zeros and ones among MNIST's test digits
LECTURE_EPS = 0.2
SEEDS = (0, 1, 2)
SAMPLE, FITTED, QUERIES = 100, 2000, 200
STANDARD, ROBUST = PALETTE[1], PALETTE[0]


@dataclass(frozen=True)
class Settings(PageSettings):
    """All controls of the page. ε is in units of the whole range from black to white."""

    eps: float = number(LECTURE_EPS, 0, 0.5)
    box: bool = False
    seed: int = number(0, 0, 99)
    line: int = number(0, 0, 5)
    against: float = number(LECTURE_EPS, 0.05, 0.3)  # with 0.4, the steps are too long and training does not converge
    source: str = word("test", ("test", "own"))
    digit: int = number(0, 0, TESTED - 1)
    model: str = word("standard", ("standard", "robust"))
    room: float = number(0.1, 0, 0.5)
    others: bool = False
    done: str = solved("abcde")


page = Controls("linear-models", Settings)
