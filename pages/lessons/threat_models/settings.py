"""All controls of the lesson, which its link holds."""

from collections.abc import Sequence
from dataclasses import dataclass

from adv_core.classifiers import DEFAULT, info_of
from adv_core.norms import NormKey
from pages.lessons.threat_models.eye import LONGEST
from pages.lessons.threat_models.universal_tasks import BallNorm
from pages.widgets.controls import Controls
from pages.widgets.photograph import OWN, PHOTOS
from pages.widgets.query import PageSettings, number, sequence, solved, word

STEPS, DRAWS, SIDE = 10, 100, 25
BALLS: tuple[NormKey, ...] = ("linf", "l2", "l1")
PLACES = {
    "everywhere": "everywhere",
    "sticker": "a sticker",
    "glasses": "glasses",
    "background": "the background only",
    "own": "draw your own",
}
DASHES: dict[NormKey, Sequence[int]] = {"linf": (1, 0), "l2": (8, 4), "l1": (2, 3)}
UNIVERSAL: dict[BallNorm, str] = {"linf": "L∞", "l2": "L2"}
SIZE = info_of(DEFAULT).input_size
VALUES = 3 * SIZE * SIZE


@dataclass(frozen=True)
class Settings(PageSettings):
    """All controls of the page. ε is in levels of 255."""

    image: str = word("polar_bear", {*PHOTOS, OWN})
    eps: int = number(8, 0, 32)
    place: str = word("sticker", PLACES)
    room: int = number(128, 0, 255)
    guess: int = number(-1, -1, DRAWS)
    ball: NormKey = word("linf", BALLS)
    seed: int = number(0, 0, 9999)
    one_norm: BallNorm = word("linf", UNIVERSAL)
    one_eps: int = number(16, 1, 32)
    passes: int = number(32, 8, 96)
    windows: bool = True
    subject: str = word("goldfish", PHOTOS)
    digit_eps: int = number(76, 0, 127)
    answers: str = sequence("01", LONGEST)
    done: str = solved("abcdef")


page = Controls("threat-models", Settings)
