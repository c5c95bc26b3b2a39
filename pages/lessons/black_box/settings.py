"""All controls of the lesson, which its link holds."""

from dataclasses import dataclass
from typing import Literal

from adv_core.classifiers import DEFAULT, info_of
from pages.lessons.black_box.budget_tasks import BallNorm, Way
from pages.lessons.black_box.tasks import Method
from pages.widgets.controls import Controls
from pages.widgets.photograph import OWN, PHOTOS
from pages.widgets.query import PageSettings, number, solved, word
from pages.widgets.stage import drawn

SIZE = info_of(DEFAULT).input_size
COMMON = 260  # the side of the pictures of the matrix: the input size of the largest packaged network
MOST = 4  # the most networks of the matrix
METHODS: dict[Method, str] = {"momentum": "PGD with momentum (MI-FGSM)", "pgd": "PGD"}
VICTIMS = {"standard": "standard training", "robust_01": "adversarial training"}
ROUNDS = 6
JUDGED = 300  # test digits that a substitute is tested on
RACED = 100  # test digits that the attacks of equal budgets are counted on
BALLS: dict[BallNorm, str] = {"linf": "L∞", "l2": "L2"}
UNITS: dict[BallNorm, int] = {"linf": 100, "l2": 10}  # of ε on the slider, in pixel units
WAYS: dict[Way | Literal["substitute"], str] = {
    "transfer": "transfer (no query)",
    "square": "Square (scores)",
    "hop_skip_jump": "HopSkipJump (labels)",
    "boundary": "Boundary (labels)",
    "substitute": "substitute (labels, once for all)",
}


@dataclass(frozen=True)
class Settings(PageSettings):
    """All controls of the page. ε is in levels of 255; ``digits`` is the ε on the digits, in hundredths;
    ``within`` that of equal budgets, in the unit of its norm."""

    image: str = word("german_shepherd", {*PHOTOS, OWN})
    eps: int = number(8, 1, 32)
    queries: int = number(1000, 50, 2000)
    transfer: int = number(8, 1, 32)
    steps: int = number(10, 1, 40)
    method: Method = word("momentum", METHODS)
    victim: str = word("standard", VICTIMS)
    digits: int = number(30, 5, 40)
    against: str = word("standard", VICTIMS)
    ball: BallNorm = word("linf", BALLS)
    within: int = number(20, 5, 40)
    budget: int = number(1000, 100, 2000)
    seed: int = number(0, 0, 999)
    done: str = solved("abcde")

    @property
    def radius(self) -> float:
        """ε of equal budgets, in pixel units."""
        return self.within / UNITS[self.ball]


page = Controls("black-box", Settings)


DRAWN = 10  # times stronger than it is: the drawn δ
TITLES = {"x": "x, the original", "delta": drawn(DRAWN), "now": "= x + δ"}
