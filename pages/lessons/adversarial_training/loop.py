"""One step of the min-max loop, term by term."""

from collections.abc import Iterator, Sequence

import numpy as np
import streamlit as st

from adv_core.training import Recipe
from pages.lessons.adversarial_training.charts import ascent_chart
from pages.lessons.adversarial_training.settings import INNER, STAGES, page
from pages.lessons.adversarial_training.tasks import Update, Walk
from pages.widgets.charts import short
from pages.widgets.digits import sheet, signed
from pages.widgets.glossary import prose
from pages.widgets.lesson import table, vega_chart
from pages.widgets.live import computed
from pages.widgets.stage import show_picture

# The place of each stage's term: in the problem, or in the step that solves it.
_PROBLEM = ((r"\min_\theta\ ", 4), (r"R_\text{adv}(\theta)", None))
_RISK = (
    (r"R_\text{adv}(\theta) = ", None),
    (r"\frac1N\sum_{n=1}^{N}\ ", 0),
    (r"\max_{\delta\in\Delta(x_n)}\ ", 1),
    (r"L\big(y_n, \hat f(", None),
    (r"x_n + \delta", 2),
    (r"\mid\theta)\big)", None),
)
_STEP = (
    (r"\theta^{[t+1]} = \theta^{[t]} - \alpha\cdot\frac1m\sum_{n=1}^{m}", 4),
    (r"\nabla_\theta\ ", 3),
    (r"L\big(y_n, \hat f(x_n + \delta_n^*\mid\theta^{[t]})\big)", None),
)


def formula(stage: int, parts: Sequence[tuple[str, int | None]]) -> str:
    """LaTeX with the terms of that stage in colour."""
    return "".join(rf"{{\color{{#D55E00}}{text}}}" if place == stage else text for text, place in parts)


def one_step_slowly(_: object) -> Iterator[None]:
    st.subheader("2 · One step of adversarial training, slowly", anchor="one-step")
    prose(
        "Training minimises the mean loss. **Adversarial training** minimises the *adversarial risk* "
        r"$R_\text{adv}(\theta)$, the "
        "mean of the worst losses: the attack is a maximum inside the minimum. So the network learns from the "
        "adversarial examples x + δ\\* of its present weights. You follow one minibatch of eight digits through one "
        "step. The step starts from the standard network."
    )
    settings = page.value
    stages = (_images, _search, _adversarial, _gradient, _update)
    for parts in (_PROBLEM, _RISK):
        st.latex(formula(settings.stage - 1, parts))
    place = st.container()
    if settings.stage >= 4:
        st.latex(formula(settings.stage - 1, _STEP))
    with st.container(horizontal=True):
        if settings.stage < len(stages):
            label = f"Next: {STAGES[settings.stage]}" if settings.stage else f"Start: {STAGES[0]}"
            following = {"stage": settings.stage + 1}
            st.button(label, on_click=page.set, kwargs=following, type="primary", key="next_stage")
        if settings.stage:
            st.button("Start again", on_click=page.set, kwargs={"stage": 0}, key="first_stage")
            another = {"batch": (settings.batch + 1) % 7500}
            st.button("Another minibatch", on_click=page.set, kwargs=another, icon=":material/refresh:")
    yield
    recipe = Recipe(page.value.inner, page.value.ball, seed=page.value.seed)  # type: ignore[arg-type]
    walked: Update = computed("walk", Walk("standard", 8 * settings.batch, recipe))
    for number, draw in enumerate(stages[: settings.stage]):
        with place, st.container(border=True):
            st.markdown(f"**{number + 1}. {STAGES[number]}**")
            draw(walked, recipe)


def _row(images: np.ndarray, wrong: Sequence[bool], alt: str) -> None:
    show_picture(sheet(images, wrong, 8, zoom=3), alt)


def _images(walked: Update, recipe: Recipe) -> None:
    _row(walked.images, [False] * len(walked.images), f"Eight training digits: {walked.labels.tolist()}")
    st.markdown(f"Their mean loss without δ is **{short(walked.untouched)}**. Ordinary training would use this loss.")


def _search(walked: Update, recipe: Recipe) -> None:
    left, right = st.columns([3, 2], gap="medium")
    steps = len(walked.losses) - 1
    with left:
        vega_chart(
            ascent_chart(walked.losses.tolist(), walked.untouched),
            200,
            f"The mean loss rises from {walked.losses[0]:.2f} to {walked.losses[-1]:.2f} in {steps} steps",
        )
    with right:
        delta = np.concatenate(list(walked.deltas[-1][:4]), 1)
        show_picture(signed(delta, recipe.eps, 3), "δ* of the first four digits")
        st.caption("δ\\* of the first four: orange adds ink, blue removes ink.")
    st.markdown(
        f"The attack ({INNER[recipe.inner]}) starts at a random point of the ball ‖δ‖∞ ≤ {recipe.eps:g}. The mean loss "
        f"rises to **{walked.losses[-1]:.2f}**. The dashed line is the loss at x."
    )


def _adversarial(walked: Update, recipe: Recipe) -> None:
    wrong = walked.wrong.tolist()
    _row(
        walked.images + walked.deltas[-1],
        wrong,
        f"The eight adversarial digits; {sum(wrong)} of them are misclassified",
    )
    st.markdown(
        f"At x + δ\\* the network misclassifies **{sum(wrong)} of {len(wrong)}** digits (orange). From here on δ\\* is "
        "fixed."
    )


def _gradient(walked: Update, recipe: Recipe) -> None:
    left, right = st.columns(2, gap="medium")
    for column, values, text, alt in (
        (left, walked.filters, "16 filters of the first layer, θ", "The sixteen filters, 4 by 4 weights each"),
        (right, walked.slope, "their gradient ∇θ L at x + δ\\*", "The gradient of each of them"),
    ):
        padded = np.pad(values, ((0, 0), (0, 1), (0, 1)))
        rows = [np.concatenate(list(padded[start : start + 8]), 1) for start in (0, 8)]
        shown = signed(np.concatenate(rows), float(np.abs(values).max()), 8)
        show_picture(shown, alt, column)
        column.caption(text)
    st.markdown(
        f"**Danskin's theorem**: the gradient of a maximum is the gradient *at* the maximum. So keep δ\\* fixed, and "
        f"differentiate as usual. Over all 166 406 weights, ‖∇θ L‖₂ = {walked.slope_norm:.2f}."
    )
    st.markdown(
        "The theorem needs the *exact* maximum. In a linear model there is a formula for it. In a network, the attack "
        "finds only some local maximum, so strictly **Danskin's theorem no longer holds**, and the step may not "
        "lower the worst loss. It works in practice, and the better the stronger the attack is."
    )


def _update(walked: Update, recipe: Recipe) -> None:
    rows = [
        ("before the step, at x + δ\\*", f"{walked.losses[-1]:.3f}"),
        ("after it, at the same x + δ\\*", f"{walked.moved:.3f}"),
        ("after it, at the new δ\\* of another attack", f"**{walked.remaximised:.3f}**"),
    ]
    table(("mean loss", ""), rows)
    st.markdown(
        "The step has made the old δ\\* less harmful, but another attack finds a new one. So each step needs its own "
        f"attack: {recipe.gradients} more gradients for each digit. This is the cost in time."
    )
