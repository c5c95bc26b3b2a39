"""All controls of the lesson, which its link holds."""

import json
from dataclasses import dataclass
from functools import cache
from typing import Literal, NamedTuple

from adv_core.networks.digit_network import CHECKPOINTS, checkpoint
from pages.lessons.evaluation.verdict_tasks import Diagnose, Effort, Leaderboard, SecurityCurve
from pages.widgets.charts import PALETTE
from pages.widgets.controls import Controls
from pages.widgets.digits import ROBUST, STANDARD, STRONGER
from pages.widgets.query import PageSettings, number, solved, word

IMAGES = 100
LATER = "not yet computed: the attacks of section 1 run first"
# Each is a network, with or without a defence in front of it or behind it.
DEFENCES = {
    "saturated": "saturation",
    "quantized": "rounding",
    "fgsm": "FGSM training",
    "robust": "PGD training",
    "none": "no defence",
}
STORY = {
    "saturated": (
        "A published defence, defensive distillation, made the logits of a network very large. This defence does so "
        "directly: it multiplies all logits by 20. No prediction changes, but most probabilities round to exactly 0 or "
        "1, and there the gradient of the cross-entropy is zero."
    ),
    "quantized": (
        "Each pixel is rounded to a few levels before the network sees it. The predictions hardly change. But rounding "
        "is a staircase function: its gradient is zero almost everywhere."
    ),
    "fgsm": (
        "The network was trained against FGSM alone: one step with ε = 0.3 that starts at x. It has learnt to curve "
        "its loss so that this one step fails."
    ),
    "robust": "The network was trained against PGD with ε = 0.1, as in *Adversarial training*. Up to this ε it hides "
    "nothing.",
    "none": "The standard network without a defence.",
}
NETWORKS = {
    "standard": ("standard", STANDARD),
    "robust_01": ("robust, L∞ ε = 0.1", ROBUST),
    "robust_03": ("robust, L∞ ε = 0.3", STRONGER),
}
# The leaderboard: its networks, and the attacks in each norm, in the order in which they run.
BOARD_NETWORKS = {
    "robust_03": "robust, ε = 0.3",
    "robust_01": "robust, ε = 0.1",
    "interval_01": "intervals, ε = 0.1",
    "fgsm_03": "FGSM training",
    "noise_025": "noise",
    "standard": "standard",
}
BOARD: dict[Literal["linf", "l2"], tuple[str, ...]] = {
    "linf": ("noise", "fgsm", "pgd", "apgd-ce", "apgd-t", "fmn", "fab", "square"),
    "l2": ("noise", "fgsm", "pgd", "apgd-ce", "apgd-t", "ddn", "fab", "square"),
}
STEPS, TARGETS, QUERIES = 40, 3, 500  # of each of these attacks; AutoAttack's budgets are 100, 9 and 5000
# The security curves: what is attacked, by which attacks, at which ε.
CURVE_OF = {
    "saturated": "saturation",
    "quantized": "rounding",
    "robust_03": "PGD training, ε = 0.3",
    "standard": "no defence",
}
CURVE_ATTACKS = ("fgsm", "pgd", "apgd-t", "fmn", "square")
CURVE_EPS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 1.0)
CURVE_DIGITS, CURVE_STEPS = 20, 20
ASKED = 0.1  # the ε at which the visitor guesses
# The diagnosis: on each defence of section 1, by these attacks.
DIAGNOSED = ("fgsm", "apgd-ce", "apgd-t", "square")
DIAGNOSED_DIGITS = 32
L2_CURVE = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0)
REACH = 60
ANGLES = tuple(sorted((float(a) for a in range(-REACH, REACH + 1, 5)), key=abs))
SIGMAS = {"0.1": PALETTE[2], "0.25": PALETTE[0], "0.5": PALETTE[4], "1": PALETTE[1]}
PROVED = {"interval_01": "trained with intervals", "robust_01": "trained with PGD", "standard": "standard"}
PROOF = (0.0, 0.005, 0.01, 0.015, 0.02, 0.03, 0.04, 0.06, 0.08, 0.1, 0.12, 0.15, 0.16, 0.17, 0.18, 0.2)


@dataclass(frozen=True)
class Settings(PageSettings):
    """All controls of the page. ε is in units of the whole range from black to white."""

    defence: str = word("saturated", DEFENCES)
    levels: int = number(8, 2, 32)
    eps: float = number(0.1, 0.02, 0.3)
    digit: int = number(17, 0, 9999)
    sigma: str = word("0.25", SIGMAS)
    seed: int = number(0, 0, 999)
    proved: str = word("interval_01", PROVED)
    network: str = word("robust_03", BOARD_NETWORKS)
    norm: Literal["linf", "l2"] = word("l2", BOARD)
    radius: float = number(0.3, 0.02, 0.4)
    radius_l2: float = number(2.0, 0.25, 5)
    digits: int = number(30, 10, 50)
    example: int = number(-1, -1, 49)
    curve: str = word("saturated", CURVE_OF)
    guess: int = number(-1, -1, CURVE_DIGITS)
    done: str = solved("abcdefg")

    @property
    def board(self) -> Leaderboard:
        """The leaderboard of the chosen network."""
        eps = self.radius if self.norm == "linf" else self.radius_l2
        return Leaderboard(self.network, self.norm, eps, BOARD[self.norm], self.digits, Effort(STEPS, TARGETS, QUERIES))

    @property
    def curves(self) -> dict[str, SecurityCurve]:
        """The security curve of each attack."""
        attacked, effort = network_and_defence(self.curve), Effort(CURVE_STEPS, TARGETS, QUERIES)
        return {
            attack: SecurityCurve(*attacked, attack, CURVE_EPS, self.levels, CURVE_DIGITS, effort)
            for attack in CURVE_ATTACKS
        }

    def diagnosis(self, defence: str) -> Diagnose:
        """The diagnosis of one of `DEFENCES`, at the ε for which it was made."""
        attacked, effort = network_and_defence(defence), Effort(STEPS, TARGETS, QUERIES)
        eps, images = made_for(defence), DIAGNOSED_DIGITS
        return Diagnose(*attacked, self.levels, eps, attacks=DIAGNOSED, images=images, effort=effort)


page = Controls("evaluation", Settings)


def network_and_defence(key: str) -> tuple[str, str]:
    """The checkpoint, and the defence in front of it, of an entry of `DEFENCES` or `CURVE_OF`."""
    trained = {"robust": "robust_01", "fgsm": "fgsm_03", "robust_03": "robust_03"}.get(key)
    return (trained, "none") if trained else ("standard", "none" if key == "standard" else key)


def made_for(defence: str) -> float:
    """The ε for which a defence of section 1 was made."""
    return 0.3 if defence == "fgsm" else Settings.eps


class Committed(NamedTuple):
    """The verdict of *standard* on a shipped network, from the file beside its weights.

    Attributes:
        eps: of the L∞ ball; examples: the number of test digits; command: that made the file.
        clean, robust: accuracies, without an attack and under the pointwise worst case; interval: the 95 % interval of
            the latter.
        after: (attack, accuracy after it and those before it) of the attacks that had digits left to try.
        warnings: signs that an attack has failed.
        pgd: the accuracy on all test digits under PGD alone, which the script of the training printed; None where it
            has judged at another ε. steps, restarts: of that PGD.
    """

    eps: float
    examples: int
    command: str
    clean: float
    robust: float
    interval: tuple[float, float]
    after: tuple[tuple[str, float], ...]
    warnings: tuple[str, ...]
    pgd: float | None
    steps: int
    restarts: int


@cache
def committed(name: str) -> Committed:
    """The committed verdict on that network."""
    told = json.loads((CHECKPOINTS / "judged" / f"{name}.json").read_text(encoding="utf-8"))
    alone = next((each for each in checkpoint(name).figures["judged"] if each["eps"] == told["eps"]), None)
    return Committed(
        told["eps"],
        told["examples"],
        told["command"],
        told["clean_accuracy"],
        told["robust_accuracy"],
        tuple(told["interval_95"]),
        tuple((each["title"], each["accuracy"]) for each in told["attacks"] if each["tried"]),
        tuple(each["text"] for each in told["warnings"]),
        None if alone is None else 1 - alone["attacked"],
        0 if alone is None else alone["steps"],
        0 if alone is None else alone["restarts"],
    )
