"""All controls of the lesson, which its link holds."""

from dataclasses import dataclass
from typing import get_args

from adv_core.aligned import Aligned
from adv_core.dimension import SIDES
from adv_core.norms import NORMS
from adv_core.relabelling import FeatureNorm, Rule
from pages.lessons.why.feature_tasks import TrainRelabelled
from pages.lessons.why.price_tasks import Method, PlaneData
from pages.lessons.why.tasks import Data
from pages.widgets.controls import Controls
from pages.widgets.query import PageSettings, number, sequence, solved, word

IMAGES, TESTED = 4000, 1000  # training digits and test digits of section 1
KINDS = {"faint": "faint digits in noise", "plain": "plain digits"}
STEPS, COUNTED, REFERENCE = 40, 100, 10_000  # of section 2: steps, pushed test digits, real digits to compare with
NETWORKS: dict[Aligned, str] = {
    "standard": "ordinary",
    "robust_01": "robust, L∞ 0.1",
    "robust_03": "robust, L∞ 0.3",
    "robust_l2": "robust, L2",
}
SOURCES = {"test": "test digit", "own": "your own digit"}
STARTS = {"cloud": "the mean of all digits", "grey": "even grey"}
SHOWN: tuple[Aligned, ...] = ("standard", "robust_01", "robust_l2")  # the networks of the game
ROUNDS = 6
# Section 3.
FEATURE_IMAGES, FEATURE_EPOCHS = 3000, 8
FEATURE_NORMS: dict[FeatureNorm, str] = {key: NORMS[key].title for key in get_args(FeatureNorm)}
RULES: dict[Rule, str] = {"other": "a random other class", "next": "always y + 1"}
ATTACKED = {"standard": "the standard network", "robust_01": "a robust network, ε = 0.1"}
# Section 4.
PLANES: dict[PlaneData, str] = {"features": "a robust feature and a non-robust one", "moons": "two moons"}
METHODS: dict[Method, str] = {"pgd": "adversarial training", "trades": "TRADES"}
TRAINED_EPS = (0.0, 0.02, 0.04, 0.06, 0.08, 0.1, 0.12)
BETAS = ("0", "0.03", "0.1", "0.3", "1", "3", "10")
POINTS, POINT_SEEDS = ("10", "100", "1000"), (0, 1, 2)


@dataclass(frozen=True)
class Settings(PageSettings):
    """All controls of the page. ε of section 1 is in 1/255, and that of section 2 the length of δ in L2."""

    kind: str = word("faint", KINDS)
    side: str = word("28", tuple(map(str, SIDES)))
    eps: int = number(4, 0, 40)
    example: int = number(0, 0, 999)
    source: str = word("test", SOURCES)
    digit: int = number(7, 0, 9999)
    target: int = number(3, 0, 9)
    reach: float = number(8.0, 1, 10)
    paint: int = number(5, 0, 9)
    start: str = word("cloud", STARTS)
    guesses: str = sequence("123", ROUNDS)
    feature_norm: FeatureNorm = word("l2", FEATURE_NORMS)
    l2_eps: float = number(2.0, 0.5, 3)
    linf_eps: float = number(0.2, 0.05, 0.3)
    rule: Rule = word("other", RULES)
    attacked: str = word("standard", ATTACKED)
    plane: PlaneData = word("features", PLANES)
    method: Method = word("pgd", METHODS)
    trained_eps: float = number(0.08, TRAINED_EPS[0], TRAINED_EPS[-1])
    beta: str = word("1", BETAS)
    points: str = word("1000", POINTS)
    done: str = solved("abcdefg")

    def data(self, kind: str, side: int) -> Data:
        """The pictures of section 1, of that kind and side."""
        return Data(side, kind == "faint", IMAGES, TESTED)

    def relabelled(self, noise: bool = False) -> TrainRelabelled:
        """The training of section 3 on moved digits, or its control."""
        eps = self.l2_eps if self.feature_norm == "l2" else self.linf_eps
        given = (self.attacked, self.feature_norm, eps, self.rule, noise)
        return TrainRelabelled(*given, images=FEATURE_IMAGES, epochs=FEATURE_EPOCHS)


page = Controls("why", Settings)
