"""The state of the Attack Lab as one value."""

from dataclasses import dataclass

from adv_core.attacks.catalogue import ATTACKS
from adv_core.attacks.info import AttackInfo
from adv_core.classifiers import REGISTRY
from adv_core.norms import NORMS, Norm, NormKey
from adv_core.serving.classroom.store import CODE_LENGTH, LETTERS
from adv_core.serving.engine.attack import LossKey
from adv_core.serving.limits import LIMITS
from pages.widgets.controls import Controls
from pages.widgets.photograph import OWN, PHOTOS, class_named
from pages.widgets.query import PageSettings, number, parts, sequence, word

TITLE = "Fool a neural network"
LOSSES: dict[LossKey, str] = {
    "ce": "cross-entropy",
    "difference": "L(y) − L(target)",
    "margin": "margin of the logits",
    "dlr": "difference-of-logits ratio (DLR)",
}
# Each norm has an ε of its own in the link, so that a switch between norms keeps all of them.
EPS_FIELDS: dict[NormKey, str] = {"linf": "eps", "l2": "eps2", "l1": "eps1", "l0": "eps0"}
# The tabs below the pictures. A link can hide all but the first.
TABS = {"opinion": "Opinion", "noise": "Noise", "formula": "Formula", "curve": "ε curve", "save": "Save"}
STEP_RULES = {"steepest": "steepest ascent", "gradient": "raw gradient"}


@dataclass(frozen=True)
class Settings(PageSettings):
    """All controls of the page.

    ε of L∞ and α are in levels of 255, ε of L2 and L1 in units of the pixel range, ε of L0 is a number of pixels.
    ``room`` is the code of the room that has opened the lab, "" for none.
    """

    image: str = word("german_shepherd", {*PHOTOS, OWN})
    whole: bool = False
    model: str = word("efficientnet_lite0", REGISTRY)
    attack: str = word("targeted", ATTACKS)
    aim: bool = False
    target: int = number(404, 0, 999, named=class_named)
    norm: NormKey = word("linf", NORMS)
    eps: int = number(NORMS["linf"].start, *NORMS["linf"].bounds)
    eps2: float = number(NORMS["l2"].start, *NORMS["l2"].bounds)
    eps1: float = number(NORMS["l1"].start, *NORMS["l1"].bounds)
    eps0: int = number(NORMS["l0"].start, *NORMS["l0"].bounds)
    loss: LossKey = word("ce", LOSSES)
    steps: int = number(min(40, LIMITS.max_steps), 1, min(100, LIMITS.max_steps))
    rule: str = word("steepest", STEP_RULES)
    alpha: float = number(0.0, 0, 1000)
    views: bool = False
    random: bool = False
    restarts: int = number(1, 1, LIMITS.max_restarts)
    queries: int = number(min(500, LIMITS.max_queries), 1, LIMITS.max_queries)
    seed: int = number(0, 0, 9999)
    amp: int = number(10, 1, 100)
    tab: str = word("opinion", TABS)
    room: str = sequence(LETTERS, CODE_LENGTH)
    hide: str = parts("navigation", "sidebar", "noise", "formula", "save", "curve")

    @property
    def info(self) -> AttackInfo:
        """The chosen attack's entry in the catalogue."""
        return ATTACKS[self.attack]

    @property
    def targeted(self) -> bool:
        """True where the attack aims at the target class."""
        return self.info.targeted == "always" or (self.info.targeted == "optional" and self.aim)

    @property
    def ball(self) -> Norm:
        """The norm in use: the chosen one, unless the attack does not support it or the picture is too large."""
        known = [key for key in self.info.norms if NORMS[key].whole or not self.whole]
        return NORMS[self.norm if self.norm in known else known[0]]

    @property
    def eps_field(self) -> str:
        """The name of the setting with the ε of the norm in use."""
        return EPS_FIELDS[self.ball.key]

    @property
    def shown_eps(self) -> float:
        """ε in the norm's own unit."""
        return float(getattr(self, self.eps_field))

    @property
    def radius(self) -> float:
        """ε in pixel units; in L0, a number of pixels."""
        return self.ball.radius(self.shown_eps)

    @property
    def step_size(self) -> float | None:
        """α for the solver: None is the default. A raw-gradient step takes α as a plain factor."""
        if self.alpha <= 0:
            return None
        return self.alpha if self.rule == "gradient" else self.alpha / 255


PRESETS: dict[str, dict[str, str | int]] = {
    "dog → airliner": {"image": "german_shepherd", "target": 404, "eps": 4, "steps": 40},
    "pig → wombat": {"image": "pig", "target": 106, "eps": 2, "steps": 10},
    "panda → gibbon": {"image": "giant_panda", "target": 368, "eps": 2, "steps": 10},
}
GROUPS = {"lecture": "Basic", "stronger": "Stronger", "black box": "Black box"}
VIEWS, SEEN = 8, 32  # random views in each step of the attack; new random views that test the result
page = Controls("lab", Settings)


def uses_pgd() -> bool:
    """Tell whether the chosen attack is PGD, targeted or not."""
    return "step_size" in page.value.info.options
