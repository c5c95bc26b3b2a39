"""The result of an attack in a sentence, with the reason of a failure."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from adv_core.classifiers import categories
from adv_core.serving.engine.attack import Frame
from pages.lab.settings import Settings
from pages.widgets.photograph import OWN, PHOTOS, TRUE_CLASSES
from pages.widgets.stage import percent

Kind = Literal["success", "info", "warning"]


@dataclass(frozen=True)
class Verdict:
    kind: Kind
    text: str


def judge(settings: Settings, label: int, frames: list[Frame], changed: int, used: float = 1.0) -> Verdict:
    """Explain the end of a run, and note where the network misread the untouched picture.

    Args:
        label: the classifier's answer to the untouched picture.
        frames: the whole run.
        changed: the number of colour values of the 8-bit picture that differ from the original.
        used: ‖δ‖ of the 8-bit picture as a share of ε.
    """
    verdict = _judge(settings, label, frames, changed, used)
    true = TRUE_CLASSES.get(settings.image)
    if settings.image == OWN or true == label:
        return verdict
    # The attack starts from the network's answer, right or wrong.
    shown = PHOTOS[settings.image].lower()
    return replace(verdict, text=f"{verdict.text} (It was wrong before any attack: {shown} is what the picture shows.)")


def _judge(settings: Settings, label: int, frames: list[Frame], changed: int, used: float) -> Verdict:
    name = categories()
    last = frames[-1].probabilities[0]
    now = int(last.argmax())
    said = f"The network now says **{name[now]}** ({percent(float(last[now]))})"
    info, targeted = settings.info, settings.targeted
    if targeted and settings.target == label:
        return Verdict(
            "warning",
            f"The target is what the network already sees: **{name[label]}**. Choose another target class.",
        )
    if settings.radius == 0 and not info.minimal:
        return Verdict("info", "ε = 0 allows no change at all, so nothing happens. Move ε up.")
    if (now == settings.target) if targeted else (now != label):
        return Verdict("success", f"**Fooled.** {said} instead of **{name[label]}**.{_price(settings, frames[-1])}")
    if info.minimal:
        more = "a larger L2 search takes more steps" if info.name == "carlini_wagner" else "take more steps"
        return Verdict("info", f"No δ was found that fools the network: {more}. {said}.")
    if "queries" in info.options:
        return Verdict(
            "info",
            f"Not fooled after {frames[-1].index + 1} questions. Allow more of them, or raise ε: without the gradient, "
            f"it takes more of both. {said}.",
        )
    if _vanished(frames):
        return Verdict(
            "warning",
            f"The gradient vanished: the network is so sure of **{name[label]}** that no direction seems to lead "
            "uphill. A random start or another loss helps.",
        )
    if changed == 0:
        advice = (
            "a larger step size α (a raw gradient is tiny) or the steepest-ascent step"
            if settings.rule == "gradient" and "step" in info.options
            else "a larger ε"
        )
        return Verdict(
            "warning",
            f"No pixel changed by as much as one of the 255 levels, so the picture is the same. Try {advice}.",
        )
    if settings.rule == "gradient" and "step" in info.options and used < 0.5:
        return Verdict(
            "warning",
            f"The steps were too short: δ has used {100 * used:.0f} % of its ε. A raw gradient is tiny where the "
            f"network is sure. Raise α, or take the steepest-ascent step. {said}.",
        )
    if targeted:
        difference = settings.loss == "difference"
        why = (
            " The loss L(y) − L(target) is content as soon as the present class loses to the target, even if a third "
            "class wins: compare it with cross-entropy under *Advanced*."
            if difference and now != label
            else " This ε is too small for this target, or the steps too few: raise ε, or take more steps."
        )
        return Verdict("info", f"The target **{name[settings.target]}** is not reached. {said}.{why}")
    more = "PGD finds more than one step does, or raise ε." if not info.is_iterative else "Raise ε."
    return Verdict("info", f"The network still says **{name[label]}**: this picture needs more than this ε. {more}")


def _price(settings: Settings, last: Frame) -> str:
    """The ε that was found, or the questions that were asked."""
    if settings.info.minimal:
        return f" This needed ε = {settings.ball.text(float(last.size[0]))}, the smallest that was found."
    if "queries" in settings.info.options:
        return f" It took {last.index + 1} questions to the network, and no gradient."
    return ""


def _vanished(frames: list[Frame]) -> bool:
    norms = [f.gradient_norm for f in frames if f.gradient_norm is not None]
    return bool(norms) and all(float(np.max(n)) < 1e-12 for n in norms)
