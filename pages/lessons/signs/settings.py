"""All controls of the lesson, which its link holds."""

from dataclasses import dataclass

from adv_core.signs.classes import CLASSES
from adv_core.signs.stickers import ROWS, Where
from pages.widgets.controls import Controls
from pages.widgets.photograph import OWN, PHOTOS
from pages.widgets.query import PageSettings, number, solved, word

STEPS, POSTER_STEPS = 60, 60
VIEWS = 8  # in each step
FRAMES = 16  # of a drive
DRIVES = 4  # that are counted, each with its own jitter
JUDGED = 10_000  # the first seed of the drives, beyond all seeds of the attack's views
SIGNS = {each.key: each.title for each in CLASSES if each.key != "no_sign"}
WHERE: dict[Where, str] = {"band": "above and below the word", "bars": "two narrow bars", "anywhere": "anywhere"}


@dataclass(frozen=True)
class Settings(PageSettings):
    """All controls of the page. The box of the sign is in per cent of the photograph's width and height.

    Attributes:
        part: of the sign that stickers may cover, in per cent.
        large: the side of the box, in per cent of the photograph's width; 0 takes the box that the network proposes.
        wide: of the sign that the printed stickers are for, in millimetres.
    """

    image: str = word("stop_sign_composite", {*PHOTOS, OWN})
    target: str = word("speed_limit_45_mph", SIGNS)
    where: Where = word("band", ROWS)
    part: int = number(5, 1, 20)
    across: float = number(50.0, 0, 100)
    down: float = number(50.0, 0, 100)
    large: float = number(0.0, 0, 100)
    eps: int = number(16, 0, 64)
    wide: int = number(750, 60, 900)
    seed: int = number(0, 0, 999)
    done: str = solved("abcd")


page = Controls("signs", Settings)
