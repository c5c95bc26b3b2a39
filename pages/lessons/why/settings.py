"""All controls of the lesson, which its link holds."""

from dataclasses import dataclass

from adv_core.norms import NORMS, NormKey
from adv_core.relabelling import Rule
from pages.lessons.why.price_tasks import Method, PlaneData
from pages.widgets.controls import Controls
from pages.widgets.query import PageSettings, number, solved, word

# Section 3.
FEATURE_IMAGES, FEATURE_EPOCHS = 3000, 8
FEATURE_NORMS: dict[NormKey, str] = {key: NORMS[key].title for key in ("l2", "linf")}
RULES: dict[Rule, str] = {"other": "a random other class", "next": "always y + 1"}
SOURCES = {"standard": "the standard network", "robust_01": "a robust network, ε = 0.1"}
# Section 4.
PLANES: dict[PlaneData, str] = {"features": "a robust feature and a non-robust one", "moons": "two moons"}
METHODS: dict[Method, str] = {"pgd": "adversarial training", "trades": "TRADES"}
TRAINED_EPS = (0.0, 0.02, 0.04, 0.06, 0.08, 0.1, 0.12)
BETAS = ("0", "0.03", "0.1", "0.3", "1", "3", "10")
POINTS, POINT_SEEDS = ("10", "100", "1000"), (0, 1, 2)

SIDES = ("4", "7", "14", "28", "56")  # pixels a side of the digits of section 1


@dataclass(frozen=True)
class Settings(PageSettings):
    """All controls of the page. ε is in units of the whole range from black to white."""

    side: str = word("28", SIDES)
    digit: int = number(4, 0, 9999)
    target: int = number(3, 0, 9)
    feature_norm: NormKey = word("l2", FEATURE_NORMS)
    l2_eps: float = number(2.0, 0.5, 3)
    linf_eps: float = number(0.2, 0.05, 0.3)
    rule: Rule = word("other", RULES)
    source: str = word("standard", SOURCES)
    plane: PlaneData = word("features", PLANES)
    method: Method = word("pgd", METHODS)
    trained_eps: float = number(0.08, TRAINED_EPS[0], TRAINED_EPS[-1])
    beta: str = word("1", BETAS)
    points: str = word("1000", POINTS)
    done: str = solved("abcdef")


page = Controls("why", Settings)
