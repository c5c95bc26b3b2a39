"""The result of an attack in a sentence, with the reason of a failure."""

from dataclasses import dataclass, replace

import numpy as np

from adv_core.classifiers import categories
from adv_core.serving.engine.attack import Frame
from pages.lab.nearness import common_group
from pages.lab.settings import Settings
from pages.widgets.ask import UNSURE
from pages.widgets.photograph import OWN, PHOTOS, TRUE_CLASSES
from pages.widgets.stage import percent
from pages.widgets.verdict import Kind


@dataclass(frozen=True)
class Verdict:
    kind: Kind
    text: str


def judge(
    settings: Settings, label: int, frames: list[Frame], changed: int, used: float = 1.0, clean: float = 1.0
) -> Verdict:
    """Explain the end of a run, and note where the network misclassified the untouched picture.

    Args:
        label, clean: the prediction for the untouched picture, and its probability.
        frames: the whole run.
        changed: the number of colour values of the 8-bit picture that differ from the original.
        used: ‖δ‖ of the 8-bit picture as a share of ε.
    """
    verdict = _judge(settings, label, frames, changed, used)
    if verdict.kind == "fooled" and clean < UNSURE:
        return Verdict("note", _unsure(settings, label, clean, frames[-1].probabilities[0]))
    true = TRUE_CLASSES.get(settings.image)
    if settings.image == OWN or true == label:
        return verdict
    # The attack starts from the network's prediction, right or wrong.
    shown = PHOTOS[settings.image].lower()
    return replace(
        verdict, text=f"{verdict.text} (The network was wrong before the attack. The picture shows: {shown}.)"
    )


def _judge(settings: Settings, label: int, frames: list[Frame], changed: int, used: float) -> Verdict:
    name = categories()
    last = frames[-1].probabilities[0]
    now = int(last.argmax())
    said = f"The network now predicts **{name[now]}** ({percent(float(last[now]))})"
    info, targeted = settings.info, settings.targeted
    if targeted and settings.target == label:
        return Verdict(
            "note",
            f"The network already predicts the target, **{name[label]}**. Choose another target class.",
        )
    if settings.radius == 0 and not info.minimal:
        return Verdict("note", "ε = 0 allows no change, so the picture stays as it is. Increase ε.")
    if (now == settings.target) if targeted else (now != label):
        near = common_group(label, now)
        short = f" Both are {near}, so this is a near class. Aim at a far one, such as “toaster”." if near else ""
        return Verdict(
            "fooled", f"**Fooled.** {said} instead of **{name[label]}**.{short}{_price(settings, frames[-1])}"
        )
    if info.minimal:
        more = "Allow more queries" if "queries" in info.options else "Take more steps"
        return Verdict("held", f"The attack found no δ that fools the network. {more}. {said}.")
    if "queries" in info.options:
        return Verdict(
            "held",
            f"Not fooled after {frames[-1].index + 1} queries. Allow more queries, or raise ε: without the gradient, "
            f"an attack needs more of both. {said}.",
        )
    if _vanished(frames):
        return Verdict(
            "note",
            f"The gradient vanished: the network is so confident of **{name[label]}** that its loss is flat here. Try "
            "a random start or another loss.",
        )
    if changed == 0:
        advice = (
            "a larger step size α (a raw gradient is tiny) or the steepest-ascent step"
            if settings.rule == "gradient" and "step" in info.options
            else "a larger ε"
        )
        return Verdict(
            "note",
            f"No value changed by a whole level of 1/255, so the picture stays the same. Try {advice}.",
        )
    if settings.rule == "gradient" and "step" in info.options and used < 0.5:
        return Verdict(
            "note",
            f"The steps were too short: ‖δ‖ is only {100 * used:.0f} % of ε. A raw gradient is tiny where the network "
            f"is confident. Raise α, or choose the steepest-ascent step. {said}.",
        )
    if targeted:
        difference = settings.loss == "difference"
        why = (
            " The loss L(y) − L(target) compares these two classes only, so a third class may win. Try cross-entropy "
            "under *Advanced*."
            if difference and now != label
            else " This ε is too small for this target, or there are too few steps. Raise ε, or take more steps."
            if info.is_iterative
            else " One step rarely reaches a target that is far away. Try *Targeted PGD*."
        )
        return Verdict("held", f"The attack did not reach the target **{name[settings.target]}**. {said}.{why}")
    more = "Raise ε, or try PGD, which takes more than one step." if not info.is_iterative else "Raise ε."
    return Verdict("held", f"The network still predicts **{name[label]}**: this ε is too small for this attack. {more}")


def _unsure(settings: Settings, label: int, clean: float, probabilities: np.ndarray) -> str:
    """Return a sentence on a run whose change is no success: the network did not recognise the untouched picture."""
    name, now = categories(), int(probabilities.argmax())
    missing = settings.image != OWN and settings.image not in TRUE_CLASSES
    return (
        f"The prediction changed from **{name[label]}** to **{name[now]}** ({percent(float(probabilities[now]))}), "
        f"but the network was unsure before: {percent(clean)}. "
        + ("ImageNet has no class for this picture" if missing else "ImageNet may have no class for this picture")
        + ", so there is little to fool. Try a mug, a dog or a car."
    )


def at_step(settings: Settings, label: int, index: int, probabilities: np.ndarray) -> Verdict:
    """Tell what the network predicts for the picture at a step in the middle of a finished run."""
    now = int(probabilities.argmax())
    fooled = now == settings.target if settings.targeted else now != label
    text = f"At step {index}, the network predicts **{categories()[now]}** ({percent(float(probabilities[now]))})"
    if fooled:
        return Verdict("fooled", f"{text}: fooled at this step. The last step counts.")
    return Verdict("held", f"{text}: not yet fooled." if now == label else f"{text}: not the target.")


def _price(settings: Settings, last: Frame) -> str:
    """Return a sentence on the ε that was found, or on the queries that were made."""
    if settings.info.minimal:
        return f" It needed ε = {settings.ball.text(float(last.size[0]))}, the smallest ε that the attack found."
    if "queries" in settings.info.options:
        return f" The attack made {last.index + 1} queries to the network, and used no gradient."
    return ""


def _vanished(frames: list[Frame]) -> bool:
    norms = [f.gradient_norm for f in frames if f.gradient_norm is not None]
    return bool(norms) and all(float(np.max(n)) < 1e-12 for n in norms)
