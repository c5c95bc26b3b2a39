"""All controls of the lesson, which its link holds."""

from collections.abc import Iterable
from dataclasses import dataclass

from adv_core.classifiers import DEFAULT, categories, info_of
from adv_core.serving.limits import LIMITS
from pages.lessons.fooling_images.tasks import STARTS, Start
from pages.widgets.controls import Controls
from pages.widgets.photograph import class_named
from pages.widgets.query import PageSettings, number, solved, word

SIZE = info_of(DEFAULT).input_size
SURE = 0.99
EIGHT = 8
WALL_STEPS = 40
# The attacked network, the one that may be attacked with it, and the one that is never attacked.
FIRST, SECOND, THIRD = DEFAULT, "efficientnet_lite1", "efficientnet_lite2"
SHORT = {FIRST: "Lite0", SECOND: "Lite1", THIRD: "Lite2"}
START_NAMES: dict[Start, str] = {
    "noise": "noise",
    "grey": "grey",
    "colour": "one colour",
    "stripes": "stripes",
    "shade": "black to white",
}
SHOWN = {"picture": "the pictures x + δ", "delta": "each δ, drawn {} × stronger"}
ENCODED = {"pattern": "patterns (CPPN)", "tiles": "tiles (direct)"}
MOST_STEPS, MOST_QUERIES = min(200, LIMITS.max_steps), min(2000, LIMITS.max_queries)


@dataclass(frozen=True)
class Settings(PageSettings):
    """All controls of the page. ``alpha`` is in levels of 255, ``accept`` in per cent."""

    target: int = number(779, 0, 999, named=class_named)
    start: Start = word("noise", STARTS)
    seed: int = number(0, 0, 9999)
    steps: int = number(min(40, MOST_STEPS), 1, MOST_STEPS)
    alpha: int = number(1, 1, 16)
    eight: int = number(0, 0, 9999)
    both: bool = False
    show: str = word("picture", SHOWN)
    accept: int = number(90, 0, 100)
    bred: bool = False
    encoding: str = word("pattern", ENCODED)
    queries: int = number(MOST_QUERIES, min(200, MOST_QUERIES), MOST_QUERIES)
    brood: int = number(0, 0, 9999)
    done: str = solved("abcde")


page = Controls("fooling-images", Settings)


def named(label: int) -> str:
    return categories()[label]


def latest(sizes: Iterable[int]) -> int:
    """The index of the last one that is not empty; -1 where all are empty."""
    return max((place for place, size in enumerate(sizes) if size), default=-1)
