"""A photograph attacked towards a class with two objectives side by side, and with one step."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from adv_core.classifiers import DEFAULT, categories, info_of
from adv_core.images import difference
from adv_core.serving.engine.attack import Attack, Frame, LossKey
from adv_core.serving.engine.look import Pictures
from pages.lessons.fgsm_and_pgd.settings import ONE_STEPS, STEPS, page
from pages.widgets import verdict
from pages.widgets.ask import look
from pages.widgets.charts import short
from pages.widgets.glossary import prose
from pages.widgets.lesson import table
from pages.widgets.live import follow, job_for
from pages.widgets.photograph import chosen, class_control, gallery
from pages.widgets.stage import PictureRow, drawn, percent, playground

AMPLIFIED = 10
OBJECTIVES: dict[LossKey, str] = {"difference": "L(y) − L(y_target)", "ce": "−L(y_target)"}
FORMULAS: dict[LossKey, str] = {
    "difference": r"\max_{\delta\in\mathcal{B}_\varepsilon^\infty}\ L(y, \hat f(x+\delta\mid\theta))"
    r" - L(y_\text{target}, \hat f(x+\delta\mid\theta))",
    "ce": r"\max_{\delta\in\mathcal{B}_\varepsilon^\infty}\ -L(y_\text{target}, \hat f(x+\delta\mid\theta))",
}


@dataclass(frozen=True)
class End:
    """The end of an attack in numbers: the classes y and target, and the logits of the rounded picture."""

    y: int
    target: int
    logits: np.ndarray

    @property
    def probabilities(self) -> np.ndarray:
        shifted = np.exp(self.logits - self.logits.max())
        return np.asarray(shifted / shifted.sum())

    @property
    def predicted(self) -> int:
        return int(self.logits.argmax())

    def value(self, objective: LossKey) -> float:
        """The value of an objective there; both are computed by hand from the logits."""
        largest = float(self.logits.max())
        log_sum = largest + float(np.log(np.exp(self.logits - largest).sum()))
        if objective == "difference":
            return float(self.logits[self.target] - self.logits[self.y])
        return float(self.logits[self.target]) - log_sum


def two_objectives(_: object) -> Iterator[None]:
    st.subheader("5 · Targeted attacks: two objectives", anchor="targeted")
    prose(
        "A **targeted attack** does not only lead away from y. It leads to a class $y_\\text{target}$ that the "
        "attacker chooses. There are two usual objectives. The lecture raises the loss of y *and* lowers that of the "
        "target. The other one only lowers the loss of the target. PGD runs on both, with the same ε and the same "
        "steps."
    )
    before = chosen(page, info_of(DEFAULT).input_size)
    with playground("objectives"):
        with st.container():
            rows = {
                objective: _row(objective, before, column)
                for objective, column in zip(OBJECTIVES, st.columns(2, gap="medium"), strict=True)
            }
        with st.container(horizontal=True, vertical_alignment="bottom"):
            with st.container(width=200):
                gallery(page)
            class_control(page, "target", "y_target, the class to reach", width=260)
            page.control("levels", st.slider, "ε, in 1/255", 0, 16, width=260)
    results = st.container()
    yield
    yield  # the plane and the tally come first
    with results:
        _compare(before, rows)


def _row(objective: LossKey, before: np.ndarray, column: DeltaGenerator) -> PictureRow:
    with column:
        st.markdown(f"**{OBJECTIVES[objective]}**")
        return PictureRow(
            f"stage_{objective}",
            {"x": "x, the original", "delta": drawn(AMPLIFIED), "end": "= x + δ"},
            before,
            page.value.image,
            line="not yet computed",
            alt="{title}, not yet computed",
        )


def _compare(before: np.ndarray, rows: dict[LossKey, PictureRow]) -> None:
    settings = page.value
    looked = look("targeted look", before)
    if looked is None:
        return
    clean = looked.probabilities[0]
    y, target = int(clean.argmax()), settings.target
    for row in rows.values():
        row.show("x", before, categories()[y], percent(float(clean[y])))
    if target == y:
        verdict.note(None, f"The network predicts **{categories()[y]}** already. Choose another target.")
        return
    base = Attack(
        Pictures.of(before),
        DEFAULT,
        attack="targeted",
        eps=(settings.levels / 255,),
        label=y,
        target=target,
        steps=STEPS,
    )
    ends: dict[LossKey, End] = {}
    for objective, row in rows.items():
        frame = _followed(replace(base, objective=objective), f"targeted {objective}", row)
        if frame is None:
            return
        ends[objective] = End(y, target, frame.logits[0])
    _tell(ends)
    _one_step(base)


def _followed(request: Attack, slot: str, row: PictureRow) -> Frame | None:
    before, levels = request.pixels, page.value.levels

    def draw(frames: list[Frame]) -> None:
        last = frames[-1]
        if last.pixels is None:
            return
        after, probabilities = last.pixels[0], last.probabilities[0]
        step = "" if last.index == request.steps else f", step {last.index} of {request.steps}"
        row.show(
            "delta", difference(before, after, AMPLIFIED), f"ε = {levels}/255", f"‖δ‖∞ = {last.norms[0, 0]:g}/255{step}"
        )
        best = int(probabilities.argmax())
        row.show("end", after, categories()[best], percent(float(probabilities[best])))

    frames = follow(job_for(slot, request), draw)
    return None if frames is None else frames[-1]


def _tell(ends: dict[LossKey, End]) -> None:
    names = categories()
    for end, column in zip(ends.values(), st.columns(2, gap="medium"), strict=True):
        p = end.probabilities
        said = f"**{names[end.predicted]}** ({percent(float(p[end.predicted]))})"
        if end.predicted == end.target:
            verdict.fooled(column, f"**The target is reached.** The network predicts {said}.")
        elif end.predicted == end.y:
            verdict.held(column, f"**The target is not reached.** The network still predicts {said}.")
        else:
            verdict.held(
                column,
                f"**The target is not reached: a third class has won.** The network predicts {said}; the target "
                f"**{names[end.target]}** has {percent(float(p[end.target]))}.",
            )
    table(
        ("at x + δ of", *(f"the value of {title}" for title in OBJECTIVES.values()), "p(y)", "p(y_target)"),
        [
            (
                OBJECTIVES[objective],
                *(short(end.value(each)) for each in OBJECTIVES),
                percent(float(end.probabilities[end.y])),
                percent(float(end.probabilities[end.target])),
            )
            for objective, end in ends.items()
        ],
    )
    left, right = st.columns(2, gap="medium")
    left.latex(FORMULAS["difference"])
    right.latex(FORMULAS["ce"])
    prose(
        "**Why do they differ?** The normalising terms of the two losses cancel, so L(y) − L(y_target) is the "
        "difference of two logits, z_target − z_y: it contains no other class, and a third class may win. "
        "−L(y_target) is the log-probability of the target, so it falls with the score of *every* other class, and "
        "grows until the target has won against all of them."
    )


def _one_step(base: Attack) -> None:
    """FGSM towards the target at several ε: the gradient is the same for all, so they are one task."""
    work = replace(base, attack="fgsm", eps=tuple(k / 255 for k in ONE_STEPS), steps=1, pictures=False)
    frames = follow(job_for("targeted one step", work))
    if frames is None:
        return
    last, names = frames[-1], categories()
    target = int(base.target or 0)
    reached = int((last.logits.argmax(1) == target).sum())
    best = int(last.probabilities[:, target].argmax())
    p = float(last.probabilities[best, target])
    st.markdown("**One step towards the target**")
    st.latex(
        r"\delta = -\,\varepsilon\cdot\operatorname{sign}\big(\nabla_x L(y_\text{target}, \hat f(x\mid\theta))\big)"
    )
    st.markdown(
        f"FGSM takes a target, too. On this photograph, one step reaches **{names[target]}** at **{reached} of "
        f"{len(ONE_STEPS)}** ε ({', '.join(map(str, ONE_STEPS))} in 1/255). The largest probability of the target is "
        f"{percent(p)}, at ε = {ONE_STEPS[best]}/255. "
        + (
            "A long way to a far class is not straight: the gradient at x tells the direction only near x. PGD asks "
            "for the gradient again after each short step."
            if reached * 2 < len(ONE_STEPS)
            else "This target is near: its direction hardly changes on the way."
        )
    )
