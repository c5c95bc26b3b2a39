"""The argument, line by line; each line is measured when it is revealed."""

from collections.abc import Iterator

import streamlit as st

from adv_core.linear import Evidence
from pages.lessons.linear_models.measured import both_means, digits, measured, measured_now, minus
from pages.lessons.linear_models.settings import TESTED, Settings, page


def why_no_search(_: None) -> Iterator[None]:
    settings = page.value
    st.subheader("3 · Why no search was needed", anchor="argument")
    st.markdown(
        "The attack of this whole course is a maximum that nobody can compute for a deep network. Here you can. Write "
        "y = +1 for a 1 and y = −1 for a 0, then the loss is Ψ(y·h(x)) with Ψ(z) = log(1 + e⁻ᶻ), and the training "
        "problem under attack is"
    )
    st.latex(
        r"\min_{\theta, b}\ \sum_{(x,y)}\ \max_{\|\delta\|_\infty \le \varepsilon}\ \Psi\big(y\cdot h(x+\delta)\big)"
    )
    lines = (_line_1, _line_2, _line_3, _line_4, _line_5)
    place = st.container()
    with st.container(horizontal=True):
        if settings.line < len(lines):
            st.button(
                "Next line" if settings.line else "First line",
                on_click=page.set,
                kwargs={"line": settings.line + 1},
                type="primary",
                icon=":material/arrow_downward:",
                key="next_line",
            )
            st.button("All lines", on_click=page.set, kwargs={"line": len(lines)}, key="all_lines")
        if settings.line:
            st.button("From the start", on_click=page.set, kwargs={"line": 0}, type="tertiary", key="no_lines")
    note = st.empty()
    yield
    eps, box = settings.eps, settings.box
    seen = measured(settings.seed, settings.digit, eps, box)
    with place:
        for line in lines[: settings.line]:
            with st.container(border=True):
                line(settings, seen)
    if settings.line:
        inside = "inside the box [0, 1]" if box else "without the box"
        note.caption(
            f"Measured on test digit number {settings.digit} (a {int(digits('test').labels[settings.digit])}), ε = "
            f"{eps:g}, {inside}, with {seen.draws} random corners of the ball (every pixel at +ε or −ε), seed "
            f"{settings.seed}. Change ε or the box above: every number here follows."
        )


def _line_1(settings: Settings, seen: Evidence) -> None:
    st.markdown("**1.** Ψ falls, so the largest loss is where y·h is smallest.")
    st.latex(r"\max_\delta \Psi(y\,h(x+\delta)) = \Psi(\min_\delta y\,h(x+\delta))")
    measured_now(
        f"{seen.draws} random δ sorted by y·h(x + δ): their losses fall all the way, with {seen.out_of_order} out of "
        "order."
    )


def _line_2(settings: Settings, seen: Evidence) -> None:
    st.markdown("**2.** h is linear: δ enters by one term only. Make that one small, and forget x.")
    st.latex(r"y\,h(x+\delta) = y\,h(x) + y\,\theta^\top\delta")
    st.latex(r"\Rightarrow\quad \min_\delta\ y\,\theta^\top\delta")
    measured_now(f"The largest |h(x + δ) − h(x) − θᵀδ| of the {seen.draws} is {seen.remainder:.1e}: rounding.")


def _line_3(settings: Settings, seen: Evidence) -> None:
    st.markdown(
        "**3.** y·θᵀδ is a sum over pixels, and each pixel is free: let each do its own worst, against the sign of "
        "its weight."
    )
    st.latex(r"\delta^* = -\,y\,\varepsilon\,\operatorname{sign}(\theta)")
    if settings.box:
        st.markdown("With the box, the same, clipped to −x ≤ δ ≤ 1 − x: the box, too, binds each pixel by itself.")
    measured_now(
        f"y·θᵀδ by the formula **{minus(seen.formula)}**; by PGD in 40 steps {minus(seen.pgd)}, by FGSM in one "
        f"{minus(seen.fgsm)}; the best of {seen.draws} random δ {minus(seen.chance)}. Pixels in which PGD's δ differs "
        f"from δ\\*: {seen.pixels} of 784."
    )
    st.caption(
        "FGSM takes ε·sign of the gradient, and the gradient of a linear model is θ times a number: it *is* δ\\*."
    )


def _line_4(settings: Settings, seen: Evidence) -> None:
    st.markdown("**4.** Put it in: every pixel costs ε·|θᵢ|, whatever x is.")
    st.latex(r"y\,\theta^\top\delta^* = -\varepsilon \sum_i |\theta_i| = -\varepsilon\,\|\theta\|_1")
    if settings.box:
        measured_now(
            f"−ε‖θ‖₁ = {minus(seen.bound)}. In the box, δ\\* reaches {minus(seen.formula)} only: a black pixel cannot "
            "get darker. The formula is a bound now, and what is lost depends on x."
        )
    else:
        measured_now(f"y·θᵀδ\\* = {minus(seen.formula)} and −ε‖θ‖₁ = {minus(seen.bound)}.")


def _line_5(settings: Settings, seen: Evidence) -> None:
    st.markdown("**5.** The maximum is gone. What is left is ordinary training with a handicap of ε‖θ‖₁.")
    st.latex(r"\min_{\theta, b}\ \sum_{(x,y)}\ \Psi\big(y\,h(x) - \varepsilon\,\|\theta\|_1\big)")
    formula, attacked = both_means(settings.seed, settings.eps, settings.box)
    measured_now(
        f"The mean worst loss over all {TESTED} test digits: {formula:.4f} by the formula"
        f"{' (with the box)' if settings.box else ''}, {attacked:.4f} by PGD against each of them."
    )
