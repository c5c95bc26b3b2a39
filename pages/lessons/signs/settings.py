"""All controls of the lesson, which its link holds."""

from dataclasses import dataclass

from adv_core.signs.classes import CLASSES
from adv_core.signs.stickers import Bar
from pages.widgets.controls import Controls
from pages.widgets.photograph import OWN, PHOTOS
from pages.widgets.query import PageSettings, number, solved, word

STEPS, POSTER_STEPS = 60, 60
VIEWS = 8  # in each step
FRAMES = 16  # of a drive
DRIVES = 4  # that are counted, each with its own jitter
JUDGED = 10_000  # the first seed of the drives, beyond all seeds of the attack's views
SIGNS = {each.key: each.title for each in CLASSES if each.key != "no_sign"}
# The squares of one sticker, rows by columns.
SIZES = {"1x4": (1, 4), "2x5": (2, 5), "3x7": (3, 7), "4x9": (4, 9)}


@dataclass(frozen=True)
class Settings(PageSettings):
    """All controls of the page. The box of the sign is in per cent of the photograph's width and height.

    Attributes:
        large: the side of the box, in per cent of the photograph's width; 0 takes the box that the network proposes.
        wide: of the sign that the printed stickers are for, in millimetres.
    """

    image: str = word("stop_sign_composite", {*PHOTOS, OWN})
    target: str = word("speed_limit_45_mph", SIGNS)
    sticker: str = word("2x5", SIZES)
    across: float = number(50.0, 0, 100)
    down: float = number(50.0, 0, 100)
    large: float = number(0.0, 0, 100)
    eps: int = number(16, 0, 64)
    wide: int = number(750, 60, 900)
    seed: int = number(0, 0, 999)
    done: str = solved("abcd")

    @property
    def bars(self) -> tuple[Bar, ...]:
        """The four stickers: above and below the word, left and right."""
        rows, columns = SIZES[self.sticker]
        return tuple(Bar(row, column, rows, columns) for row in (8 - rows, 24) for column in (15 - columns, 17))


page = Controls("signs", Settings)
