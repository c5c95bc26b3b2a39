"""The proof, line by line. Each line is checked on data when it appears."""

from collections.abc import Iterator

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from adv_core.linear import Evidence, signs
from pages.lessons.linear_models.charts import loss_chart
from pages.lessons.linear_models.measured import both_means, digits, measured, measured_now, minus, trained
from pages.lessons.linear_models.settings import TESTED, Settings, page
from pages.widgets.charts import short
from pages.widgets.glossary import prose
from pages.widgets.lesson import skeleton, vega_chart

ROBUST_PROBLEM = (
    r"\min_{\theta, \theta_0}\ \frac1N\sum_{n=1}^{N}\ "
    r"\Psi\big(y_n(\theta^\top x_n+\theta_0) - \varepsilon\,\|\theta\|_1\big)"
)


def why_no_search(_: None) -> Iterator[None]:
    settings = page.value
    st.subheader("3 · Proof of the closed form, line by line", anchor="argument")
    prose(
        "Every attack of this course looks for a maximum. For a deep network nobody can compute this maximum; for a "
        "linear model you can. Write y = ±1: y = +1 for a 1, and y = −1 for a 0. Then the loss is a function of the "
        "score alone:"
    )
    left, right = st.columns([3, 2], gap="medium", vertical_alignment="center")
    with left:
        st.latex(r"L(y, h(x)) = \Psi\big(y\,(\theta^\top x + \theta_0)\big)")
        st.latex(r"\Psi(z) = \log(1 + e^{-z})")
        prose("The training problem under attack is")
        st.latex(
            r"\min_{\theta, \theta_0}\ \frac1N\sum_{n=1}^{N}\ \max_{\delta\in\mathcal{B}_\varepsilon^\infty}\ "
            r"\Psi\Big(y_n\big(\theta^\top (x_n+\delta) + \theta_0\big)\Big)"
        )
    with right:
        loss = st.empty()
        skeleton(loss, 230, "the loss Ψ")
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
            st.button("Hide all lines", on_click=page.set, kwargs={"line": 0}, type="tertiary", key="no_lines")
    note = st.empty()
    yield
    eps, box = settings.eps, settings.box
    seen = measured(settings.seed, settings.digit, eps, box)
    show_loss(settings, seen, loss)
    with place:
        for line in lines[: settings.line]:
            with st.container(border=True):
                line(settings, seen)
    if settings.line:
        inside = "inside the box [0, 1]" if box else "without the box"
        note.caption(
            f"Measured on test digit number {settings.digit} (a {int(digits('test').labels[settings.digit])}), ε = "
            f"{eps:g}, {inside}, with {seen.draws} random corners of the ball (every pixel at +ε or −ε), seed "
            f"{settings.seed}. The numbers change with ε and the box above."
        )


def show_loss(settings: Settings, seen: Evidence, slot: DeltaGenerator) -> None:
    """Draw Ψ, and on it the digit without δ and under δ*."""
    data, model = digits("test"), trained(settings.seed)
    x, label = data[settings.digit].images[None], data.labels[settings.digit, None]
    before = float(signs(label) * model.score(x))
    after = before + seen.formula
    with slot.container():
        vega_chart(
            loss_chart(before, after),
            230,
            f"The loss Ψ(z) falls from left to right. The digit is at z = {before:.1f}, under δ* at z = {after:.1f}",
        )
        st.caption(
            f"The loss Ψ, as in the lecture (Kolter & Madry, chapter 2). Test digit {settings.digit} is at z = "
            f"{minus(before)}; δ\\* moves it to z = {minus(after)}. Left of 0, the prediction is wrong."
        )


def _line_1(settings: Settings, seen: Evidence) -> None:
    st.markdown("**1.** Ψ is decreasing, so the loss is largest where y·score is smallest.")
    st.latex(
        r"\max_\delta\ \Psi\big(y(\theta^\top(x+\delta)+\theta_0)\big)"
        r" = \Psi\big(\min_\delta\ y(\theta^\top(x+\delta)+\theta_0)\big)"
    )
    measured_now(
        f"We sort {seen.draws} random δ by y(θᵀ(x + δ) + θ₀). Their losses fall from first to last, with "
        f"{seen.out_of_order} out of order."
    )


def _line_2(settings: Settings, seen: Evidence) -> None:
    st.markdown("**2.** The score is linear, so δ appears in one term only. Minimise this term; it does not contain x.")
    st.latex(r"y(\theta^\top(x+\delta)+\theta_0) = y(\theta^\top x+\theta_0) + y\,\theta^\top\delta")
    st.latex(r"\Rightarrow\quad \min_\delta\ y\,\theta^\top\delta")
    measured_now(
        f"The two sides differ by {short(seen.remainder)} at most, over {seen.draws} random δ: a rounding error."
    )


def _line_3(settings: Settings, seen: Evidence) -> None:
    st.markdown(
        "**3.** y·θᵀδ is a sum over pixels, and the constraint applies to each pixel separately. So each pixel changes "
        "by ε against the sign of y·θⱼ."
    )
    st.latex(r"\delta^* = -\,y\,\varepsilon\,\operatorname{sign}(\theta)")
    if settings.box:
        st.markdown("With the box, clip δ\\* to −x ≤ δ ≤ 1 − x: the box, too, limits each pixel separately.")
    measured_now(
        f"The formula gives y·θᵀδ = **{minus(seen.formula)}**, PGD in 40 steps {minus(seen.pgd)}, FGSM in one step "
        f"{minus(seen.fgsm)}, and the best of {seen.draws} random δ {minus(seen.chance)}. PGD's δ differs from δ\\* in "
        f"{seen.pixels} of 784 pixels."
    )
    st.caption(
        "FGSM is ε times the sign of the gradient. The gradient of a linear model is θ times a number, so FGSM *is* "
        "δ\\*."
    )


def _line_4(settings: Settings, seen: Evidence) -> None:
    st.markdown("**4.** Insert δ\\*: each pixel contributes −ε·|θⱼ|, whatever x is, since y² = 1.")
    st.latex(r"y\,\theta^\top\delta^* = -\,y^2\,\varepsilon \sum_j |\theta_j| = -\,\varepsilon\,\|\theta\|_1")
    if settings.box:
        measured_now(
            f"−ε‖θ‖₁ = {minus(seen.bound)}. In the box, δ\\* reaches only {minus(seen.formula)}, since a black pixel "
            "cannot become darker. The formula is a bound now, and the difference depends on x."
        )
    else:
        measured_now(f"y·θᵀδ\\* = {minus(seen.formula)} and −ε‖θ‖₁ = {minus(seen.bound)}.")


def _line_5(settings: Settings, seen: Evidence) -> None:
    st.markdown("**5.** The maximum is gone. Robust training is ordinary training with y(θᵀx + θ₀) reduced by ε‖θ‖₁.")
    st.latex(
        r"\max_{\delta\in\mathcal{B}_\varepsilon^\infty} \Psi\big(y(\theta^\top(x+\delta)+\theta_0)\big)"
        r" = \Psi\big(y(\theta^\top x+\theta_0) - \varepsilon\,\|\theta\|_1\big)"
    )
    st.latex(ROBUST_PROBLEM)
    st.caption(
        "A remark on the slide: in the last line of its inner maximum, a δ is left over and θ₀ is missing. Once δ\\* "
        "is inserted, no δ remains, and θ₀ stays: the line above is the corrected one."
    )
    formula, attacked = both_means(settings.seed, settings.eps, settings.box)
    measured_now(
        f"The mean worst loss over all {TESTED} test digits: {formula:.4f} by the formula"
        f"{' (with the box)' if settings.box else ''}, {attacked:.4f} by PGD against each of them."
    )
