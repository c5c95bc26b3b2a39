"""The state of the Attack Lab as one value, and its two-way translation into a query string.

Everything that a link can say is checked here: numbers are clamped, unknown words replaced by defaults, and each such
repair is told to the visitor. Nothing else in the app trusts a query string.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from adv_core.catalogue import ATTACKS, AttackInfo, Norm
from adv_core.classifiers import REGISTRY, categories
from adv_core.limits import LIMITS as SERVER

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
NORMS = {"linf": "L∞", "l2": "L2", "l1": "L1", "l0": "pixels"}
LOSSES = {
    "ce": "cross-entropy",
    "difference": "L(y) − L(target)",
    "margin": "margin of the logits",
    "dlr": "logits ratio (DLR)",
}
STEP_RULES = {"steepest": "steepest ascent", "gradient": "raw gradient"}


@dataclass(frozen=True)
class Settings:
    """Every control of the page.

    ε of L∞ and α are in levels of 255, ε of L2 and L1 in units of the pixel range, ε of L0 is a number of pixels.
    """

    image: str = "german_shepherd"
    whole: bool = False
    model: str = "efficientnet_lite0"
    attack: str = "targeted"
    aim: bool = False
    target: int = 404
    norm: Norm = "linf"
    eps: int = 4
    eps2: float = 3.0
    eps1: float = 40.0
    eps0: int = 200
    loss: str = "ce"
    steps: int = 40
    rule: str = "steepest"
    alpha: float = 0.0
    random: bool = False
    restarts: int = 1
    queries: int = 500
    seed: int = 0
    amp: int = 10
    present: bool = False

    @property
    def info(self) -> AttackInfo:
        """The chosen attack's entry in the catalogue."""
        return ATTACKS[self.attack]

    @property
    def targeted(self) -> bool:
        """Whether the attack goes towards the target class."""
        return self.info.targeted == "always" or (self.info.targeted == "optional" and self.aim)

    @property
    def ball(self) -> Norm:
        """The norm that is used: the chosen one, unless the attack does not know it or the picture is too large."""
        known = [norm for norm in self.info.norms if not (self.whole and norm in ("l1", "l0"))]
        return self.norm if self.norm in known else known[0]

    @property
    def radius(self) -> float:
        """ε in pixel units; in L0, a number of pixels."""
        return {"linf": self.eps / 255, "l2": self.eps2, "l1": self.eps1, "l0": float(self.eps0)}[self.ball]

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
    "eps1": (0, 400),
    "eps0": (0, 2000),
    "steps": (1, min(100, SERVER.max_steps)),
    "alpha": (0, 1000),
    "restarts": (1, SERVER.max_restarts),
    "queries": (1, SERVER.max_queries),
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
