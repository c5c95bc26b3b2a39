"""All controls of the lesson, which its link holds."""

from dataclasses import dataclass

from adv_core.classifiers import DEFAULT, info_of
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


@dataclass(frozen=True)
class Settings(PageSettings):
    """All controls of the page. ε is in levels of 255; ``digits`` is the ε on the digits, in hundredths."""

    image: str = word("german_shepherd", {*PHOTOS, OWN})
    eps: int = number(8, 1, 32)
    queries: int = number(1000, 50, 2000)
    transfer: int = number(8, 1, 32)
    steps: int = number(10, 1, 40)
    method: Method = word("momentum", METHODS)
    victim: str = word("standard", VICTIMS)
    digits: int = number(30, 5, 40)
    seed: int = number(0, 0, 999)
    done: str = solved("abcd")


page = Controls("black-box", Settings)


DRAWN = 10  # times stronger than it is: the drawn δ
TITLES = {"x": "x, the original", "delta": drawn(DRAWN), "now": "= x + δ"}
