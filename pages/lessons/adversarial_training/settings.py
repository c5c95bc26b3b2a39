"""All controls of the lesson, which its link holds."""

from dataclasses import dataclass

from adv_core.networks.digit_network import checkpoint
from pages.widgets.controls import Controls
from pages.widgets.query import PageSettings, number, solved, word

IMAGES = 10_000  # images for live training
EPS = tuple(k / 50 for k in range(21))  # the ε of a digit's sweep, 0 ... 0.4
CURVE = (0.0, 0.02, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4)
SHIPPED = {
    "standard": "standard",
    "robust_01": "robust, ε = 0.1",
    "robust_03": "robust, ε = 0.3",
}
INNER = {"pgd": "PGD, 7 steps", "fgsm": "FGSM, random start"}
SOURCES = {"test": "test digit", "own": "your own digit", "photo": "photo"}
STAGES = ("images", "δ*", "adversarial images", "gradient", "update")


@dataclass(frozen=True)
class Settings(PageSettings):
    """All controls of the page. ε is in units of the whole range from black to white."""

    source: str = word("test", SOURCES)
    digit: int = number(17, 0, 9999)
    eps: float = number(0.1, 0, 0.4)
    against: str = word("robust_01", ("robust_01", "robust_03", "own"))
    stage: int = number(0, 0, len(STAGES))
    batch: int = number(0, 0, 7499)
    inner: str = word("pgd", INNER)
    ball: float = number(0.1, 0.05, 0.3)
    epochs: int = number(6, 1, 15)
    seed: int = number(0, 0, 99)
    train: bool = False
    done: str = solved("abcde")


page = Controls("adversarial-training", Settings)


def judged(name: str, eps: float = 0.1) -> dict[str, float]:
    """The figures that the script of a supplied checkpoint printed for that ε."""
    figures: dict[str, float] = next(each for each in checkpoint(name).figures["judged"] if each["eps"] == eps)
    return figures
