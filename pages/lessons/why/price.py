"""Section 4: a price to pay? Clean and robust accuracy in the plane of two pixels."""

from collections.abc import Iterator
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.lessons.why.price_charts import plane_chart, price_chart
from pages.lessons.why.price_tasks import ATTACK, PlaneTraining, TrainInPlane
from pages.lessons.why.settings import BETAS, METHODS, PLANES, POINTS, TRAINED_EPS, page
from pages.widgets.digits import share
from pages.widgets.glossary import prose
from pages.widgets.lesson import skeleton, vega_chart
from pages.widgets.live import computed, follow_each

HEIGHT = 360


def show_price(_: None) -> Iterator[None]:
    st.subheader("4 · A price to pay?", anchor="price")
    prose(
        "Pictures of two pixels, so that you can see the **decision boundary**. In the first data set, the left pixel "
        "is a **robust feature**: the classes are far apart in it, but it misleads in one picture of ten. The right "
        "pixel is a **non-robust feature**: it is always right, by a distance smaller than ε. Ordinary training uses "
        "the right pixel, since nothing beats 100 %. Robust training may not: an attacker can change it. So it pays "
        "about ten per cent (Tsipras et al., 2019)."
    )
    show_controls()
    left, right = st.columns(2, gap="medium")
    plane, curve = left.empty(), right.empty()
    skeleton(plane, HEIGHT, "The plane of two pixels, not yet computed")
    skeleton(curve, HEIGHT, "Accuracy, not yet computed")
    told = st.empty()
    yield
    follow_plane(plane, told)
    yield  # the short computations of the other sections come first
    follow_knob(curve)


def show_controls() -> None:
    left, right = st.columns(2, gap="medium")
    with left:
        page.choice("plane", "Data", PLANES)
        page.control("points", st.select_slider, "Training points", POINTS)
    with right:
        page.choice("method", "Robust training", METHODS)
        if page.value.method == "pgd":
            page.control("trained_eps", st.slider, "ε of the training", 0.0, TRAINED_EPS[-1], step=0.02)
        else:
            page.control("beta", st.select_slider, f"β of TRADES, with ε = {ATTACK:g}", BETAS)
    st.latex(
        r"\min_\theta\ \mathbb E\,\max_{\delta\in\Delta} L\big(y, \hat f(x+\delta)\big)"
        if page.value.method == "pgd"
        else r"\min_\theta\ \mathbb E\Big[L\big(y, \hat f(x)\big) + \beta\,\max_{\delta\in\Delta}"
        r" \mathrm{KL}\big(\hat f(x)\,\big\|\,\hat f(x+\delta)\big)\Big]"
    )


def training(**changes: Any) -> TrainInPlane:
    """The training of the controls, with some of its fields changed."""
    value = page.value
    eps = round(value.trained_eps, 2) if value.method == "pgd" else ATTACK
    chosen = {"data": value.plane, "method": value.method, "eps": eps, "beta": float(value.beta)}
    return TrainInPlane(**{**chosen, "points": int(value.points), **changes})


def follow_plane(slot: DeltaGenerator, told: DeltaGenerator) -> None:
    """Train the ordinary network and the robust one, and draw their borders."""
    ordinary, robust = computed("plane ordinary", training(eps=0.0)), computed("plane robust", training())
    borders = (("ordinary training", ordinary.border), (METHODS[page.value.method], robust.border))
    spec = plane_chart(robust.points, robust.classes, borders, ATTACK)
    alt = f"The plane of two pixels with training points and two borders. {said(ordinary, robust)}"
    vega_chart(spec, HEIGHT, alt.replace("**", ""), slot)
    told.markdown(
        f"{said(ordinary, robust)} Squares: what the attacker can reach from a point, ε = {ATTACK:g}. Where a "
        "border crosses a square, they can change the answer."
    )


def said(ordinary: PlaneTraining, robust: PlaneTraining) -> str:
    name = METHODS[page.value.method]
    shares = [
        f"**{share(each.clean)}** untouched, **{share(each.robust)}** under attack" for each in (ordinary, robust)
    ]
    return f"New points read rightly. Ordinary training: {shares[0]}. With {name}: {shares[1]}."


def follow_knob(slot: DeltaGenerator) -> None:
    """Train one network for each value of the knob, and draw its accuracy."""
    if page.value.method == "pgd":
        works = {f"{eps:g}": training(eps=eps) for eps in TRAINED_EPS}
        title = "ε of the training"
    else:
        works = {beta: training(beta=float(beta)) for beta in BETAS}
        title = "β of TRADES"

    def draw(found: dict[str, list[PlaneTraining]], _: str) -> None:
        points = [(knob, records[-1].clean, records[-1].robust) for knob, records in found.items()]
        told = [f"{knob}: {share(clean)}, under attack {share(robust)}" for knob, clean, robust in points]
        alt = f"Accuracy against {title}. " + "; ".join(told)
        vega_chart(price_chart(points, list(works), title), HEIGHT, alt, slot)

    follow_each("price", works, draw)
