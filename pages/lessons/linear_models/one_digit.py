"""One digit, from the test set or the reader's own, under the worst δ of either model."""

from collections.abc import Iterator

import numpy as np
import streamlit as st
import torch
from torch import Tensor

from adv_core.datasets import centred
from adv_core.linear import LinearClassifier, flips_at, signs, worst_case, worst_margin
from pages.lessons.linear_models.charts import square
from pages.lessons.linear_models.measured import digits, trained
from pages.lessons.linear_models.settings import ROBUST, STANDARD, TESTED, page
from pages.widgets import verdict
from pages.widgets.canvas import canvas
from pages.widgets.charts import curve
from pages.widgets.digits import ink
from pages.widgets.lesson import chart, digit_control
from pages.widgets.stage import PictureRow, percent, playground


def one_digit(_: None) -> Iterator[None]:
    st.subheader("6 · One digit: your turn", anchor="one-digit")
    with playground("digit"):
        with st.container():
            place, words = st.columns([3, 1.2], gap="medium")
        left, right = st.columns(2, gap="medium")
        with left:
            names = {"test": "a test digit", "own": "your own digit"}
            page.choice("source", "Digit", names)
            x, y = (own_digit(), None) if page.value.source == "own" else test_digit()
        with right:
            page.control("model", st.segmented_control, "Model", ["standard", "robust"], required=True)
            page.control("room", st.slider, "ε for this digit", 0.0, 0.5, step=0.01)
    if x is None:
        with place:
            verdict.note(None, "Write a 0 or a 1. The model's prediction appears here.")
        return
    with place:
        titles = {"x": "x", "delta": "+ δ*", "end": "= x + δ*"}
        row = PictureRow(
            "stage_digit", titles, ink(np.full((28, 28), 0.5), 8), page.value.source, alt="{title}, not yet computed"
        )
    curve_place = st.container()
    yield
    settings = page.value
    models = {"standard": trained(settings.seed), "robust": trained(settings.seed, settings.against)}
    model, eps, box = models[settings.model], settings.room, settings.box
    if y is None:  # the digit has no label: the attack leads away from the prediction
        y = (model.score(x) > 0).long()
    delta = worst_case(model.theta, y, eps, x if box else None).view_as(x)
    before, after = float(model.probability(x)), float(model.probability(x + delta))
    says = "1" if after > 0.5 else "0"
    row.show("x", ink(square(x), 8), f"“{int(before > 0.5)}”", f"p(1): {percent(before)}", alt="The digit, untouched")
    row.show(
        "delta",
        ink(0.5 + square(delta), 8),
        f"ε = {eps:g}",
        "drawn around grey",
        alt="The worst perturbation for this digit, around grey",
    )
    row.show(
        "end",
        ink(square(x + delta), 8),
        f"“{says}”",
        f"p(1): {percent(after)}",
        alt=f"The perturbed digit, classified as {says}",
    )
    with words:
        st.metric(
            "p(1) under δ\\*",
            percent(after),
            f"from {percent(before)}",
            delta_color="off",
            delta_arrow="off",
            border=True,
        )
        flips = {name: float(flips_at(each, x, y, box=box)) for name, each in models.items()}
        st.markdown(
            f"The {settings.model} model predicts **{says}**. The least ε that changes the prediction: "
            f"**{flips['standard']:.3f}** (standard), **{flips['robust']:.3f}** (robust)."
        )
    with curve_place:
        st.caption(
            "The least ε is found by bisection, inside the box."
            if box
            else "Without the box, the least ε is exactly |θᵀx + θ₀| / ‖θ‖₁."
        )
        show_falling(models, x, y, after)


def show_falling(models: dict[str, LinearClassifier], x: Tensor, y: Tensor, after: float) -> None:
    """Show the predictions of both models under δ*, for every ε."""
    eps, box = page.value.room, page.value.box
    grid = [k / 100 for k in range(51)]
    lines = []
    for (name, each), colour in zip(models.items(), (STANDARD, ROBUST), strict=True):
        margins = [float(worst_margin(each.theta, each.bias, x, y, e, box=box)) for e in grid]
        p = torch.sigmoid(signs(y) * torch.tensor(margins))
        lines.append((name, grid, p.tolist(), colour))
    chart(
        curve(lines, x_title="ε", y_title="p(1) under δ*", y_range=(-0.02, 1.02), mark=eps),
        "p_curve",
        f"p(1) against ε; at {eps:g} the {page.value.model} model gives {percent(after)}",
    )


def test_digit() -> tuple[Tensor, Tensor]:
    data = digits("test")
    digit_control(page, TESTED)
    place = page.value.digit
    st.caption(
        f"The digit {int(data.labels[place])}, number {int(data.places[place])} of MNIST's 10\u202f000 test pictures."
    )
    return data[place].images[None], data.labels[place, None]


def own_digit() -> Tensor | None:
    drawing = canvas("own_digit", width=28, height=28, label="Write a 0 or a 1", brush=2.6)
    if drawing is None:
        return None
    st.caption("We move your digit so that its centre of mass is in the middle, as in MNIST.")
    return centred(torch.from_numpy(drawing))[None, None]
