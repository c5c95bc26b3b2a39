"""All controls of the lesson, which its link holds."""

from dataclasses import dataclass
from typing import Any

from pages.widgets.controls import Controls
from pages.widgets.photograph import PHOTOS, class_named
from pages.widgets.query import PageSettings, number, solved, word

MODELS = {"network": "a small network", "linear": "a linear classifier"}
BALLS = {"linf": "L∞", "l2": "L2"}
PROJECTED = {"each": "each step", "last": "the last step"}
VIEWS = {"contour": "from above", "surface": "as a landscape"}
# Factors for a raw gradient, half a power of ten apart.
FACTORS = tuple(f"{d}e{power}" for power in range(9) for d in (1, 3))
UNENDING = "inf"
STEPS = 40  # of the targeted attacks on a photograph
ONE_STEPS = (1, 2, 4, 8, 16, 32)  # the ε of FGSM towards the target, in 1/255
PRESETS: dict[str, dict[str, Any]] = {
    "One step is not enough": {"model": "network", "ball": "linf", "x1": 0.38, "x2": 0.73, "eps": 0.15},
    "A tiny gradient": {"model": "network", "ball": "linf", "x1": 0.56, "x2": 0.71, "eps": 0.15},
    "A local maximum": {"model": "network", "ball": "l2", "x1": 0.58, "x2": 0.56, "eps": 0.12},
    "A linear classifier": {"model": "linear", "ball": "linf", "x1": 0.5, "x2": 0.68, "eps": 0.15},
}
# The drawings of Kolter & Madry: one raw step and one normalised step, both out of the ball and back.
ON_THE_SLIDE: dict[str, Any] = {**PRESETS["One step is not enough"], "steps": 1, "raw": "3e3", "alpha": 0.2}


@dataclass(frozen=True)
class Settings(PageSettings):
    """All controls of the page. Points and ε are in brightness: 0 is black, 1 is white. ``levels`` is the ε of the
    photograph, in levels of 255."""

    model: str = word("network", MODELS)
    ball: str = word("linf", BALLS)
    x1: float = number(0.38, 0, 1)
    x2: float = number(0.73, 0, 1)
    eps: float = number(0.15, 0.01, 0.3)
    view: str = word("contour", VIEWS)
    steps: int = number(10, 1, 20)
    alpha: float = number(0.04, 0.005, 0.6)
    raw: str = word("1e1", FACTORS)
    projected: str = word("each", PROJECTED)
    limit: str = word("1e3", (*FACTORS, UNENDING))
    guess: int = number(-1, -1, 300)
    image: str = word("german_shepherd", PHOTOS)
    target: int = number(404, 0, 999, named=class_named)
    levels: int = number(4, 0, 16)
    done: str = solved("abcde")


page = Controls("fgsm-and-pgd", Settings)
