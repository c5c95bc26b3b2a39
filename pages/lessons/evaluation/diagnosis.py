"""The section that runs the library's diagnosis on every defence of the page."""

from collections.abc import Iterator

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.lessons.evaluation.settings import (
    DEFENCES,
    DIAGNOSED_DIGITS,
    QUERIES,
    made_for,
    page,
)
from pages.lessons.evaluation.verdict_tasks import Diagnose, Diagnosed
from pages.widgets.glossary import prose
from pages.widgets.lesson import slots, table
from pages.widgets.live import follow_each
from pages.widgets.run_this import is_wanted
from pages.widgets.stage import share
from pages.widgets.verdict import held, note

NO_WARNING = {
    "fgsm": "No attack has failed here. The claim was false for another reason: it was made with one step of FGSM.",
    "robust": "PGD training hides nothing: all attacks agree.",
    "none": "The undefended network falls, and no attack fails on it.",
}


def diagnosis(_: object) -> Iterator[None]:
    st.subheader("4 · The diagnosis: did the attack fail?", anchor="diagnosis")
    prose(
        "Sections 1 and 3 looked for impossible results by eye. `adv_core.evaluation` looks for them by itself: it "
        "measures the gradient, runs short attacks, and writes each **warning** with its measurement. Here it judges "
        "the false defences of section 1 beside two honest networks. A warning does not say that the network is weak. "
        "It says that the number cannot be believed."
    )
    figures, told, below = slots("evaluation_diagnosis", 3)
    works = {key: page.value.diagnosis(key) for key in DEFENCES}
    wanted = is_wanted("run_diagnosis", tuple(works.values()), "about 10 seconds", told)
    yield
    yield  # the shorter computations of the page come first
    if wanted:
        _follow(works, figures, told, below)


def _follow(works: dict[str, Diagnose], figures: DeltaGenerator, told: DeltaGenerator, below: DeltaGenerator) -> None:
    def draw(found: dict[str, list[Diagnosed]], key: str) -> None:
        rows = [_row(each, records[-1]) for each, records in found.items()]
        table(("network", "stands under FGSM", "in the worst case", "warnings"), rows, figures)
        told.markdown(f"*{DEFENCES[key]}*: {found[key][-1].done:.0%}")

    found = follow_each("diagnosis", works, draw, told.info)
    if found is None:
        return
    told.caption(
        f"The first {DIAGNOSED_DIGITS} test digits, each attack alone: FGSM, APGD on two losses, Square Attack with "
        f"{QUERIES} queries. FGSM training is judged at ε = {made_for('fgsm'):g}, the others at {made_for('none'):g}. "
        "Transfer: from the network trained with noise."
    )
    with below.container():
        for key, records in found.items():
            findings = records[-1].findings
            if findings:
                lines = "\n".join(f"- {finding.text}" for finding in findings)
                note(None, f"**{DEFENCES[key]}**\n\n{lines}")
            else:
                held(None, f"**{DEFENCES[key]}**: no warning. {NO_WARNING.get(key, '')}")


def _row(key: str, last: Diagnosed) -> tuple[str, str, str, str]:
    alone = last.alone[0][1] if last.alone else None
    ended = last.done == 1
    return (
        DEFENCES[key],
        "…" if alone is None else share(alone),
        share(last.accuracy) if ended else "…",
        str(len(last.findings)) if ended else "…",
    )
