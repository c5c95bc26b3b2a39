"""The section with security curves: the digits that stand against ε, one line an attack, and the envelope of all."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import streamlit as st

from adv_core.evaluation.members import members_of
from pages.lessons.evaluation.charts import ENVELOPE, security_chart
from pages.lessons.evaluation.settings import (
    ASKED,
    CURVE_ATTACKS,
    CURVE_DIGITS,
    CURVE_EPS,
    CURVE_OF,
    CURVE_STEPS,
    QUERIES,
    TARGETS,
    page,
)
from pages.lessons.evaluation.verdict_tasks import Standing
from pages.widgets.glossary import prose
from pages.widgets.lesson import skeleton, slots, vega_chart
from pages.widgets.live import follow_each
from pages.widgets.quiz import guess
from pages.widgets.stage import share
from pages.widgets.verdict import held, note


def security_curves(_: object) -> Iterator[None]:
    st.subheader("3 · Security curves: which one is honest?", anchor="security-curves")
    prose(
        "A **security curve** shows the share of digits that stand against ε. Every attack draws one, and every one is "
        "an upper bound of the truth. At ε = 1 every picture is allowed, so the true curve is 0 there: a curve that "
        "does not reach 0 belongs to an attack that has failed."
    )
    page.choice("curve", "Network to attack", CURVE_OF, on_change=_ask_anew)
    place = st.container(key="evaluation_curves")
    with place:
        told = guess(
            page,
            "guess",
            f"{len(CURVE_ATTACKS)} attacks try {CURVE_DIGITS} test digits at {len(CURVE_EPS)} values of ε. **At ε = "
            f"{ASKED:g}, how many of the {CURVE_DIGITS} digits stand under the lowest of all curves?** The curves "
            "appear with your guess, and take some seconds.",
            start=CURVE_DIGITS // 2,
        )
    yield
    yield  # the shorter computations of the page come first
    if told is not None:
        with place:
            _follow(told)


def _ask_anew() -> None:
    page.set(guess=-1)


def _follow(guessed: int) -> None:
    works = page.value.curves
    titles = {name: members_of((name,), "linf")[0].title for name in works}
    chart, told = slots("evaluation_security", 2)
    skeleton(chart, 380, f"0 of {len(works)} attacks")

    def draw(found: dict[str, list[Standing]], key: str) -> None:
        points = {name: standing(records) for name, records in found.items()}
        lines = [(titles[name], _shares(points.get(name, {}))) for name in works]
        lines.append((ENVELOPE, _shares(envelope(list(points.values())))))
        ends = ", ".join(f"{name} {share(line[-1][1])} at {line[-1][0]:g}" for name, line in lines if line)
        vega_chart(security_chart(lines, ASKED), 380, f"Digits that stand against ε: {ends}", chart)
        told.markdown(f"{titles[key]}: {len(points[key])} of {len(CURVE_EPS)} values of ε")

    found = follow_each("curves", works, draw, told.info)
    if found is not None:
        told.empty()
        _tell({titles[name]: standing(records) for name, records in found.items()}, guessed)


def standing(records: Sequence[Standing]) -> dict[float, np.ndarray]:
    """The digits that stand at each ε that has ended, (N,) bool each."""
    return {record.eps: np.array(record.stands) for record in records if record.stands is not None}


def envelope(curves: Sequence[Mapping[float, np.ndarray]]) -> dict[float, np.ndarray]:
    """The digits that stand under all of these attacks, at each ε that all of them have ended."""
    known = [eps for eps in (curves[0] if curves else {}) if all(eps in curve for curve in curves)]
    return {eps: np.all([curve[eps] for curve in curves], axis=0) for eps in known}


def _shares(points: Mapping[float, np.ndarray]) -> list[tuple[float, float]]:
    return [(eps, float(stands.mean())) for eps, stands in points.items()]


def _tell(curves: Mapping[str, Mapping[float, np.ndarray]], guessed: int) -> None:
    """Tell the answer to the guess, and which curves cannot be right."""
    lowest = envelope(list(curves.values()))
    at, end = int(lowest[ASKED].sum()), CURVE_EPS[-1]
    alone = {name: int(curve[ASKED].sum()) for name, curve in curves.items()}
    first = next(iter(alone))
    st.markdown(
        f"You said {guessed}. At ε = {ASKED:g}, **{at} of {CURVE_DIGITS}** digits stand under the envelope, the "
        f"pointwise worst case at each ε. Under {first} alone, {alone[first]} stand."
    )
    failed = {name: int(curve[end].sum()) for name, curve in curves.items() if curve[end].any()}
    if failed:
        lines = "\n".join(
            f"- {name}: {count} of {CURVE_DIGITS} stand at ε = {end:g}." for name, count in failed.items()
        )
        note(None, f"**These curves do not reach 0, so these attacks failed:**\n\n{lines}")
    else:
        held(
            None, f"All curves reach 0 at ε = {end:g}: no attack has failed there. The lowest is still the honest one."
        )
    if lowest[end].any():
        note(None, "Even the envelope does not reach 0: the truth is lower than everything on this chart.")
    st.caption(
        f"The first {CURVE_DIGITS} test digits; {CURVE_STEPS} steps, {TARGETS} target classes, {QUERIES} queries at "
        f"each ε. A digit that has fallen at one ε counts as fallen at larger ones. The dashed line is ε = {ASKED:g}."
    )
    st.button("Guess again", on_click=_ask_anew, type="tertiary", key="evaluation_guess_again")
