"""The state of the Attack Lab as one value, and its two-way translation into a query string.

Everything that a link can say is checked here: numbers are clamped, unknown words replaced by defaults, and each such
repair is told to the visitor. Nothing else in the app trusts a query string.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from adv_core.classifiers import REGISTRY, categories

PHOTOS: dict[str, str] = {
    "german_shepherd": "German shepherd",
    "pig": "Pig",
    "giant_panda": "Giant panda",
    "tabby_cat": "Tabby cat",
    "koala": "Koala",
    "red_panda": "Red panda",
    "polar_bear": "Polar bear",
    "macaw": "Macaw",
    "hens": "Hens",
    "goldfish": "Goldfish",
    "honey_bee": "Honey bee",
    "lemon_citrus": "Lemons",
    "espresso": "Espresso",
    "castle": "Castle",
    "stop_sign_composite": "Stop sign",
    "portrait_astronaut": "Astronaut",
}
# What the photographs show, as ImageNet classes. There is no class for an astronaut.
TRUE_CLASSES: dict[str, int] = {
    "german_shepherd": 235,
    "pig": 341,
    "giant_panda": 388,
    "tabby_cat": 281,
    "koala": 105,
    "red_panda": 387,
    "polar_bear": 296,
    "macaw": 88,
    "hens": 8,
    "goldfish": 1,
    "honey_bee": 309,
    "lemon_citrus": 951,
    "espresso": 967,
    "castle": 483,
    "stop_sign_composite": 919,
}
OWN = "own"
ATTACKS = {"fgsm": "FGSM", "pgd": "PGD", "targeted": "Targeted PGD"}
NORMS = {"linf": "L∞", "l2": "L2"}
LOSSES = {"targeted": "−L(target)", "difference": "L(y) − L(target)"}
STEP_RULES = {"steepest": "steepest ascent", "gradient": "raw gradient"}


@dataclass(frozen=True)
class Settings:
    """Every control of the page. ε and α are in levels of 255, ε of L2 in units of the pixel range."""

    image: str = "german_shepherd"
    model: str = "efficientnet_lite0"
    attack: str = "targeted"
    target: int = 404
    eps: int = 4
    norm: str = "linf"
    eps2: float = 3.0
    loss: str = "targeted"
    steps: int = 40
    rule: str = "steepest"
    alpha: float = 0.0
    random: bool = False
    seed: int = 0
    amp: int = 10
    present: bool = False

    @property
    def radius(self) -> float:
        """ε in pixel units."""
        return self.eps / 255 if self.norm == "linf" else self.eps2

    @property
    def step_size(self) -> float | None:
        """α for the solver: None is the default. A raw-gradient step takes α as a plain factor."""
        if self.alpha <= 0:
            return None
        return self.alpha if self.rule == "gradient" else self.alpha / 255


LIMITS: dict[str, tuple[float, float]] = {
    "target": (0, 999),
    "eps": (0, 32),
    "eps2": (0, 10),
    "steps": (1, 100),
    "alpha": (0, 1000),
    "seed": (0, 9999),
    "amp": (1, 100),
}
_CHOICES: dict[str, Mapping[str, Any]] = {
    "image": {**PHOTOS, OWN: ""},
    "model": REGISTRY,
    "attack": ATTACKS,
    "norm": NORMS,
    "loss": LOSSES,
    "rule": STEP_RULES,
}
_TRUE, _FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off", ""}


def from_query(query: Mapping[str, str]) -> tuple[Settings, list[str]]:
    """The settings that a query string asks for, and a sentence for each thing in it that could not be taken."""
    settings, notes = Settings(), []
    for name, raw in query.items():
        value = str(raw).strip()
        if name not in {f.name for f in fields(Settings)}:
            continue  # other people's parameters (utm_source, embed, ...) are none of our business
        parsed, note = _parse(name, value)
        if note:
            notes.append(note)
        if parsed is not None:
            settings = replace(settings, **{name: parsed})
    return settings, notes


def to_query(settings: Settings) -> dict[str, str]:
    """What differs from the defaults, as a query string's parts; `from_query` gives the same settings back."""
    default = Settings()
    return {
        f.name: _shown(getattr(settings, f.name))
        for f in fields(Settings)
        if getattr(settings, f.name) != getattr(default, f.name)
    }


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    return repr(value) if isinstance(value, float) else str(value)


def _parse(name: str, value: str) -> tuple[Any, str | None]:
    default = getattr(Settings(), name)
    if isinstance(default, bool):
        if value.lower() in _TRUE | _FALSE:
            return value.lower() in _TRUE, None
        return None, f"{name} is either 0 or 1."
    if name in _CHOICES:
        if value in _CHOICES[name]:
            return value, None
        return None, f"The link asks for an unknown {name}; the usual one is shown."
    if name == "target" and not value.lstrip("+-").isdigit():
        return _class_named(value)
    low, high = LIMITS[name]
    try:
        number = float(value)
    except ValueError:
        return None, f"{name} in the link is not a number; the usual value is shown."
    if number != number:
        return None, f"{name} in the link is not a number; the usual value is shown."
    clamped = min(max(number, low), high)
    taken = round(clamped) if isinstance(default, int) else clamped
    note = f"{name} in the link cannot be {value} and is now {taken:g}." if taken != number else None
    return taken, note


def _class_named(value: str) -> tuple[int | None, str | None]:
    """A class by its name, for links that people write by hand: ``target=airliner``."""
    wanted = value.replace("_", " ").lower()
    for index, name in enumerate(categories()):
        if name.lower() == wanted:
            return index, None
    return None, "The link asks for an unknown target class; the usual one is shown."
