"""All controls of the lesson, which its link holds."""

from dataclasses import dataclass

from pages.widgets.charts import PALETTE
from pages.widgets.controls import Controls
from pages.widgets.digits import ROBUST, STANDARD, STRONGER
from pages.widgets.query import PageSettings, number, solved, word

IMAGES = 100
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
    done: str = solved("abcde")


page = Controls("evaluation", Settings)
