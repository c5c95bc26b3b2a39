"""All controls of the lesson, which its link holds."""

from dataclasses import dataclass
from typing import get_args

from adv_core.poisoning import Corner, Trigger
from pages.lessons.poisoning.tasks import Kind, Poison, TrainPoisoned
from pages.widgets.controls import Controls
from pages.widgets.query import PageSettings, number, solved, word

IMAGES = 10_000  # training digits
EPOCHS = 5  # of the training of section 1; those of section 2 have twice as many
SEARCH = 150  # steps of the search for a trigger
CORNERS: dict[Corner, str] = {each: each for each in get_args(Corner)}
SOURCES = {"test": "test digit", "own": "your own digit"}
VICTIMS: dict[Kind, str] = {"backdoor": "the backdoor of section 1", "clean label": "the clean labels of section 2"}


@dataclass(frozen=True)
class Settings(PageSettings):
    """All controls of the page: shares and opacity in per cent, the size in pixels, ε from black (0) to white (1)."""

    source: str = word("test", SOURCES)
    digit: int = number(4, 0, 9999)
    share: float = number(1.0, 0, 5)
    size: int = number(3, 1, 8)
    corner: Corner = word("bottom right", CORNERS)
    opacity: int = number(100, 10, 100)
    target: int = number(7, 0, 9)
    clean_share: float = number(2.5, 0.5, 5)
    eps: float = number(0.3, 0, 0.4)
    victim: Kind = word("backdoor", VICTIMS)
    clean_digits: int = number(1000, 200, 10_000)
    seed: int = number(0, 0, 99)
    done: str = solved("abcd")

    @property
    def trigger(self) -> Trigger:
        """The trigger of section 1."""
        return Trigger(self.size, self.corner, self.opacity / 100)

    def training(self, kind: Kind) -> TrainPoisoned:
        """The training of section 1 (kind "backdoor"), or one of section 2."""
        if kind == "backdoor":
            poison = Poison(kind, self.trigger, self.share / 100, self.target, images=IMAGES, seed=self.seed)
            return TrainPoisoned(poison, EPOCHS, self.seed)
        trigger = Trigger(self.size, "all corners", self.opacity / 100)
        eps = self.eps if kind == "clean label" else 0.0
        poison = Poison(kind, trigger, self.clean_share / 100, self.target, eps, IMAGES, self.seed)
        return TrainPoisoned(poison, 2 * EPOCHS, self.seed)

    def ordinary(self) -> TrainPoisoned:
        """The training of section 1 without any poison."""
        poison = Poison("backdoor", self.trigger, 0.0, self.target, images=IMAGES, seed=self.seed)
        return TrainPoisoned(poison, EPOCHS, self.seed)


page = Controls("poisoning", Settings)
