"""The state of the Attack Lab as one value."""

from dataclasses import dataclass

from adv_core.attacks.catalogue import ATTACKS
from adv_core.attacks.info import AttackInfo
from adv_core.classifiers import REGISTRY, categories
from adv_core.norms import Norm
from adv_core.serving.limits import LIMITS
from pages.widgets.query import number, word

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


def class_named(name: str) -> int | None:
    """The index of the class of that name; capitals and underscores do not matter."""
    wanted = name.replace("_", " ").lower()
    return next((index for index, each in enumerate(categories()) if each.lower() == wanted), None)


@dataclass(frozen=True)
class Settings:
    """Every control of the page.

    ε of L∞ and α are in levels of 255, ε of L2 and L1 in units of the pixel range, ε of L0 is a number of pixels.
    """

    image: str = word("german_shepherd", {*PHOTOS, OWN})
    whole: bool = False
    model: str = word("efficientnet_lite0", REGISTRY)
    attack: str = word("targeted", ATTACKS)
    aim: bool = False
    target: int = number(404, 0, 999, named=class_named)
    norm: Norm = word("linf", NORMS)
    eps: int = number(4, 0, 32)
    eps2: float = number(3.0, 0, 10)
    eps1: float = number(40.0, 0, 400)
    eps0: int = number(200, 0, 2000)
    loss: str = word("ce", LOSSES)
    steps: int = number(min(40, LIMITS.max_steps), 1, min(100, LIMITS.max_steps))
    rule: str = word("steepest", STEP_RULES)
    alpha: float = number(0.0, 0, 1000)
    views: bool = False
    random: bool = False
    restarts: int = number(1, 1, LIMITS.max_restarts)
    queries: int = number(min(500, LIMITS.max_queries), 1, LIMITS.max_queries)
    seed: int = number(0, 0, 9999)
    amp: int = number(10, 1, 100)
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
